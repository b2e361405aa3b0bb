"""Who takes part: withdrawal, the end of a role, and the blinded view of who is where."""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, Max, Q, QuerySet
from django.utils import timezone

from readerstudy.accounts.models import User
from readerstudy.audit.services import record
from readerstudy.study.models import Membership, Rating, Reader, Role, Study
from readerstudy.study.phases import Phase, PhaseError
from readerstudy.study.services import StudyError, refuse_alone, refuse_while_asked

LATELY = timedelta(days=7)
"""The time over which pace is told."""


@transaction.atomic
def withdraw_reader(*, study: Study, pseudonym: str, reason: str, actor: User | None) -> Reader:
    """End a reader's reading for good; their answers are kept and is analysed (see docs/study-admin.md).

    Raises
    ------
    Reader.DoesNotExist: nobody of this pseudonym reads in the study.
    PhaseError: reading is over.
    StudyError: the reader has already withdrawn, no reason is given, or the admin can see where cases come from.
    """
    study = Study.objects.select_for_update().get(pk=study.pk)
    if study.phase not in {Phase.DRAFT, Phase.LOCKED, Phase.READING}:
        raise PhaseError(f"readers can withdraw only before reading closes; the study is {study.phase}")
    reader = Reader.objects.select_for_update().get(study=study, pseudonym=pseudonym)
    if reader.withdrawn_at is not None:
        raise StudyError(f"{pseudonym} has already withdrawn")
    if not reason.strip():
        raise StudyError("expected a reason for the withdrawal, such as 'no more time'")
    refuse_alone(study, actor, "take a reader out")
    reader.withdrawn_at, reader.withdrawal_reason = timezone.now(), reason.strip()
    reader.save(update_fields=["withdrawn_at", "withdrawal_reason"])
    record(
        kind="reader.withdrawn", actor=actor, study=study.key, subject=pseudonym,
        values={"old": "reading", "new": "withdrawn"}, reason=reason.strip(),
    )  # fmt: skip
    return reader


@transaction.atomic
def end_role(*, study: Study, member: int, actor: User | None) -> Membership:
    """Take a person's role in the study away; the last study admin stays.

    Raises
    ------
    Membership.DoesNotExist: no such role in this study.
    StudyError: the person is the study's last admin, or a request to open its key stands.
    """
    refuse_while_asked(Study.objects.select_for_update().get(pk=study.pk))
    found = Membership.objects.select_related("person").get(study=study, pk=member)
    others = Membership.objects.filter(study=study, role=Role.STUDY_ADMIN).exclude(pk=found.pk)
    if found.role == Role.STUDY_ADMIN and not others.exists():
        raise StudyError(f"{found.person} is the last admin of this study; invite another one first")
    record(
        kind="study.role_ended", actor=actor, study=study.key, subject=str(found.person.pk),
        values={"old": found.role, "new": ""},
    )  # fmt: skip
    found.delete()
    return found


def whereabouts(study: Study) -> list[dict[str, Any]]:
    """Tell who is where, blinded: totals per reader, sessions, the day of the last answer, cases of the last week.

    Nothing here is of a single case: no answer, no time, no cannot-assess.
    """
    since = timezone.now() - LATELY
    replaced = dict(study.readers.exclude(replaces=None).values_list("replaces_id", "pseudonym"))
    return [
        {
            "reader": reader,
            "state": _state(reader, study),
            "replaced_by": replaced.get(reader.pk, ""),
            **_totals(reader, since),
        }
        for reader in _readers(study)
    ]


def _readers(study: Study) -> QuerySet[Reader]:
    found: QuerySet[Reader] = study.readers.select_related("person", "replaces").annotate(
        total=Count("assignments"), finished=Count("assignments", filter=Q(assignments__revision__gt=0))
    )
    return found


def _totals(reader: Reader, since: Any) -> dict[str, Any]:
    firsts = Rating.objects.filter(assignment__reader=reader, revision=1)
    last = firsts.aggregate(at=Max("saved_at"))["at"]
    return {
        "last_day": None if last is None else timezone.localdate(last),
        "lately": firsts.filter(saved_at__gte=since).count(),
        "sessions": reader.sessions.count(),
    }


def _state(reader: Any, study: Study) -> str:
    if reader.withdrawn_at is not None:
        return "withdrawn"
    if reader.total and reader.finished == reader.total:
        return "finished"
    if reader.finished:
        return "reading"
    return "not begun"


def has_role(person: User) -> bool:
    """Say whether a person has a role other than reader in any study."""
    return Membership.objects.filter(person=person).exists()
