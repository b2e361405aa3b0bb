"""Make people, give them roles on the site, and account recovery to who has lost their second factors."""

import hashlib
import secrets
from datetime import timedelta

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from readerstudy.accounts.access import run_permissions, signed_in
from readerstudy.accounts.factors import remove_all
from readerstudy.accounts.models import Recovery, User
from readerstudy.accounts.open_sessions import end_all_sessions, stay_here_alone
from readerstudy.audit.services import record
from readerstudy.refusals import RefusedError

HOLDS_FOR = timedelta(hours=1)
"""How long the link of an account recovery holds: it is begun on the server and finished by the link."""


class AccountError(RefusedError):
    """A person cannot be made or changed as asked."""


def add_person(
    *, email: str, name: str, actor: User | None, researcher: bool = False, superuser: bool = False
) -> tuple[User, str]:
    """Make a person with a random password; return both. The password is shown once and not stored.

    Raises
    ------
    AccountError: the address is taken.
    """
    address = email.strip().lower()
    password = secrets.token_urlsafe(12)
    hashed = make_password(password)  # before the transaction: writers do not wait while a password is hashed
    with transaction.atomic():
        if User.objects.filter(email=address).exists():
            raise AccountError(
                f"expected a new address, {address} has an account; give that account a role instead"
            )
        make = User.objects.create_superuser if superuser else User.objects.create_user
        user = make(address, hashed=hashed, name=name)
        record(
            "person.added", actor,
            subject=str(user.pk), values={"researcher": researcher, "superuser": superuser},
        )  # fmt: skip
        if researcher:
            grant_researcher(user=user, actor=actor)
    return user, password


@transaction.atomic
def grant_researcher(*, user: User, actor: User | None) -> None:
    """Let a person run and open sweeps; from then on they cannot be a reader of a study made from one."""
    user.user_permissions.add(*run_permissions())
    record("person.researcher_granted", actor, subject=str(user.pk))


def new_password(*, user: User, actor: User | None) -> str:
    """Give a person a random password; return it, to be shown once."""
    password = secrets.token_urlsafe(12)
    user.password = make_password(password)
    with transaction.atomic():
        user.save(update_fields=["password"])
        record("person.password_set", actor, subject=str(user.pk))
    return password


@transaction.atomic
def change_profile(*, user: User, name: str, specialty: str, years_reading: int | None) -> None:
    """Change what a person says of themselves; the audit trail says that it changed, not to what."""
    user.name, user.specialty, user.years_reading = name, specialty, years_reading
    user.full_clean(exclude=["password"])
    user.save(update_fields=["name", "specialty", "years_reading"])
    record("person.profile_changed", user, subject=str(user.pk))


@transaction.atomic
def choose_password(*, request: HttpRequest, hashed: str, ends_sessions_only: bool = False) -> None:
    """Store a person's own password, hashed again: every session but this one ends."""
    user = signed_in(request)
    user.password = hashed
    user.save(update_fields=["password"])
    kind = "person.sessions_ended" if ends_sessions_only else "person.password_changed"
    record(kind, user, subject=str(user.pk))
    stay_here_alone(request, user)


class RecoveryError(RefusedError):
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
        "person.recovery_begun", actor, subject=str(person.pk), reason=reason,
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
    record("person.recovered", found.person, subject=str(found.person.pk))
    return found


def _digest(token: str) -> str:
    return hashlib.sha256(b"recovery\0" + token.encode()).hexdigest()
