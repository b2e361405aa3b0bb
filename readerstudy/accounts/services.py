"""Make people, give them roles on the site, and links to a new password: by mail, or for lost second factors."""

import secrets
from datetime import timedelta
from enum import StrEnum

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Permission
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.core.mail import send_mail
from django.db import transaction
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from readerstudy.accounts.access import signed_in
from readerstudy.accounts.factors import has_factor, remove_all
from readerstudy.accounts.models import User
from readerstudy.accounts.open_sessions import end_all_sessions, stay_here_alone
from readerstudy.accounts.signing_in import is_staff
from readerstudy.audit.services import record_person
from readerstudy.refusals import RefusedError

HOLDS_FOR = timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT)
"""How long a link to a new password holds."""
MAIL_STAYS_HERE = {"console", "dummy", "locmem", "filebased"}
"""Backends that send nothing: a person who makes a link hands it over themselves."""


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
        record_person("person.added", actor, user, researcher=researcher, superuser=superuser)
        if researcher:
            grant_researcher(user=user, actor=actor)
    return user, password


@transaction.atomic
def grant_researcher(*, user: User, actor: User | None) -> None:
    """Let a person run and open sweeps; from then on they cannot be a reader of a study made from one."""
    user.user_permissions.add(*Permission.objects.filter(content_type__app_label="analysis"))
    record_person("person.researcher_granted", actor, user)


def new_password(*, user: User, actor: User | None) -> str:
    """Give a person a random password; return it, to be shown once."""
    password = secrets.token_urlsafe(12)
    user.password = make_password(password)
    with transaction.atomic():
        user.save(update_fields=["password"])
        record_person("person.password_set", actor, user)
    return password


@transaction.atomic
def change_profile(*, user: User, name: str, specialty: str, years_reading: int | None) -> None:
    """Change what a person says of themselves; the audit trail says that it changed, not to what."""
    user.name, user.specialty, user.years_reading = name, specialty, years_reading
    user.full_clean(exclude=["password"])
    user.save(update_fields=["name", "specialty", "years_reading"])
    record_person("person.profile_changed", user, user)


@transaction.atomic
def choose_password(*, request: HttpRequest, hashed: str, ends_sessions_only: bool = False) -> None:
    """Store a person's own password, hashed again: every session but this one ends."""
    user = signed_in(request)
    user.password = hashed
    user.save(update_fields=["password"])
    kind = "person.sessions_ended" if ends_sessions_only else "person.password_changed"
    record_person(kind, user, user)
    stay_here_alone(request, user)


class RecoveryError(RefusedError):
    """There is nobody to give a new start to, or the link does not hold."""


class Link(StrEnum):
    """What a link to a new password was made for: a letter of it; the token of one fits no other."""

    START = "s"
    START_AGAIN = "f"
    """Like START, for somebody who had a second factor and sets one up again."""
    MAILED = "m"


@transaction.atomic
def begin_recovery(*, email: str, reason: str, actor: User | None) -> tuple[User, str]:
    """Take a person's second factors and password away, end their sessions; return them and the link's token.

    The token is shown once and not stored. Until the link is used nobody signs in as this person; an earlier link
    is no longer valid. The password goes too: without a second factor it alone would open the account, and the
    finder of the lost phone may know it.

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
    expires_at = f"{timezone.now() + HOLDS_FOR:%FT%TZ}"
    record_person(
        "person.recovery_begun", actor, person, reason=reason, sessions_ended=ended, expires_at=expires_at
    )
    return person, _made(person, Link.START_AGAIN if had_factor else Link.START)


def mail_link(address: str) -> None:
    """Mail a link to a new password to the person of this address; nothing happens where it must not.

    Of the staff only those with a second factor get one: a mailbox alone opens no account that may do more than read.
    """
    person = User.objects.filter(email=address.strip().lower(), is_active=True).first()
    if person is None or not person.has_usable_password() or (is_staff(person) and not has_factor(person)):
        return
    record_person("person.link_mailed", None, person)
    link = f"{site_address()}{reverse('accounts:recover', args=[_made(person, Link.MAILED)])}"
    text = render_to_string("accounts/recovery_mail.txt", {"person": person, "link": link})
    send_mail("Reader Study: a new password", text, None, [person.email])


def sends_mail() -> bool:
    """Say whether the site's mail leaves this host."""
    return settings.EMAIL_BACKEND.split(".")[-2] not in MAIL_STAYS_HERE


def site_address() -> str:
    """Return the site's likely address: its first host name, or the workstation's own."""
    names = [host for host in settings.ALLOWED_HOSTS if not host.startswith((".", "*", "["))]
    return f"https://{names[0]}" if settings.TLS and names else "http://localhost:8000"


def open_link(token: str, *, lock: bool = False) -> tuple[User, Link]:
    """Return whose new password a link leads to, and what it was made for; with `lock` their row is locked.

    Raises
    ------
    RecoveryError: the link is made up, used or expired, or its person has signed in since. It does not say which.
    """
    number, letter, made = [*token.split("-", 2), "", ""][:3]
    known = letter in set(Link) and number.isdecimal()
    people = User.objects.select_for_update() if lock else User.objects.all()
    person = people.filter(pk=number, is_active=True).first() if known else None
    if person is None or not _tokens(letter).check_token(person, made):
        raise RecoveryError("this link has been used or has expired")
    return person, Link(letter)


@transaction.atomic
def use_link(*, token: str, hashed: str) -> tuple[User, Link]:
    """Give the person of a link their new password, hashed before; their sessions end, and it holds no more.

    Raises
    ------
    RecoveryError: the link does not hold.
    """
    person, link = open_link(token, lock=True)
    person.password = hashed
    person.save(update_fields=["password"])
    end_all_sessions(user=person)
    record_person("person.password_reset" if link is Link.MAILED else "person.recovered", person, person)
    return person, link


def _made(person: User, link: Link) -> str:
    return f"{person.pk}-{link}-{_tokens(link).make_token(person)}"


def _tokens(link: str) -> PasswordResetTokenGenerator:
    """Return Django's own, whose tokens end with the password and with the next sign-in."""
    tokens = PasswordResetTokenGenerator()
    tokens.key_salt = f"readerstudy.accounts.{link}"
    return tokens
