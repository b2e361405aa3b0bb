"""Write who signed in and out into the site's audit chain; never what was typed."""

from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from readerstudy.accounts.attempts import door_of
from readerstudy.accounts.browsers import in_words
from readerstudy.accounts.models import User
from readerstudy.accounts.sessions import BEGAN, BROWSER
from readerstudy.accounts.standing import note_standing, standing_of
from readerstudy.audit.services import record


@receiver(user_logged_in)
def note_sign_in(*, request: HttpRequest, user: User, **_: Any) -> None:
    """Note a sign-in, and in its session when, with what, and whether it owes a second factor."""
    request.session[BEGAN] = timezone.now().isoformat()
    request.session[BROWSER] = in_words(request.META.get("HTTP_USER_AGENT", ""))
    note_standing(request, standing_of(user))
    door_of(request, user.email, codes_of=user).forget()
    request.browser_is_of = user.email  # type: ignore[attr-defined]  # the middleware lets the browser know
    record(kind="person.signed_in", actor=user, subject=str(user.pk))


@receiver(user_logged_out)
def note_sign_out(*, user: User | None, **_: Any) -> None:
    """Note a sign-out; nobody signs out of a session that has ended already."""
    if user is not None:
        record(kind="person.signed_out", actor=user, subject=str(user.pk))


@receiver(user_login_failed)
def note_failure(**_: Any) -> None:
    """Note that somebody failed to sign in; the address typed may be a password typed into the wrong field."""
    record(kind="person.sign_in_failed", actor=None)
