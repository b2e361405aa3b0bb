"""Account recovery for somebody who has lost their second factors: begun on the server, finished by a link."""

import hashlib
import secrets
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from readerstudy.accounts.factors import remove_all
from readerstudy.accounts.models import Recovery, User
from readerstudy.accounts.open_sessions import end_all_sessions
from readerstudy.audit.services import record

HOLDS_FOR = timedelta(hours=1)


class RecoveryError(Exception):
    """There is nobody to give a new start to, or the link does not hold."""


@transaction.atomic
def begin_recovery(*, email: str, reason: str, actor: User | None) -> tuple[Recovery, str]:
    """Take a person's second factors and password away, end their sessions; return the recovery and its token.

    The token is shown once and stored as a digest. Until the link is used nobody signs in as this person; an
    earlier link holds no more. The password goes too: without a second factor it alone would open the account, and
    whoever has the lost phone may know it.

    Raises
    ------
    RecoveryError: nobody has this address, they are switched off, or no reason is given.
    """
    person = User.objects.select_for_update().filter(email=email.strip().lower(), is_active=True).first()
    if person is None:
        raise RecoveryError(f"expected the address of somebody who may sign in, {email} is nobody's")
    if not reason.strip():
        raise RecoveryError("expected a reason, such as 'phone lost, identity checked by telephone'")
    had_factor = remove_all(user=person, actor=actor, reason=reason) > 0
    person.set_unusable_password()
    person.save(update_fields=["password"])
    ended = end_all_sessions(user=person)
    Recovery.objects.filter(person=person, used_at=None, expires_at__gt=timezone.now()).update(
        expires_at=timezone.now()
    )
    token = secrets.token_urlsafe(32)
    begun = Recovery.objects.create(
        person=person,
        token_sha256=_digest(token),
        had_factor=had_factor,
        expires_at=timezone.now() + HOLDS_FOR,
    )
    record(
        kind="person.recovery_begun", actor=actor, subject=str(person.pk), reason=reason,
        values={"sessions_ended": ended, "expires_at": f"{begun.expires_at:%FT%TZ}"},
    )  # fmt: skip
    return begun, token


def open_recovery(token: str) -> Recovery:
    """Return the recovery of a link.

    Raises
    ------
    RecoveryError: the link is unknown, used or expired. It does not say which.
    """
    found = (
        Recovery.objects.select_related("person")
        .filter(
            token_sha256=_digest(token), used_at=None, expires_at__gt=timezone.now(), person__is_active=True
        )
        .first()
    )
    if found is None:
        raise RecoveryError("this link has been used or has expired")
    return found


@transaction.atomic
def finish_recovery(*, token: str, hashed: str) -> Recovery:
    """Give the person their new password, hashed before; the link holds no more.

    Raises
    ------
    RecoveryError: the link does not hold.
    """
    Recovery.objects.select_for_update().filter(token_sha256=_digest(token)).first()
    found = open_recovery(token)
    found.used_at = timezone.now()
    found.save(update_fields=["used_at"])
    found.person.password = hashed
    found.person.save(update_fields=["password"])
    record(kind="person.recovered", actor=found.person, subject=str(found.person.pk))
    return found


def _digest(token: str) -> str:
    return hashlib.sha256(b"recovery\0" + token.encode()).hexdigest()
