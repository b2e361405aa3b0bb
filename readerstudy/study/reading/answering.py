"""The reading room's service: what a reader may fetch, and saving their answers once and for all."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from readerstudy.audit.services import record
from readerstudy.cases.models import Case
from readerstudy.study.design.terms import ever_confirmed
from readerstudy.study.models import Assignment, PracticeReading, Rating, Reader, ReadingSession
from readerstudy.study.phases import Phase, PhaseError
from readerstudy.study.protocol import Protocol, ProtocolError
from readerstudy.study.protocol.answers import check_marks, check_sheet
from readerstudy.study.reading import replay, stages
from readerstudy.study.reading.measured import comment_of, display_of, times_of

Said = TypeVar("Said", Rating, PracticeReading)


UNREAD: dict[str, Any] = {"revision": 0, "answers": {}, "comment": "", "marks": []}
"""What is saved of a case that nobody has answered."""


class StaleRevisionError(Exception):
    """The answers were changed elsewhere since this page was opened; `stored` holds what is saved."""

    def __init__(self, stored: dict[str, Any]) -> None:
        super().__init__("these answers were changed in another window; compare both and save again")
        self.stored = stored


class VisitError(Exception):
    """The reader's visit is not at a stage where this can be done: consent, display check, practice or a break."""


BEFORE_ANSWERS = {
    stages.Stage.CONSENT: "consent is needed before the first answer",
    stages.Stage.TERMS: "the terms of use must be confirmed before the first answer",
    stages.Stage.INSTRUCTIONS: "the instructions must be confirmed before the first answer",
    stages.Stage.BREAK: "this session is over; come back when the next session begins",
    stages.Stage.DISPLAY: "the display must be checked before the first answer",
    stages.Stage.PRACTICE: "the practice cases must be read first",
}
"""What keeps an answer from being saved, in words for the reader."""


def servable(reader: Reader, public_id: UUID) -> Case | None:
    """Return the case if its pixels may be fetched now: the current one, the next, one to go back to; no other.

    Only what the page shows now is served: nothing of a stage that is yet to come, and nothing in a break.
    """
    visit = stages.visit_of(reader)
    found = next((each for each in visit.ahead if each and each.public_id == public_id), None)
    if found is None:
        found = returnable(reader, visit).get(public_id)
    return None if found is None else found.case


def returnable(reader: Reader, visit: stages.Visit) -> dict[UUID, Assignment]:
    """Return the read cases that the reader may go back to, the latest first: none, the last, this session's."""
    back = visit.protocol.back
    if back == "none" or visit.stage not in {stages.Stage.READING, stages.Stage.DONE, stages.Stage.BREAK}:
        return {}
    if back == "session" and visit.session is None:
        return {}
    firsts = Rating.objects.filter(assignment__reader=reader, revision=1).order_by("-pk")
    rows = firsts.select_related("assignment__case", "assignment__study")
    rows = rows.prefetch_related("assignment__case__frames")
    rows = rows[:1] if back == "last" else rows.filter(session=visit.session)
    return {row.assignment.public_id: row.assignment for row in rows}


def save_answers(
    *,
    reader: Reader,
    public_id: UUID,
    idempotency_key: UUID,
    revision: int,
    answers: Mapping[str, Any],
    comment: str,
    times: Mapping[str, Any],
    display: Mapping[str, Any],
    marks: Any = (),
) -> Rating:
    """Save one case's answers; the same key with the same answers returns the first rating and changes nothing.

    Raises
    ------
    Assignment.DoesNotExist: the case is not this reader's, or is not the current one.
    PhaseError: the study is not being read.
    VisitError: consent, display check or practice is missing, the session is over, or the image is shown too small.
    ProtocolError: an answer that the protocol does not offer, a senseless time, or a key of another case.
    StaleRevisionError: the answers were saved from elsewhere since, may not be changed any more, or come with the key
        of others.
    """
    # The stage of the visit is looked up before the lock, which on SQLite all readers share. A save of the same case
    # from another window shows in the revision; what else the visit hangs on only goes forward, or is looked at again.
    visit = stages.visit_of(reader)
    with transaction.atomic():
        # The locks come first: two windows save one after the other.
        assignment = _locked(reader, public_id, visit.place.current)
        again = Rating.objects.filter(idempotency_key=idempotency_key).first()
        if again is not None:
            if again.assignment_id != assignment.pk:
                raise ProtocolError("idempotency_key: expected a new one for each case, this one was used")
            sheet = sheet_of(visit.protocol, assignment.case, answers, marks, comment)
            return same_or_stale(again, sheet, stored(assignment))
        _check_open(assignment.reader)
        _check_turn(reader, assignment, visit, revision)
        measured, shown = times_of(times), display_of(display)
        _check_size(visit.protocol, shown)
        session = visit.session or begin_session(reader)
        rating = Rating.objects.create(
            study=reader.study,
            assignment=assignment,
            revision=revision + 1,
            idempotency_key=idempotency_key,
            **sheet_of(visit.protocol, assignment.case, answers, marks, comment),
            session=session,
            seconds=measured["visible_ms"] / 1000 if "visible_ms" in measured else None,
            times=measured,
            display=shown,
        )
        assignment.revision = rating.revision
        assignment.save(update_fields=["revision"])
        _go_on(reader, session, visit.protocol, rating.saved_at)
        record("answers.saved", reader.person, reader.study.key, str(public_id), replay.values_of(rating))
    return rating


def _check_size(protocol: Protocol, shown: Mapping[str, Any]) -> None:
    if protocol.image_small == "block" and shown.get("image", 0) < protocol.image_least:
        raise VisitError(
            f"the image must be at least {protocol.image_least} pixels long on the screen; enlarge the window"
        )


def sheet_of(
    protocol: Protocol, case: Case, answers: Mapping[str, Any], marks: Any, comment: Any
) -> dict[str, Any]:
    """Return what a reader says of a case in the form in which it is stored: answers, marks, comment.

    Raises
    ------
    ProtocolError: something that the protocol does not offer.
    """
    drawn = check_marks(list(marks), {each.role: (each.rows, each.columns) for each in case.images})
    checked = check_sheet(protocol.questions, answers, marks=drawn, labels=case.labels)
    return {"answers": checked, "marks": drawn, "comment": comment_of(comment)}


def same_or_stale(row: Said, sheet: Mapping[str, Any], now: dict[str, Any]) -> Said:
    """Return what is saved under a key, if it is what comes with it again; `now`: what is stored of the case.

    Raises
    ------
    StaleRevisionError: another sheet comes under the same key. To call it saved would lose it in silence.
    """
    if any(getattr(row, name) != value for name, value in sheet.items()):
        raise StaleRevisionError(now)
    return row


def begin_session(reader: Reader) -> ReadingSession:
    """Return the reader's open session, a new one if there is none."""
    session = stages.last_session(reader)
    if session is None or session.ended_at is not None:
        number = reader.sessions.count() + 1
        session = ReadingSession.objects.create(study=reader.study, reader=reader, number=number)
    return session


def _check_turn(reader: Reader, assignment: Assignment, visit: stages.Visit, revision: int) -> None:
    """Refuse a case that is not the current one and not one to go back to."""
    read = assignment.revision > 0
    if revision != assignment.revision or (read and assignment.public_id not in returnable(reader, visit)):
        raise StaleRevisionError(stored(assignment))
    if read:
        return
    if visit.place.current is None or visit.place.current.pk != assignment.pk:
        raise Assignment.DoesNotExist
    check_stages(reader, visit)


def check_stages(reader: Reader, visit: stages.Visit, *, practising: bool = False) -> None:
    """Refuse an answer while anything is due that comes before it, whether the page shows that now or not.

    Nobody loses an answer to an image that they were shown in mid-session: to terms that changed since they confirmed
    the old ones, or to a display check of this session that has grown old.

    Raises
    ------
    VisitError: what comes first.
    """
    for stage in visit.pending:
        kept = (
            (stage is stages.Stage.PRACTICE and practising)
            or (stage is stages.Stage.TERMS and ever_confirmed(reader))
            or (stage is stages.Stage.DISPLAY and stages.display_checked(visit.session, visit.protocol))
        )
        if stage in BEFORE_ANSWERS and not kept:
            raise VisitError(BEFORE_ANSWERS[stage])


def stored(row: Assignment | PracticeReading) -> dict[str, Any]:
    """Return what is saved of a case."""
    last: PracticeReading | Rating | None = row if isinstance(row, PracticeReading) else None
    if isinstance(row, Assignment) and row.revision:
        last = row.ratings.order_by("-revision").first()
    if last is None:
        return UNREAD
    revision = 1 if isinstance(last, PracticeReading) else last.revision
    return {"revision": revision, "answers": last.answers, "comment": last.comment, "marks": last.marks}


def _go_on(reader: Reader, session: ReadingSession, protocol: Protocol, now: datetime) -> None:
    """After a save: end a session that is full, and put repeats that come too early to the end of the order.

    That is decided once and stored, so that no page changes under a reader.
    """
    session.last_at = now
    if session.ended_at is None and protocol.session_cases:
        read = Rating.objects.filter(session=session, revision=1).count()
        session.ended_at = now if read >= protocol.session_cases else None
    session.save(update_fields=["last_at", "ended_at"])
    if not protocol.repeat_gap_hours:
        return
    while early := _too_early(stages.place_of(reader), protocol, timezone.now()):
        early.deferred = True
        early.save(update_fields=["deferred"])


def _too_early(place: stages.Place[Assignment], protocol: Protocol, now: datetime) -> Assignment | None:
    for each in (place.current, place.following):
        if each and each.presentation > 1 and not each.deferred and stages.due_at(each, protocol) > now:
            return each
    return None


def _locked(reader: Reader, public_id: UUID, current: Assignment | None) -> Assignment:
    """Lock a case of the reader and the reader; read again only what may have changed. `current`: read already."""
    found = reader.assignments.select_for_update(of=("self", "reader")).select_related("reader__study")
    wanted = (
        "revision",
        "presentation",
        "deferred",
        "case_id",
        "reader__withdrawn_at",
        "reader__study__phase",
    )
    assignment = found.only("study_id", "public_id", "position", *wanted).get(public_id=public_id)
    if current is not None and current.pk == assignment.pk:
        assignment.case = current.case
    return assignment


def _check_open(reader: Reader) -> None:
    if reader.study.phase != Phase.READING:
        raise PhaseError(f"answers can be saved only while a study is being read; it is {reader.study.phase}")
    if reader.withdrawn_at is not None:
        raise PhaseError(
            "you have withdrawn from this study; your answers are kept, and no more can be added"
        )
