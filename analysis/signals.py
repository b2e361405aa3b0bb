"""What the analysis tells whoever listens; the web project writes its access log from it."""

from django.dispatch import Signal

run_opened = Signal()
"""A person opened a page or file that shows what a run found. Arguments: run_id (str), person (the user)."""
