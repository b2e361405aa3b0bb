"""Make people and give them roles on the site."""

import secrets

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.http import HttpRequest

from readerstudy.accounts.access import run_permissions
from readerstudy.accounts.models import User
from readerstudy.accounts.open_sessions import stay_here_alone
from readerstudy.accounts.signed_in import signed_in
from readerstudy.audit.services import record


class AccountError(Exception):
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
            kind="person.added", actor=actor, subject=str(user.pk),
            values={"researcher": researcher, "superuser": superuser},
        )  # fmt: skip
        if researcher:
            grant_researcher(user=user, actor=actor)
    return user, password


@transaction.atomic
def grant_researcher(*, user: User, actor: User | None) -> None:
    """Let a person run and open sweeps; from then on they cannot be a reader of a study made from one."""
    user.user_permissions.add(*run_permissions())
    record(kind="person.researcher_granted", actor=actor, subject=str(user.pk))


def new_password(*, user: User, actor: User | None) -> str:
    """Give a person a random password; return it, to be shown once."""
    password = secrets.token_urlsafe(12)
    user.password = make_password(password)
    with transaction.atomic():
        user.save(update_fields=["password"])
        record(kind="person.password_set", actor=actor, subject=str(user.pk))
    return password


@transaction.atomic
def change_profile(*, user: User, name: str, specialty: str, years_reading: int | None) -> None:
    """Change what a person says of themselves; the audit trail says that it changed, not to what."""
    user.name, user.specialty, user.years_reading = name, specialty, years_reading
    user.full_clean(exclude=["password"])
    user.save(update_fields=["name", "specialty", "years_reading"])
    record(kind="person.profile_changed", actor=user, subject=str(user.pk))


@transaction.atomic
def choose_password(*, request: HttpRequest, hashed: str, ends_sessions_only: bool = False) -> None:
    """Store a person's own password, hashed again: every session but this one ends."""
    user = signed_in(request)
    user.password = hashed
    user.save(update_fields=["password"])
    kind = "person.sessions_ended" if ends_sessions_only else "person.password_changed"
    record(kind=kind, actor=user, subject=str(user.pk))
    stay_here_alone(request, user)
