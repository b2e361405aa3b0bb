"""How far a session has come: whether it owes a second factor, or its person must set one up first."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest

from readerstudy.accounts.access import may_open_runs
from readerstudy.accounts.factors import has_factor
from readerstudy.accounts.models import User

MARK = "second_factor"
PASSED, NONE_NEEDED, OWED, TO_SET_UP = "passed", "none needed", "owed", "to set up"

staff_tests: list[Callable[[User], bool]] = []
"""Apps above this one say here who else is staff: who has a role in a study other than reader."""


def must_have_factor(user: User) -> bool:
    """Say whether the site's rule (MFA_REQUIRED) asks this person for a second factor."""
    if settings.MFA_REQUIRED == "staff":
        return bool(user.is_staff or may_open_runs(user) or any(test(user) for test in staff_tests))
    return bool(settings.MFA_REQUIRED == "all")


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


def note_standing(request: HttpRequest, mark: str) -> None:
    """Keep a standing in the session."""
    request.session[MARK] = mark
