"""Signals of the analysis; the web project writes its access log and audit trail from them."""

from typing import Any

from django.dispatch import Signal

run_opened = Signal()
"""A person opened a page or file that shows what a run found. Arguments: run_id (str), person (the user)."""

changed = Signal()
"""A service changed something, and is still in its transaction.

Arguments: kind (str, such as run.cancelled), subject (str, the run's or data set's name), actor_id (int or
None: a command), values (dict of plain values; no path, no patient data).
"""


def tell(kind: str, subject: str, actor_id: int | None, **values: Any) -> None:
    """Tell who listens to `changed` what was done."""
    changed.send(sender=None, kind=kind, subject=subject, actor_id=actor_id, values=values)
