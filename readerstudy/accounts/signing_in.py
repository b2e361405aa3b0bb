"""The one way in: a password begins a session at once, or is held until the second factor has come too."""

import time
from typing import Any

from django.contrib.auth import login
from django.db import transaction
from django.http import HttpRequest

from readerstudy.accounts.factors import has_factor
from readerstudy.accounts.models import User
from readerstudy.accounts.standing import OWED, PASSED, note_standing, standing
from readerstudy.audit.services import record

HELD = "held"
HELD_FOR_S = 600
BACKEND = "django.contrib.auth.backends.ModelBackend"


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
        note_standing(request, mark)
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
    record(kind="person.second_factor_used", actor=person, subject=str(person.pk), values={"factor": kind})
