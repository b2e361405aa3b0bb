"""Who takes part: withdrawal, the end of a role, the blinded view of who is where, and reminders by a worker's mail."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from celery import shared_task
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import Case, Count, F, Max, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import TruncDate
from django.utils import timezone
from kombu.exceptions import OperationalError

from readerstudy.accounts.access import knows_run
from readerstudy.accounts.models import User
from readerstudy.audit.models import Event
from readerstudy.audit.services import record
from readerstudy.cases.models import Case as ImageCase
from readerstudy.study import duties
from readerstudy.study.models import Assignment, Membership, Rating, Reader, ReadingSession, Role, Study
from readerstudy.study.orders import drawing
from readerstudy.study.orders.order import ALGORITHM, OrderError
from readerstudy.study.phases import BEFORE_CLOSE, NotThisPersonError, Phase, StudyError
from readerstudy.study.visibility import number_of

LATELY = timedelta(days=7)
"""The time over which pace is told."""
REMINDED = "reader.reminded"
UNFINISHED = ("not begun", "reading")
AT_MOST_EVERY = timedelta(hours=20)
"""Nobody is reminded twice a day."""


@transaction.atomic
def withdraw_reader(*, study: Study, pseudonym: str, reason: str, actor: User | None) -> Reader:
    """End a reader's reading for good; their answers are kept and is analysed (see docs/study-admin.md).

    Raises
    ------
    Reader.DoesNotExist: nobody of this pseudonym reads in the study.
    PhaseError: reading is over.
    StudyError: the reader has already withdrawn, no reason is given, or the admin can see where cases come from.
    """
    study = duties.locked_row(
        study, BEFORE_CLOSE, "readers can withdraw only before reading closes; the study is"
    )
    reader = Reader.objects.select_for_update().get(study=study, pseudonym=pseudonym)
    if reader.withdrawn_at is not None:
        raise StudyError(f"{pseudonym} has already withdrawn")
    if not reason.strip():
        raise StudyError("expected a reason for the withdrawal, such as 'no more time'")
    duties.refuse_alone(study, actor, "take a reader out")
    reader.withdrawn_at, reader.withdrawal_reason = timezone.now(), reason.strip()
    reader.save(update_fields=["withdrawn_at", "withdrawal_reason"])
    record(
        "reader.withdrawn", actor, study.key, pseudonym,
        {"old": "reading", "new": "withdrawn"}, reason=reason.strip(),
    )  # fmt: skip
    return reader


@transaction.atomic
def end_role(*, study: Study, member: int, actor: User | None) -> Membership:
    """Take a person's role in the study away; the last study admin stays.

    Raises
    ------
    Membership.DoesNotExist: no such role in this study.
    StudyError: the person is the study's last admin, or a request to open its key is open.
    """
    duties.refuse_while_asked(Study.objects.select_for_update().get(pk=study.pk))
    found = Membership.objects.select_related("person").get(study=study, pk=member)
    others = Membership.objects.filter(study=study, role=Role.STUDY_ADMIN).exclude(pk=found.pk)
    if found.role == Role.STUDY_ADMIN and not others.exists():
        raise StudyError(f"{found.person} is the last admin of this study; invite another one first")
    record("study.role_ended", actor, study.key, str(found.person.pk), {"old": found.role, "new": ""})
    found.delete()
    return found


def readers_of(study: Study) -> QuerySet[Any]:
    """Return a study's readers, blinded: with totals of each, sessions, the day of the last answer, the last week.

    `total` counts what each has to read, `finished` what is read, `lately` that of `LATELY`; `last_day` is a day and
    never the hour, which beside a total would tell the time on a case. Nothing here is of a single case: no answer, no
    time, no cannot-assess.
    """
    own = Assignment.objects.filter(reader=OuterRef("pk")).order_by().values("reader")
    rated = Rating.objects.filter(assignment__reader=OuterRef("pk"), revision=1).order_by()
    firsts = rated.values("assignment__reader")
    sessions = ReadingSession.objects.filter(reader=OuterRef("pk")).order_by().values("reader")
    return study.readers.select_related("person", "replaces").annotate(
        total=number_of(own),
        finished=number_of(own.filter(revision__gt=0)),
        lately=number_of(firsts.filter(saved_at__gte=timezone.now() - LATELY)),
        sessions_begun=number_of(sessions),
        last_day=Subquery(firsts.annotate(day=Max(TruncDate("saved_at"))).values("day")),
        replaced_by=Subquery(Reader.objects.filter(replaces=OuterRef("pk")).values("pseudonym")[:1]),
        state=Case(
            When(withdrawn_at__isnull=False, then=Value("withdrawn")),
            When(total__gt=0, finished=F("total"), then=Value("finished")),
            When(finished__gt=0, then=Value("reading")),
            default=Value("not begun"),
        ),
    )


def has_role(person: User) -> bool:
    """Say whether a person has a role other than reader in any study."""
    return Membership.objects.filter(person=person).exists()


@transaction.atomic
def enrol_reader(*, study: Study, person: User, actor: User | None, replaces: Reader | None = None) -> Reader:
    """Make a person a reader of a draft, locked or reading study and draw their order, once.

    With `replaces`, a withdrawn reader, the new one reads that reader's cases in a fresh order.

    Raises
    ------
    NotThisPersonError: the person has another role here, may open sweeps, has opened this one, or reads already.
    StudyError: the study has no cases yet, or no order can be drawn; or the reader to replace has not withdrawn,
        or was replaced already; or an admin replaces a reader who can see where cases come from.
    PhaseError: reading has closed.
    """
    study = duties.locked_row(
        study, BEFORE_CLOSE, "readers can be enrolled only before reading closes; the study is"
    )
    _refuse_unblinded(study, person)
    if not ImageCase.objects.filter(study=study.key).exists():
        raise StudyError(f"expected cases before readers; load a case set into '{study.slug}' first")
    if replaces is not None:
        if actor != person:  # anyone who takes up an invitation replaces nobody of their own accord
            duties.refuse_alone(study, actor, "replace a reader")
        _check_place_is_free(study, replaces)
    seed = drawing.new_seed()
    number = study.readers.count() + 1
    prefix = "SIM-R" if study.simulated_readers else "R"
    try:
        reader = Reader.objects.create(
            study=study, person=person, pseudonym=f"{prefix}{number:02d}", order_seed=seed,
            order_algorithm=ALGORITHM, replaces=replaces,
            slot=drawing.free_slot(study) if replaces is None else replaces.slot,
        )  # fmt: skip
        drawing.draw_for(reader, cases_of=replaces)
    except OrderError as error:
        raise StudyError(str(error)) from error
    record(
        "reader.enrolled", actor, study.key, reader.pseudonym,
        {
            "person": person.pk, "order_algorithm": ALGORITHM, "order_commitment": drawing.commitment(seed),
            "replaces": "" if replaces is None else replaces.pseudonym,
        },
    )  # fmt: skip
    return reader


def _refuse_unblinded(study: Study, person: User) -> None:
    """Anyone who may open the sweep behind the cases, or has opened it, cannot read them."""
    if Reader.objects.filter(study=study, person=person).exists():
        raise NotThisPersonError(f"{person} already reads in this study")
    if Membership.objects.filter(study=study, person=person).exists():
        raise NotThisPersonError(
            f"{person} has another role in this study: a reader can have no other role in it"
        )
    if duties.has_looked(study, person):
        raise NotThisPersonError(f"{person} has looked at the images of this study for names")
    if knows_run(person, study.run_id):
        raise NotThisPersonError(f"{person} can see where cases come from and so cannot read them blind")
    duties.refuse_groups_seen(study, person)


def _check_place_is_free(study: Study, left: Reader) -> None:
    if left.study_id != study.pk or left.withdrawn_at is None:
        raise StudyError(f"expected a reader who has withdrawn, {left.pseudonym} has not")
    if Reader.objects.filter(replaces=left).exists():
        raise StudyError(
            f"{left.pseudonym} has already been replaced; if the replacement leaves, replace the replacement"
        )


@dataclass(frozen=True)
class Progress:
    """Saved and planned readings of a study, hidden repeats included, and how many readers have begun."""

    saved: int
    planned: int
    begun: int
    readers: int

    @property
    def complete(self) -> bool:
        """Whether everything planned was read."""
        return self.saved == self.planned

    def __str__(self) -> str:
        readers = "1 reader" if self.readers == 1 else f"{self.readers} readers"
        return f"{readers}, {self.begun} of them began; {self.saved} of {self.planned} readings saved"


def progress_of(study: Study) -> Progress:
    """Count what was saved; says nothing of any answer."""
    read = Q(revision__gt=0)
    counts = Assignment.objects.filter(study=study.pk).aggregate(
        saved=Count("pk", filter=read), planned=Count("pk"), begun=Count("reader", filter=read, distinct=True)
    )
    return Progress(**counts, readers=study.readers.count())


@transaction.atomic
def remind(*, study: Study, pseudonym: str, actor: User | None, address: str) -> list[str]:
    """Ask a worker to write to a reader, or with a blank pseudonym to all who have not finished; return to whom.

    Parameters
    ----------
    address: of the reading room, for the mail.

    Raises
    ------
    PhaseError: the study is not being read.
    StudyError: nobody is to be reminded now, or no worker can be reached.
    """
    study = duties.locked_row(
        study, {Phase.READING}, "readers are reminded only while a study is read; it is"
    )
    recent = Event.objects.filter(study=study.key, kind=REMINDED, at__gte=timezone.now() - AT_MOST_EVERY)
    waiting = readers_of(study).filter(state__in=UNFINISHED).exclude(pseudonym__in=recent.values("subject"))
    if pseudonym:
        waiting = waiting.filter(pseudonym=pseudonym)
    asked = list(waiting)
    if not asked:
        raise StudyError(
            "nobody is to be reminded: all have finished, have withdrawn, or were reminded today"
        )
    for reader in asked:
        record(REMINDED, actor, study.key, reader.pseudonym)
    try:
        for reader in asked:
            send_reminder.apply_async(
                args=(reader.pk, address), queue="quick", ignore_result=True, retry=False
            )
    except (OperationalError, OSError) as error:
        raise StudyError(f"no worker could be reached ({type(error).__name__}); try again") from error
    return [reader.pseudonym for reader in asked]


@shared_task(name="study.remind")  # type: ignore[untyped-decorator]
def send_reminder(reader: int, address: str) -> None:
    """Write to a reader how far they are, unless they have finished meanwhile, have withdrawn, or reading is over."""
    study = Study.objects.filter(readers=reader, phase=Phase.READING).first()
    row = study and readers_of(study).filter(pk=reader, state__in=UNFINISHED, person__is_active=True).first()
    if not study or not row:
        return
    begun = f", the last on {row.last_day:%Y-%m-%d}" if row.last_day else ""
    text = (
        f"In the study '{study.title}' you have read {row.finished} of {row.total} cases{begun}.\n\n"
        f"Go on reading here; you begin where you stopped:\n\n{address}\n"
    )
    send_mail(f"Reminder: {row.total - row.finished} cases left to read", text, None, [row.person.email])
