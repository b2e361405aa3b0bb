"""The tables of an export beside ratings.csv. A column stands once in tables.toml, with its meaning; where its value is
from stands here. Files and data dictionary follow.
"""

import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
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


_WRITTEN: dict[str, Any] = tomllib.loads((Path(__file__).parent / "tables.toml").read_text("utf-8"))


def _table(name: str, **of: Callable[[Any], Any]) -> ExportTable[Any]:
    """Return the table of a name as the file beside this one describes it."""
    columns = [
        each if isinstance(each, dict) else {"name": each, **_WRITTEN["shared"][each]}
        for each in _WRITTEN[name]["columns"]
    ]
    fitting = tuple(Column(**{**each, "allowed": tuple(each.get("allowed", ()))}) for each in columns)
    return ExportTable(f"{name}.csv", fitting, tuple(_WRITTEN[name]["key"]), of=of)


ANSWERS: ExportTable[Answer] = _table(
    "answers",
    reader=lambda row: row.reading.reader,
    case=lambda row: row.reading.case.key,
    presentation=lambda row: row.reading.presentation,
)
"""Every answer to every question, of whatever kind, as it was last saved."""

OPENED_CASES: ExportTable[ReadCase] = _table(
    "cases", case=attrgetter("key"), labels=lambda row: "; ".join(row.labels)
)
"""What the opened key says of each case."""

ORDER: ExportTable[Reading] = _table(
    "order",
    case=attrgetter("case.key"),
    first_saved_at=lambda row: row.revisions[0].saved_at.isoformat() if row.revisions else None,
    last_saved_at=lambda row: row.revisions[-1].saved_at.isoformat() if row.revisions else None,
    revisions=lambda row: len(row.revisions),
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

READERS: ExportTable[EnrolledReader] = _table("readers", reader=attrgetter("pseudonym"))

WIDE = _table("wide")
"""One row per case; then per reader and question a column READER_QUESTION of first readings, and READER_time_s."""

SUBGROUPS = _table("subgroups")
"""The groups of cases named in the protocol, as `analyse_ratings --subgroups` reads them."""

CASES_FOUND: ExportTable[Any] = _table(
    "cases-found",
    case=attrgetter("case.key"),
    labels=lambda row: "; ".join(row.case.labels),
    class_group=attrgetter("case.class_group"),
    score=attrgetter("case.score"),
    readers=lambda row: len(row.first),
    median_time_s=attrgetter("seconds"),
)
"""The list of cases as its page shows it, for a spreadsheet; a row is a `BrowsedCase`."""

EXPORT_TABLES = (PLANNED, ANSWERS, OPENED_CASES, ORDER, READERS, WIDE, SUBGROUPS)
