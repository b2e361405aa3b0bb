"""Invite people to a study by a link that is bound to their address, works once and expires."""

import csv
import hashlib
import re
import secrets
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.mail import get_connection, send_mail
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from readerstudy.accounts.models import Invitation, User
from readerstudy.audit.models import Event
from readerstudy.audit.services import record
from readerstudy.refusals import RefusedError
from readerstudy.study.duties import add_member, refuse_alone, refuse_while_asked
from readerstudy.study.models import Reader, Role, Study
from readerstudy.study.people.members import enrol_reader
from readerstudy.study.phases import BEFORE_CLOSE, PhaseError, StudyError

HOLDS_FOR = timedelta(days=14)
MOST = 200
"""Addresses of one list."""
LARGEST = 100_000
"""Bytes of a list that are read."""
HEADINGS = {"email", "e-mail", "address", "mail"}
READER = "reader"
REFUSED = "invitation.refused"
ROLES = ((READER, "reader"), *Role.choices)


class InvitationError(RefusedError):
    """The link does not hold, or not for this person."""


@transaction.atomic
def invite(
    *, study: Study, email: str, role: str, actor: User | None, link_for: Callable[[str], str],
    replaces: str = "", connection: Any = None,
) -> tuple[Invitation, str]:  # fmt: skip
    """Invite an address and send the link after the commit; return the invitation and the link.

    An open invitation of the same address and role is revoked: only the latest link works.

    Raises
    ------
    StudyError: no such role, the reader to replace has not withdrawn, an unblinded admin replaces a reader, or a
        request to open the key is open.
    PhaseError: a reader is invited after reading has closed.
    """
    address = email.strip().lower()
    if role not in dict(ROLES):
        raise StudyError(f"expected a role out of {', '.join(dict(ROLES))}, got '{role}'")
    study = Study.objects.select_for_update().get(pk=study.pk)
    refuse_while_asked(study)
    if role == READER and study.phase not in BEFORE_CLOSE:
        raise PhaseError(f"readers can be invited only before reading closes; the study is {study.phase}")
    if replaces and role == READER:
        refuse_alone(study, actor, "replace a reader")
    if replaces and not _withdrawn(study, replaces).exists():
        raise StudyError(f"expected the pseudonym of a reader who has withdrawn, and {replaces} is not one")
    for earlier in _open(study).filter(email=address, role=role):
        revoke(study=study, invitation=earlier.pk, actor=actor)
    token = secrets.token_urlsafe(32)
    invitation = Invitation(
        study=study.key, email=address, role=role, replaces=replaces if role == READER else "",
        token_sha256=_digest(token), invited_by=actor, expires_at=timezone.now() + HOLDS_FOR,
    )  # fmt: skip
    invitation.full_clean(exclude=["token_sha256", "invited_by", "used_at", "revoked_at"])
    invitation.save()
    record(
        "invitation.sent", actor, study.key, str(invitation.pk),
        {"role": role, "replaces": invitation.replaces, "expires_at": f"{invitation.expires_at:%FT%TZ}"},
    )  # fmt: skip
    link = link_for(token)
    transaction.on_commit(lambda: _send(invitation, study, link, connection))
    return invitation, link


def read_addresses(text: str, role: str) -> list[tuple[str, str]]:
    """Return the addresses of a pasted list with their roles: `role`, or what follows one; a heading is none.

    Raises
    ------
    StudyError: lines that are no address or name no role, with their numbers; nobody, or more than MOST.
    """
    found: dict[str, str] = {}
    wrong: list[str] = []
    roles = {name: name or role for name in ("", *dict(ROLES))}
    for number, row in enumerate(csv.reader(re.sub("[;\t]", ",", text).splitlines()), 1):
        address, own = ([cell.strip().lower() for cell in row] + ["", ""])[:2]
        if not address or address in HEADINGS:
            continue
        try:
            validate_email(address)
            found[address] = roles[own.replace(" ", "_")]
        except (ValidationError, KeyError):
            wrong.append(f"line {number} '{','.join(row)[:80]}'")
    if wrong:
        raise StudyError(
            f"expected an address on each line and at most a role out of {', '.join(dict(ROLES))}, got "
            f"{', '.join(wrong)}; nobody was invited"
        )
    if not 0 < len(found) <= MOST:
        raise StudyError(f"expected 1 to {MOST} addresses, got {len(found)}; nobody was invited")
    return list(found.items())


@transaction.atomic
def invite_all(
    *, study: Study, asked: Sequence[tuple[str, str]], actor: User | None, link_for: Callable[[str], str],
    replaces: str = "",
) -> dict[str, str]:  # fmt: skip
    """Invite several addresses, all or none, over one connection to the mail server; return their links.

    Raises
    ------
    StudyError, PhaseError, ValidationError: as `invite`, or several are to replace one reader.
    """
    if replaces and len(asked) > 1:
        raise StudyError(f"expected one address to take over the cases of {replaces}, got {len(asked)}")
    connection = get_connection()
    transaction.on_commit(connection.open, robust=True)
    links = {
        email: invite(
            study=study, email=email, role=role, actor=actor, link_for=link_for, replaces=replaces,
            connection=connection,
        )[1]
        for email, role in asked
    }  # fmt: skip
    transaction.on_commit(connection.close, robust=True)
    return links


@transaction.atomic
def revoke(*, study: Study, invitation: int, actor: User | None) -> None:
    """Make a link worthless that nobody has used.

    Raises
    ------
    Invitation.DoesNotExist: there is no open invitation of this number in the study.
    """
    found = _open(study).select_for_update().get(pk=invitation)
    found.revoked_at = timezone.now()
    found.save(update_fields=["revoked_at"])
    record("invitation.revoked", actor, study.key, str(found.pk), {"old": "open", "new": "revoked"})


def open_invitation(token: str) -> tuple[Invitation, Study]:
    """Return the invitation of a link and its study.

    Raises
    ------
    InvitationError: the link is unknown, used, revoked or expired. It does not say which.
    """
    found = Invitation.objects.filter(
        token_sha256=_digest(token), used_at=None, revoked_at=None, expires_at__gt=timezone.now()
    ).first()
    study = None if found is None else Study.objects.filter(key=found.study).first()
    if found is None or study is None:
        raise InvitationError("this link has been used, was withdrawn, or has expired")
    return found, study


@transaction.atomic
def accept(*, token: str, person: User) -> Study:
    """Take up an invitation: the person gets the role in the study, and the link holds no more.

    Raises
    ------
    InvitationError: the link does not hold, or is another address's.
    StudyError, PhaseError: the person cannot take this role here.
    """
    Invitation.objects.select_for_update().filter(token_sha256=_digest(token)).first()
    invitation, study = open_invitation(token)
    if person.email != invitation.email:
        raise InvitationError("this link is for another address; sign out, and sign in with that one")
    if invitation.role == READER:
        left = _withdrawn(study, invitation.replaces).first() if invitation.replaces else None
        enrol_reader(study=study, person=person, actor=person, replaces=left)
    else:
        add_member(study=study, person=person, role=Role(invitation.role), actor=person)
    invitation.used_at = timezone.now()
    invitation.save(update_fields=["used_at"])
    record(
        "invitation.accepted", person, study.key, str(invitation.pk),
        {"old": "open", "new": "accepted", "role": invitation.role},
    )  # fmt: skip
    return study


@transaction.atomic
def register(
    *, token: str, name: str, hashed: str, specialty: str = "", years_reading: int | None = None
) -> tuple[User, Study]:
    """Make the invited person an account and take the invitation up, both or neither; the password is hashed before.

    Raises
    ------
    InvitationError: the link does not hold, or its address has an account already.
    StudyError, PhaseError: nobody can take this role here any more.
    """
    invitation, _ = open_invitation(token)
    if User.objects.filter(email=invitation.email).exists():
        raise InvitationError("this address has an account; sign in, and follow the link again")
    person = User.objects.create_user(
        invitation.email, hashed=hashed, name=name, specialty=specialty, years_reading=years_reading
    )
    record("person.added", person, subject=str(person.pk), values={"by": "invitation"})
    return person, accept(token=token, person=person)


@transaction.atomic
def note_refusal(*, token: str, person: User | None, reason: str, people_page: str) -> None:
    """Record for the study's admins why an invitation could not be taken up, and write to them that it could not.

    A reason is recorded, and a mail sent, once running. The mail names neither reason nor person: the reason may
    reveal the design, and a mailbox is not the site. Both are shown on the page of the study's people.

    Parameters
    ----------
    people_page: the address of that page, for the mail.

    Raises
    ------
    InvitationError: the link does not hold.
    """
    Invitation.objects.select_for_update().filter(token_sha256=_digest(token)).first()
    invitation, study = open_invitation(token)
    if refusals_of(study).get(invitation.pk) != reason:
        record(REFUSED, person, study.key, str(invitation.pk), {"role": invitation.role}, reason=reason)
        # A mail server that is away must not keep the invited person from an answer; Django logs it.
        transaction.on_commit(lambda: _tell_admins(invitation, study, people_page), robust=True)


def refusals_of(study: Study) -> dict[int, str]:
    """Return why open invitations could last not be taken up, by number; for the study's admins alone."""
    events = Event.objects.filter(study=study.key, kind=REFUSED).order_by("sequence")
    reasons = {int(event.subject): event.reason for event in events}
    still = open_invitations(study).filter(pk__in=reasons).values_list("pk", flat=True) if reasons else ()
    return {number: reasons[number] for number in still}


def open_invitations(study: Study) -> QuerySet[Invitation]:
    """Return the invitations of a study that still hold."""
    return _open(study).filter(expires_at__gt=timezone.now())


def _open(study: Study) -> QuerySet[Invitation]:
    return Invitation.objects.filter(study=study.key, used_at=None, revoked_at=None)


def _withdrawn(study: Study, pseudonym: str) -> QuerySet[Reader]:
    return Reader.objects.filter(study=study, pseudonym=pseudonym, withdrawn_at__isnull=False)


def _digest(token: str) -> str:
    return hashlib.sha256(b"invitation\0" + token.encode()).hexdigest()


def _tell_admins(invitation: Invitation, study: Study, people_page: str) -> None:
    admins = study.memberships.filter(role=Role.STUDY_ADMIN, person__is_active=True)
    addresses = sorted({each.person.email for each in admins.select_related("person")})
    if not addresses:
        return
    text = (
        f"Somebody whom you invited to the study '{study.title}' as {invitation.role_name} followed the "
        f"link and could not be enrolled. This page shows who it was and what prevented it, only to you:\n\n"
        f"{people_page}\n\nTheir link is still valid: tell them when they can try again.\n"
    )
    send_mail("An invited person could not be enrolled", text, None, addresses)


def _send(invitation: Invitation, study: Study, link: str, connection: Any) -> None:
    text = (
        f"You are invited to the study '{study.title}' as {invitation.role_name}.\n\n{link}\n\n"
        f"The link is for {invitation.email} only. It can be used once, "
        f"until {invitation.expires_at:%Y-%m-%d %H:%M} UTC.\n"
    )
    send_mail("Invitation to a reader study", text, None, [invitation.email], connection=connection)
