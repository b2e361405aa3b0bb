"""The frames of an opened study: the only join of ratings and arms, written from plain values.

A column of a table beside ratings.csv is defined once in tables.toml, with its meaning; its value is computed here.
Files and data dictionary follow.
"""

import json
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import Any, Generic, TypeVar

import pandas as pd

from analysis import frames
from analysis.columns import Column, Table
from analysis.endpoints import Endpoint
from analysis.frames import check_table, rated, ratings_table
from analysis.stats.sensitivity import findings_group
from readerstudy.endpoints import endpoints_of
from readerstudy.results.values import EnrolledReader, ReadCase, Reading
from readerstudy.study.protocol import Protocol

UNREAD = {"status": "missing", "value": None}
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


def ratings_frame(protocol: Mapping[str, Any], readings: list[Reading]) -> pd.DataFrame:
    """Return the tidy ratings (frames.ratings_table), one row per planned reading, unread ones as missing."""
    asked = endpoints_of(Protocol.from_json(protocol))
    rows = [_rating(protocol, reading, asked) for reading in readings]
    table = ratings_table(asked.values())
    told = {*rated(asked.values()), *(["patient"] if any(one.case.patient for one in readings) else [])}
    return check_table(pd.DataFrame(rows, columns=[name for name in table.names if name in told]), table)


def planned_frame(readings: list[Reading], readers: Sequence[EnrolledReader]) -> pd.DataFrame:
    """Return what became of each planned first reading (PLANNED); `readings` are by reader and position.

    The next case comes up when one is saved: of a reader who has begun, the first that is not read was shown.
    """
    left = {each.pseudonym: "withdrawn" for each in readers if each.withdrawn}
    left |= {each.replaces: "replaced" for each in readers if each.replaces}
    first = [reading for reading in readings if reading.presentation == 1]
    begun = {reading.reader for reading in first if reading.revisions}
    states = []
    for reading in first:
        state = "read" if reading.revisions else left.get(reading.reader, "")
        if not state:
            state = "shown" if reading.reader in begun else "never_shown"
            begun.discard(reading.reader)
        states.append((reading, state))
    return PLANNED.frame(states)


def answers_frame(protocol: Mapping[str, Any], readings: list[Reading]) -> pd.DataFrame:
    """Return every answer to every question (ANSWERS); values are JSON texts."""
    kinds = {question["key"]: question["kind"] for question in protocol["questions"]}
    return ANSWERS.frame(answer for reading in readings for answer in _answers(reading, kinds))


def _answers(reading: Reading, kinds: Mapping[str, str]) -> Iterator[Answer]:
    for key, kind in kinds.items():
        answer = reading.answers.get(key, UNREAD)
        value = answer["value"]
        if kind == "mark" and answer["status"] == "answered":
            value = [mark for mark in reading.revisions[-1].marks if mark["question"] == key]
        yield Answer(reading, key, kind, answer["status"], _json(value))
    if not reading.revisions:
        return
    last = reading.revisions[-1]
    loose = [mark for mark in last.marks if not mark["question"]]
    for name, kind, value in (("comment", "text", last.comment), ("marks", "mark", loose)):
        if value:
            yield Answer(reading, name, kind, "answered", _json(value))


def cases_frame(readings: list[Reading]) -> pd.DataFrame:
    """Return what the key says of each case (OPENED_CASES), sorted by case."""
    cases = {reading.case.key: reading.case for reading in readings}
    return OPENED_CASES.frame(cases[key] for key in sorted(cases))


def subgroups_frame(protocol: Mapping[str, Any], cases: pd.DataFrame) -> pd.DataFrame | None:
    """Return the groups that the protocol names, one column each, or None when it names none."""
    named = [name for name in SUBGROUPS.names if name in protocol.get("subgroups", ())]
    if not named:
        return None
    binned = cases["n_findings"].map(lambda n: findings_group(int(n)))
    return cases.assign(n_findings=binned)[["case", *named]]


def wide_frame(ratings: pd.DataFrame, endpoints: Iterable[Endpoint]) -> pd.DataFrame:
    """Return one row per case and, for each reader, a column per question and one of the time; first readings."""
    first = ratings[ratings["presentation"] == 1]
    wide = first.groupby("case")[["arm", "pair"]].first()
    for reader, own in first.groupby("reader"):
        by_case = own.set_index("case")
        for each in endpoints:
            answers = by_case[each.name].astype("Float64")
            wide[f"{reader}_{each.name}"] = answers if each.kind == "number" else answers.astype("Int64")
        wide[f"{reader}_time_s"] = by_case["time_s"].astype("Float64")
    return wide.reset_index()


def _rating(protocol: Mapping[str, Any], reading: Reading, asked: Mapping[str, Endpoint]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "reader": reading.reader,
        "case": reading.case.key,
        "presentation": reading.presentation,
        "arm": reading.case.arm,
        "pair": reading.case.pair,
        "patient": reading.case.patient,
        "batch": _batch(protocol, reading),
        "position": reading.position,
        "time_s": reading.seconds,
    }
    for key, endpoint in asked.items():
        answer = reading.answers.get(key, UNREAD)
        row[endpoint.name], row[endpoint.status] = answer["value"], answer["status"]
    return row


def _batch(protocol: Mapping[str, Any], reading: Reading) -> str:
    """Name the batch within which arms may be exchanged: the cases that the same readers read."""
    slot, design = reading.slot, protocol.get("design")
    if slot is None or design == "fully crossed":
        return str(reading.case.block)
    if design == "own cases":
        return str(slot)
    return str((slot - 1) % protocol["reading_blocks"] + 1)


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)
