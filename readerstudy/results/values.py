"""What leaves the database for statistics and export: frozen plain values, read once from one snapshot.

No row of the database goes further: a lazy one would fetch from another moment, or from a database that is gone.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import DEFAULT_DB_ALIAS

from analysis.report import ReaderCourse
from readerstudy.refusals import RefusedError
from readerstudy.results.models import OpenedCase, Unblinding
from readerstudy.study.models import Assignment, Rating, Reader, Study
from readerstudy.study.phases import Phase


class SealedError(RefusedError):
    """The study's key is not open: there are no results yet."""


@dataclass(frozen=True)
class Revision:
    """Answers as they were saved at one time."""

    answers: Mapping[str, Any]
    marks: tuple[Mapping[str, Any], ...]
    comment: str
    seconds: float | None
    saved_at: datetime


@dataclass(frozen=True)
class ReadCase:
    """A case and its row of the key; `pair` is blank for a case that is matched to none, `patient` where not told."""

    key: str
    block: int
    labels: tuple[str, ...]
    arm: int
    pair: str
    score: float | None
    class_group: str
    n_findings: int
    patient: str = ""


@dataclass(frozen=True)
class Reading:
    """One planned reading: who, which case, the place in the order, and the revisions, oldest first."""

    reader: str
    slot: int | None
    case: ReadCase
    presentation: int
    position: int
    deferred: bool
    revisions: tuple[Revision, ...]

    @property
    def answers(self) -> Mapping[str, Any]:
        """The answers as last saved; none when it was not read."""
        return self.revisions[-1].answers if self.revisions else {}

    @property
    def seconds(self) -> float | None:
        """The time on the case over all visits that ended in an answer."""
        times = [revision.seconds for revision in self.revisions if revision.seconds is not None]
        return sum(times) if times else None


@dataclass(frozen=True, kw_only=True)
class EnrolledReader(ReaderCourse):
    """One reader's way through the study, as the report tells it and as the export tells more of it."""

    slot: int | None
    years_reading: int | None
    specialty: str


def unblinding_of(study: Study, using: str = DEFAULT_DB_ALIAS) -> Unblinding:
    """Return the unblinding of a study.

    Raises
    ------
    SealedError: the key is not open.
    """
    unblinding = Unblinding.objects.using(using).select_related("opened_by").filter(study=study.pk).first()
    if study.phase not in {Phase.UNBLINDED, Phase.ARCHIVED} or unblinding is None:
        raise SealedError(
            f"'{study.slug}' is {study.phase}: its key is not open, so there are no results yet"
        )
    return unblinding


def readings_of(study: Study, using: str = DEFAULT_DB_ALIAS) -> list[Reading]:
    """Return every planned reading by reader and position; `using` names the database to read from.

    Raises
    ------
    SealedError: the key is not open.
    """
    unblinding_of(study, using)
    assignments = list(
        Assignment.objects.using(using)
        .filter(study=study.pk)
        .select_related("reader")
        .order_by("reader__pseudonym", "position")
    )
    cases = _cases(study, {one.case_id for one in assignments}, using)
    revisions: dict[int, list[Revision]] = {}
    for row in Rating.objects.using(using).filter(study=study.pk).order_by("revision"):
        saved = Revision(row.answers, tuple(row.marks), row.comment, row.seconds, row.saved_at)
        revisions.setdefault(row.assignment_id, []).append(saved)
    return [
        Reading(
            one.reader.pseudonym, one.reader.slot, cases[one.case_id], one.presentation, one.position,
            one.deferred, tuple(revisions.get(one.pk, ())),
        )
        for one in assignments
    ]  # fmt: skip


def readers_of(study: Study, readings: list[Reading], using: str) -> tuple[EnrolledReader, ...]:
    """Return each enrolled reader, also those who withdrew or read nothing."""
    first = [reading for reading in readings if reading.presentation == 1]
    planned = Counter(reading.reader for reading in first)
    read = Counter(reading.reader for reading in first if reading.revisions)
    rows = Reader.objects.using(using).filter(study=study.pk).select_related("person", "replaces")
    return tuple(
        EnrolledReader(
            row.pseudonym, planned[row.pseudonym], read[row.pseudonym],
            f"{row.withdrawn_at:%Y-%m-%d}, {row.withdrawal_reason}" if row.withdrawn_at else "",
            row.replaces.pseudonym if row.replaces else "",
            slot=row.slot, years_reading=row.person.years_reading, specialty=row.person.specialty,
        )
        for row in rows
    )  # fmt: skip


def _cases(study: Study, assigned: set[int], using: str) -> dict[int, ReadCase]:
    found = OpenedCase.objects.using(using).filter(study=study.pk).select_related("case")
    rows = [row for row in found if row.case_id in assigned]
    members = Counter(row.pair for row in rows)
    return {
        row.case_id: ReadCase(
            row.case.key, row.case.block, tuple(row.case.labels), row.arm,
            # A case that is matched to none has a number of its own: that is no pair.
            str(row.pair) if members[row.pair] > 1 else "",
            row.score, row.class_group, row.n_findings, str(row.patient or ""),
        )
        for row in rows
    }  # fmt: skip
