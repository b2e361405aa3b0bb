"""The tables of an export beside ratings.csv. A column stands here once, with its meaning and where its value is from:
files and data dictionary follow.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Generic, TypeVar

import pandas as pd

from analysis import frames
from analysis.columns import Column, Table
from readerstudy.results.values import EnrolledReader, ReadCase, Reading

DTYPES = {"integer": "Int64", "binary": "Int64", "number": "float64", "text": "object"}


Row = TypeVar("Row")


@dataclass(frozen=True)
class ExportTable(Table, Generic[Row]):
    """A table of an export that is written from plain values, a row each; `of` says where a column's value is from.

    A column that `of` does not name is the row's attribute of the same name.
    """

    of: Mapping[str, Callable[[Row], Any]] = field(default_factory=dict)

    def frame(self, rows: Iterable[Row]) -> pd.DataFrame:
        """Return the table of the rows."""
        rows = list(rows)
        cells = {}
        for column in self.columns:
            value = self.of.get(column.name, attrgetter(column.name))
            cells[column.name] = pd.Series([value(row) for row in rows], dtype=DTYPES[column.kind])
        return pd.DataFrame(cells)


@dataclass(frozen=True)
class Answer:
    """An answer to a question, or a reader's remark; `value` is JSON."""

    reading: Reading
    question: str
    kind: str
    status: str
    value: str | None


_READING = (
    Column("reader", "text", "Pseudonym of the reader"),
    Column("case", "text", "Key of the case"),
    Column("presentation", "integer", "1 = first reading, 2 = hidden repeat", low=1),
)
_CASE, _ARM = _READING[1], Column("arm", "binary", "1 = pruning-identified exemplar, 0 = control")

ANSWERS: ExportTable[Answer] = ExportTable(
    "answers.csv",
    (
        *_READING,
        Column(
            "question", "text",
            "Key of the question in protocol.json; comment = the reader's remark, marks = those of no question",
        ),
        Column("kind", "text", "Kind of the question"),
        Column(
            "status", "text", "How it was answered",
            allowed=("answered", "cannot_assess", "technical", "left_blank", "not_asked", "missing"),
        ),
        Column("value", "text", "The answer as JSON: number, text, list; of a mark question the marks", blank=True),
    ),
    key=("reader", "case", "presentation", "question"),
    of={
        "reader": lambda row: row.reading.reader,
        "case": lambda row: row.reading.case.key,
        "presentation": lambda row: row.reading.presentation,
    },
)  # fmt: skip
"""Every answer to every question, of whatever kind, as it was last saved."""

OPENED_CASES: ExportTable[ReadCase] = ExportTable(
    "cases.csv",
    (
        _CASE,
        _ARM,
        Column("pair", "text", "Matched set of the case; blank when it is matched to none", blank=True),
        Column(
            "score", "number", "Agreement of dense and pruned scores; blank without a sweep", low=-1, high=1, blank=True
        ),
        Column("class_group", "text", "Group of the rarest positive class", allowed=("head", "medium", "tail", "none")),
        Column("n_findings", "integer", "Number of positive classes without No Finding", low=0),
        Column("labels", "text", "The labels as the readers saw them, joined by '; '", blank=True),
    ),
    key=("case",),
    of={"case": lambda row: row.key, "labels": lambda row: "; ".join(row.labels)},
)  # fmt: skip
"""What the opened key says of each case."""

ORDER: ExportTable[Reading] = ExportTable(
    "order.csv",
    (
        *_READING,
        Column("position", "integer", "Place in the reader's drawn order, from 1", low=1),
        Column("deferred", "binary", "1 = a repeat whose turn came too early, read at the end"),
        Column("first_saved_at", "text", "When the first answer was saved (UTC, ISO 8601)", blank=True),
        Column("last_saved_at", "text", "When the last revision was saved (UTC, ISO 8601)", blank=True),
        Column("revisions", "integer", "How often answers were saved", low=0),
    ),
    key=("reader", "case", "presentation"),
    of={
        "case": lambda row: row.case.key,
        "first_saved_at": lambda row: row.revisions[0].saved_at.isoformat() if row.revisions else None,
        "last_saved_at": lambda row: row.revisions[-1].saved_at.isoformat() if row.revisions else None,
        "revisions": lambda row: len(row.revisions),
    },
)
"""Who was to read what when, and when it was read."""

PLANNED: ExportTable[tuple[Reading, str]] = ExportTable(
    frames.PLANNED.name,
    frames.PLANNED.columns,
    key=frames.PLANNED.key,
    of={
        "reader": lambda row: row[0].reader,
        "case": lambda row: row[0].case.key,
        "arm": lambda row: row[0].case.arm,
        "state": lambda row: row[1],
    },
)
"""What was to be read first, and what became of it."""

READERS: ExportTable[EnrolledReader] = ExportTable(
    "readers.csv",
    (
        _READING[0],
        Column("slot", "integer", "Planned reader whose cases they read; kept by a replacement", blank=True),
        Column("planned", "integer", "First readings planned", low=0),
        Column("read", "integer", "First readings saved", low=0),
        Column("withdrawn", "text", "When and why the reader withdrew", blank=True),
        Column("replaces", "text", "Reader whose place was taken", blank=True),
        Column(
            "years_reading", "integer", "Years of reading radiographs, as the reader stated", blank=True, low=0, high=80
        ),
        Column("specialty", "text", "Specialty, in the reader's own words", blank=True),
    ),
    key=("reader",),
    of={"reader": lambda row: row.pseudonym},
)  # fmt: skip

WIDE = Table(
    "wide.csv",
    (_CASE, _ARM, Column("pair", "text", "Matched set of the case", blank=True)),
    key=("case",),
)
"""One row per case; then per reader and question a column READER_QUESTION of first readings, and READER_time_s."""

SUBGROUPS = Table(
    "subgroups.csv",
    (
        _CASE,
        Column("class_group", "text", "Group of the rarest positive class", optional=True),
        Column("n_findings", "text", "Number of diseases: 0, 1, 2, 3, 4+", optional=True),
    ),
    key=("case",),
)
"""The groups of cases named in the protocol, as `analyse_ratings --subgroups` reads them."""

EXPORT_TABLES = (PLANNED, ANSWERS, OPENED_CASES, ORDER, READERS, WIDE, SUBGROUPS)
