"""The access log of sweeps: anyone who opened one cannot read cases made from it. And who changed what there."""

from typing import Any

from django.dispatch import receiver

from analysis.signals import changed, run_opened
from readerstudy.accounts.access import RUN_OPENED
from readerstudy.accounts.models import User
from readerstudy.audit.services import record


@receiver(run_opened)
def note_opening(*, run_id: str, person: User, **_: Any) -> None:
    """Write who opened which sweep into the site's chain."""
    record(RUN_OPENED, person, subject=run_id)


@receiver(changed)
def note_change(*, kind: str, subject: str, actor_id: int | None, values: dict[str, Any], **_: Any) -> None:
    """Write what was done to a sweep, a data set or an ensemble into the site's chain, in its transaction."""
    actor = None if actor_id is None else User.objects.get(pk=actor_id)
    record(kind, actor, subject=subject, values=values)
