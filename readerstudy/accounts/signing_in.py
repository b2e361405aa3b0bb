"""The one sign-in: a password starts a session at once, or is held until the second factor is given too.

A session's standing says how far it has come: whether it owes a second factor, or its person must set one up first.
Who signs in and out goes into the site's audit chain; what was typed never does.
"""

import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db import transaction
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from readerstudy.accounts.access import may_open_runs
from readerstudy.accounts.attempts import limits_of
from readerstudy.accounts.browsers import in_words
from readerstudy.accounts.factors import has_factor
from readerstudy.accounts.models import User
from readerstudy.accounts.open_sessions import BEGAN, BROWSER
from readerstudy.audit.services import record, record_person

HELD = "held"
HELD_FOR_S = 600
BACKEND = "django.contrib.auth.backends.ModelBackend"
MARK = "second_factor"
PASSED, NONE_NEEDED, OWED, TO_SET_UP = "passed", "none needed", "owed", "to set up"
staff_tests: set[Callable[[User], bool]] = set()
"""Apps above this one say here who else is staff: who has a role in a study other than reader."""


@transaction.atomic
def hold(request: HttpRequest, person: User, *, onward: str) -> bool:
    """Hold a right password for ten minutes if its person has a second factor; say whether it is held."""
    if not has_factor(person):
        return False
    request.session.cycle_key()
    request.session[HELD] = {
        "person": person.pk,
        "password": person.get_session_auth_hash(),
        "until": time.time() + HELD_FOR_S,
        "onward": onward,
    }
    request.session.save()
    return True


@transaction.atomic
def begin_session(request: HttpRequest, person: User, *, mark: str | None = None) -> None:
    """Sign a person in: session, its standing and the audit event come about together or not at all."""
    login(request, person, backend=BACKEND)
    if mark is not None:
        request.session[MARK] = mark
    request.session.save()


def waiting(request: HttpRequest) -> tuple[User, str] | None:
    """Return who owes this session a second factor and where they were going, or None.

    A password that has changed since, or a person switched off, is waited for no more.
    """
    if request.user.is_authenticated:
        return (request.user, "/") if standing(request) == OWED else None
    held: dict[str, Any] | None = request.session.get(HELD)
    if held is None or held["until"] < time.time():
        return None
    person = User.objects.filter(pk=held["person"], is_active=True).first()
    if person is None or person.get_session_auth_hash() != held["password"]:
        return None
    return person, held["onward"]


def let_in(request: HttpRequest, person: User, *, kind: str) -> None:
    """Begin the session of a person whose second factor has come; in the transaction that used the factor up."""
    request.session.pop(HELD, None)
    begin_session(request, person, mark=PASSED)
    record_person("person.second_factor_used", person, person, factor=kind)


def must_have_factor(user: User) -> bool:
    """Say whether the site's rule (MFA_REQUIRED) asks this person for a second factor."""
    return bool(settings.MFA_REQUIRED == "all" or (settings.MFA_REQUIRED == "staff" and is_staff(user)))


def is_staff(user: User) -> bool:
    """Say whether a person does more on this site than read."""
    return bool(user.is_staff or may_open_runs(user) or any(test(user) for test in staff_tests))


def standing_of(user: User) -> str:
    """Return the standing of a session that was begun with a password or a link alone."""
    if has_factor(user):
        return OWED
    return TO_SET_UP if must_have_factor(user) else NONE_NEEDED


def standing(request: HttpRequest) -> str:
    """Return the standing of this request's session; one that says nothing is asked as if it began now."""
    mark: str | None = request.session.get(MARK)
    if mark is None:
        mark = request.session[MARK] = standing_of(request.user)  # type: ignore[arg-type]
    return mark


@receiver(user_logged_in)
def note_sign_in(*, request: HttpRequest, user: User, **_: Any) -> None:
    """Note a sign-in, and in its session when, with what, and whether it owes a second factor."""
    request.session[BEGAN] = timezone.now().isoformat()
    request.session[BROWSER] = in_words(request.META.get("HTTP_USER_AGENT", ""))
    request.session[MARK] = standing_of(user)
    limits_of(request, user.email, codes_of=user).forget()
    request.browser_is_of = user.email  # type: ignore[attr-defined]  # the middleware lets the browser know
    record_person("person.signed_in", user, user)


@receiver(user_logged_out)
def note_sign_out(*, user: User | None, **_: Any) -> None:
    """Note a sign-out; nobody signs out of a session that has ended already."""
    if user is not None:
        record_person("person.signed_out", user, user)


@receiver(user_login_failed)
def note_failure(**_: Any) -> None:
    """Note that somebody failed to sign in; the address typed may be a password typed into the wrong field."""
    record("person.sign_in_failed", None)
