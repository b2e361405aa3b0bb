"""The access log of sweeps: whoever opened one cannot read cases made from it."""

from typing import Any

from django.dispatch import receiver

from analysis.signals import run_opened
from readerstudy.accounts.access import RUN_OPENED
from readerstudy.accounts.models import User
from readerstudy.audit.services import record


@receiver(run_opened)
def note_opening(*, run_id: str, person: User, **_: Any) -> None:
    """Write who opened which sweep into the site's chain."""
    record(kind=RUN_OPENED, actor=person, subject=run_id)
