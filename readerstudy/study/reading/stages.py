"""The stage of a reader's visit: consent, terms, instructions, display, practice, reading, break, done, closed."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Generic, TypeVar

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from readerstudy.cases.models import Terms
from readerstudy.study.design.terms import waiting
from readerstudy.study.models import Assignment, PracticeReading, Rating, Reader, ReadingSession
from readerstudy.study.phases import Phase
from readerstudy.study.protocol import Protocol

Row = TypeVar("Row", Assignment, PracticeReading)

DISPLAY_CHECK_HOLDS = timedelta(hours=12)
"""For how long a display check speaks for the same session."""


class Stage(StrEnum):
    """What a reader's page shows."""

    CONSENT = "consent"
    TERMS = "terms"
    INSTRUCTIONS = "instructions"
    DISPLAY = "display"
    PRACTICE = "practice"
    READING = "reading"
    BREAK = "break"
    DONE = "done"
    CLOSED = "closed"


@dataclass(frozen=True)
class Place(Generic[Row]):
    """Where a reader is: the current case, the one to fetch ahead, and how far along they are."""

    position: int
    total: int
    current: Row | None
    following: Row | None


@dataclass(frozen=True)
class Visit:
    """A reader's visit now. `until`: when a break ends. `session`: the open one; None before it begins.

    `pending`: every stage still between the reader and the study's cases, the first to come first; the page
    shows that one alone, but no other may be passed over either. `terms`: the terms of use that the reader has
    still to confirm before any image is served.
    """

    pending: tuple[Stage, ...]
    protocol: Protocol
    place: Place[Assignment]
    practice: Place[PracticeReading]
    session: ReadingSession | None
    until: datetime | None
    display_checked: bool
    terms: list[Terms]

    @property
    def stage(self) -> Stage:
        """What the reader's page shows."""
        return self.pending[0] if self.pending else Stage.READING

    @property
    def ahead(self) -> "tuple[Assignment | PracticeReading | None, Assignment | PracticeReading | None]":
        """The case that the page shows now and the one to fetch ahead; of neither kind at a stage without cases."""
        if self.stage is Stage.PRACTICE:
            return self.practice.current, self.practice.following
        return (self.place.current, self.place.following) if self.stage is Stage.READING else (None, None)


def place_of(reader: Reader) -> Place[Assignment]:
    """Return the reader's place: the first case without a rating, deferred ones last, and exactly one ahead."""
    return _place(reader, reader.assignments.all(), Q(revision=0), "deferred", "position")


def practice_place_of(reader: Reader) -> Place[PracticeReading]:
    """Return the reader's place among the practice cases, if the study has any."""
    if reader.study.practice_key is None:
        return Place(0, 0, None, None)
    return _place(reader, reader.practice.all(), Q(saved_at=None), "position")


def _place(reader: Reader, planned: QuerySet[Row], unread: Q, *order: str) -> Place[Row]:
    """Return the current case and the next, with what a page gets to know of them."""
    counted = planned.aggregate(total=Count("pk"), unread=Count("pk", filter=unread))
    total, left = counted["total"], counted["unread"]
    found = planned.filter(unread).order_by(*order).select_related("case").prefetch_related("case__frames")
    rows = list(found[:2]) if left else []
    for row in rows:
        row.study = reader.study
    current, following = rows[0] if rows else None, rows[1] if len(rows) > 1 else None
    return Place(min(total - left + 1, total), total, current, following)


def last_session(reader: Reader) -> ReadingSession | None:
    """Return the reader's latest session; only it can be open, for none begins beside an open one."""
    return reader.sessions.order_by("-number").first()


def visit_of(reader: Reader, now: datetime | None = None) -> Visit:
    """Return the stage of the reader's visit."""
    now = now or timezone.now()
    protocol = Protocol.from_json(reader.study.protocol)
    place, practice, last = place_of(reader), practice_place_of(reader), last_session(reader)
    session = last if last is not None and last.ended_at is None else None
    checked = display_checked(session, protocol, since=now - DISPLAY_CHECK_HOLDS)
    until = _break_until(protocol, place, last, now)
    terms = waiting(reader.study, reader.person)
    pending = _pending(reader, protocol, place, practice, until, checked, bool(terms))
    return Visit(pending, protocol, place, practice, session, until, checked, terms)


def _pending(
    reader: Reader,
    protocol: Protocol,
    place: Place[Assignment],
    practice: Place[PracticeReading],
    until: datetime | None,
    checked: bool,
    terms_wait: bool,
) -> tuple[Stage, ...]:
    unread = place.current is not None or practice.current is not None
    sees_images = unread or protocol.back != "none"
    stages = (
        (Stage.CLOSED, reader.study.phase != Phase.READING or reader.withdrawn_at is not None),
        (Stage.CONSENT, bool(protocol.consent.strip()) and reader.consented_at is None),
        (Stage.TERMS, sees_images and terms_wait),
        (Stage.INSTRUCTIONS, unread and bool(protocol.instructions.strip()) and reader.instructed_at is None),
        (Stage.DONE, not unread),
        (Stage.BREAK, until is not None),
        (Stage.DISPLAY, not checked),
        (Stage.PRACTICE, practice.current is not None),
    )
    return tuple(stage for stage, here in stages if here)


def display_checked(
    session: ReadingSession | None, protocol: Protocol, *, since: datetime | None = None
) -> bool:
    """Say whether the display has been looked at in this session, as far as the protocol asks for it.

    `since`: only checks from then on count; None counts one that has grown old.
    """
    if protocol.display_check == "none":
        return True
    if session is None:
        return False
    checks = session.display_checks.filter(**({"checked_at__gte": since} if since else {}))
    return checks.exists() if protocol.display_check == "warn" else checks.filter(passed=True).exists()


def _break_until(
    protocol: Protocol, place: Place[Assignment], last: ReadingSession | None, now: datetime
) -> datetime | None:
    """Return when reading may go on, if not now: the next session, or the first repeat that is due."""
    ends = []
    if last is not None and last.ended_at is not None:
        ends.append(last.ended_at + timedelta(hours=protocol.session_hours))
    if place.current is not None and place.current.deferred:
        ends.append(due_at(place.current, protocol))
    waiting = [end for end in ends if end > now]
    return max(waiting) if waiting else None


def due_at(assignment: Assignment, protocol: Protocol) -> datetime:
    """Return when a second reading of a case may begin."""
    first = Rating.objects.filter(
        assignment__reader=assignment.reader_id, assignment__case=assignment.case_id,
        assignment__presentation=1, revision=1,
    ).first()  # fmt: skip
    if first is None:
        return datetime.min.replace(tzinfo=timezone.get_current_timezone())
    return first.saved_at + timedelta(hours=protocol.repeat_gap_hours)
