from typing import Any

from django.template import Library

from analysis.models import Run
from analysis.services.progress import progress_of, state_of

register = Library()


@register.filter
def row(run: Run) -> dict[str, Any]:
    """Return a run with how far it is and its state."""
    now = progress_of(run)
    return {"run": run, "progress": now, "state": state_of(run, now)}
