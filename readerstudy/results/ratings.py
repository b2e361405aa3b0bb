"""The frames of an opened study: the only join of ratings and arms, written from plain values."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from analysis.endpoints import Endpoint
from analysis.frames import check_table, rated, ratings_table
from analysis.stats.sensitivity import findings_group
from readerstudy.endpoints import endpoints_of
from readerstudy.results.tables import ANSWERS, OPENED_CASES, PLANNED, SUBGROUPS, Answer
from readerstudy.results.values import EnrolledReader, Reading
from readerstudy.study.protocol import Protocol

UNREAD = {"status": "missing", "value": None}


def ratings_frame(protocol: Mapping[str, Any], readings: list[Reading]) -> pd.DataFrame:
    """Return the tidy ratings (frames.ratings_table), one row per planned reading, unread ones as missing."""
    asked = endpoints_of(Protocol.from_json(protocol))
    rows = [_rating(protocol, reading, asked) for reading in readings]
    columns = rated(asked.values())
    return check_table(pd.DataFrame(rows, columns=columns), ratings_table(asked.values()))


def planned_frame(readings: list[Reading], readers: Sequence[EnrolledReader]) -> pd.DataFrame:
    """Return what became of each planned first reading (tables.PLANNED); `readings` are by reader and position.

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
    """Return every answer to every question (tables.ANSWERS); values are JSON texts."""
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
    """Return what the key says of each case (tables.OPENED_CASES), sorted by case."""
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
