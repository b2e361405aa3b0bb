"""Who is asking, and who may know what: the one place that says who can open a sweep, and so may not read its cases."""

from typing import TypeVar, cast

from django.contrib.auth.models import Permission
from django.db.models import Exists, Q, QuerySet
from django.http import Http404, HttpRequest

from readerstudy.accounts.models import User
from readerstudy.audit.models import Event

RUN_PERMISSION = "analysis.view_run"
RUN_OPENED = "run.opened"
Found = TypeVar("Found")


def or_404(found: Found | None) -> Found:
    """Return what was found; 404 where it is None or False."""
    if found is None or found is False:
        raise Http404
    return found


def may_open_runs(user: User) -> bool:
    """Say whether a person's permissions let them open a sweep's images, scores or exemplars."""
    return bool(user.is_superuser or user.has_perm(RUN_PERMISSION))


def has_opened_run(user: User, run_id: str) -> bool:
    """Say whether the access log shows that a person opened this sweep."""
    return _openings(user, run_id).exists()


def _openings(user: User, run_id: str) -> QuerySet[Event]:
    return Event.objects.filter(kind=RUN_OPENED, actor=user, subject=run_id)


def knows_run(user: User, run_id: str) -> bool:
    """Say whether a person may open sweeps, or has opened this one: then its cases are not blind to them.

    Asked at every request of a reader, hence in one statement: `may_open_runs` and `has_opened_run` together.
    """
    if user.is_superuser:
        return True
    app, codename = RUN_PERMISSION.split(".")
    named = Permission.objects.filter(content_type__app_label=app, codename=codename)
    knows = Q(Exists(named.filter(Q(user=user) | Q(group__user=user))))
    if run_id:
        knows |= Q(Exists(_openings(user, run_id)))
    return User.objects.filter(knows, pk=user.pk).exists()


def signed_in(request: HttpRequest) -> User:
    """Return the person behind a request; for views that nobody reaches without signing in."""
    return cast(User, request.user)
