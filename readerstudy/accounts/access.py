"""Who may know what: the one place that says who can open a sweep, and so may not read cases made from it."""

from django.contrib.auth.models import Permission

from readerstudy.accounts.models import User
from readerstudy.audit.models import Event

RUN_PERMISSION = "analysis.view_run"
RUN_OPENED = "run.opened"


def may_open_runs(user: User) -> bool:
    """Say whether a person's permissions let them open a sweep's images, scores or exemplars."""
    return bool(user.is_superuser or user.has_perm(RUN_PERMISSION))


def has_opened_run(user: User, run_id: str) -> bool:
    """Say whether the access log shows that a person opened this sweep."""
    return Event.objects.filter(kind=RUN_OPENED, actor=user, subject=run_id).exists()


def knows_run(user: User, run_id: str) -> bool:
    """Say whether a person may open sweeps, or has opened this one: then its cases are not blind to them."""
    return may_open_runs(user) or (run_id != "" and has_opened_run(user, run_id))


def run_permissions() -> list[Permission]:
    """Return the permissions of a researcher on the analysis app."""
    return list(Permission.objects.filter(content_type__app_label="analysis"))
