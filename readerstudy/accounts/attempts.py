"""Attempts at the second step are counted twice: with the failed passwords, and by person from anywhere."""

from axes.handlers.proxy import AxesProxyHandler
from django.conf import settings
from django.contrib.auth.signals import user_login_failed
from django.core.cache import cache
from django.http import HttpRequest

from readerstudy.accounts.models import User


def may_try(request: HttpRequest, person: User) -> bool:
    """Say whether another code may be tried; where not, the page for too many attempts is the answer."""
    counted = cache.get(_name(person), 0) < settings.AXES_FAILURE_LIMIT
    allowed = counted and AxesProxyHandler.is_allowed(request, {"username": person.email})
    if not allowed:
        request.axes_locked_out = True  # type: ignore[attr-defined]  # the middleware of django-axes answers
    return bool(allowed)


def note_wrong(request: HttpRequest, person: User) -> None:
    """Count a wrong code; only who knows the password gets so far, so that nobody else can stop a person."""
    pause = int(settings.AXES_COOLOFF_TIME.total_seconds())
    if not cache.add(_name(person), 1, timeout=pause):
        cache.incr(_name(person))
    user_login_failed.send(__name__, credentials={"username": person.email}, request=request)


def note_right(person: User) -> None:
    """Forget the wrong codes."""
    cache.delete(_name(person))


def _name(person: User) -> str:
    return f"second-step-{person.pk}"
