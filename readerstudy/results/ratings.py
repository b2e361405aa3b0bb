"""The only join of ratings and arms. Nothing here answers before unblinding."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from django.db import DEFAULT_DB_ALIAS

from analysis.endpoints import Endpoint
from analysis.frames import check_table, rated, ratings_table
from analysis.stats.sensitivity import findings_group
from readerstudy.endpoints import endpoints_of
from readerstudy.results.models import OpenedCase, Unblinding
from readerstudy.results.tables import ANSWERS, OPENED_CASES, ORDER, SUBGROUPS
from readerstudy.study.models import Assignment, Rating, Study
from readerstudy.study.phases import Phase
from readerstudy.study.protocol import Protocol


class SealedError(Exception):
    """The study's key is not open: there are no results yet."""


@dataclass(frozen=True)
class Reading:
    """One planned reading with what is known of it: its case's row of the key, its revisions (oldest first)."""

    assignment: Assignment
    opened: OpenedCase
    revisions: tuple[Rating, ...]

    @property
    def answers(self) -> Mapping[str, Any]:
        """The answers as last saved; none when it was not read."""
        return self.revisions[-1].answers if self.revisions else {}

    @property
    def seconds(self) -> float | None:
        """The time on the case over all visits that ended in an answer."""
        times = [rating.seconds for rating in self.revisions if rating.seconds is not None]
        return sum(times) if times else None

    @property
    def names(self) -> dict[str, Any]:
        """Reader, case and presentation: the key of every table of readings."""
        return {
            "reader": self.assignment.reader.pseudonym,
            "case": self.assignment.case.key,
            "presentation": self.assignment.presentation,
        }


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
    opened = {row.case_id: row for row in OpenedCase.objects.using(using).filter(study=study.pk)}
    revisions: dict[int, list[Rating]] = {}
    for rating in Rating.objects.using(using).filter(study=study.pk).order_by("revision"):
        revisions.setdefault(rating.assignment_id, []).append(rating)
    assignments = Assignment.objects.using(using).filter(study=study.pk).select_related("reader", "case")
    return [
        Reading(one, opened[one.case_id], tuple(revisions.get(one.pk, ())))
        for one in assignments.order_by("reader__pseudonym", "position")
    ]


def ratings_frame(study: Study, readings: list[Reading]) -> pd.DataFrame:
    """Return the tidy ratings (frames.ratings_table), one row per planned reading, unread ones as missing."""
    members, asked = _members(readings), endpoints_of(Protocol.from_json(study.protocol))
    rows = [_rating(study, reading, members, asked) for reading in readings]
    columns = rated(asked.values())
    return check_table(pd.DataFrame(rows, columns=columns), ratings_table(asked.values()))


def answers_frame(study: Study, readings: list[Reading]) -> pd.DataFrame:
    """Return every answer to every question (tables.ANSWERS); values are JSON texts."""
    kinds = {question["key"]: question["kind"] for question in study.protocol["questions"]}
    rows = []
    for reading in readings:
        for key, kind in kinds.items():
            answer = reading.answers.get(key, {"status": "missing", "value": None})
            value = answer["value"]
            if kind == "mark" and answer["status"] == "answered":
                value = [mark for mark in reading.revisions[-1].marks if mark["question"] == key]
            rows.append(
                reading.names
                | {"question": key, "kind": kind, "status": answer["status"], "value": _json(value)}
            )
        comment = reading.revisions[-1].comment if reading.revisions else ""
        if comment:
            rows.append(
                reading.names
                | {"question": "comment", "kind": "text", "status": "answered", "value": _json(comment)}
            )
    return pd.DataFrame(rows, columns=ANSWERS.names)


def order_frame(readings: list[Reading]) -> pd.DataFrame:
    """Return the drawn order and when each reading was saved (tables.ORDER)."""
    rows = [
        reading.names
        | {
            "position": reading.assignment.position,
            "deferred": int(reading.assignment.deferred),
            "first_saved_at": reading.revisions[0].saved_at.isoformat() if reading.revisions else None,
            "last_saved_at": reading.revisions[-1].saved_at.isoformat() if reading.revisions else None,
            "revisions": len(reading.revisions),
        }
        for reading in readings
    ]
    return pd.DataFrame(rows, columns=ORDER.names)


def cases_frame(readings: list[Reading]) -> pd.DataFrame:
    """Return what the key says of each case (tables.OPENED_CASES), sorted by case."""
    members = _members(readings)
    rows = {
        reading.assignment.case.key: {
            "case": reading.assignment.case.key,
            "arm": reading.opened.arm,
            "pair": _pair(reading, members),
            "score": reading.opened.score,
            "class_group": reading.opened.class_group,
            "n_findings": reading.opened.n_findings,
            "labels": "; ".join(reading.assignment.case.labels),
        }
        for reading in readings
    }
    return pd.DataFrame([rows[key] for key in sorted(rows)], columns=OPENED_CASES.names)


def subgroups_frame(study: Study, cases: pd.DataFrame) -> pd.DataFrame | None:
    """Return the groups that the protocol names, one column each, or None when it names none."""
    named = [name for name in SUBGROUPS.names[1:] if name in study.protocol.get("subgroups", ())]
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


def _members(readings: list[Reading]) -> Mapping[int, int]:
    return Counter({reading.opened.pk: reading.opened.pair for reading in readings}.values())


def _pair(reading: Reading, members: Mapping[int, int]) -> str:
    # A case that is matched to none has a number of its own: that is no pair.
    return str(reading.opened.pair) if members[reading.opened.pair] > 1 else ""


def _rating(
    study: Study, reading: Reading, members: Mapping[int, int], asked: Mapping[str, Endpoint]
) -> dict[str, Any]:
    row: dict[str, Any] = reading.names | {
        "arm": reading.opened.arm,
        "pair": _pair(reading, members),
        "batch": _batch(study, reading.assignment),
        "position": reading.assignment.position,
        "time_s": reading.seconds,
    }
    for key, endpoint in asked.items():
        answer = reading.answers.get(key, {"status": "missing", "value": None})
        row[endpoint.name], row[endpoint.status] = answer["value"], answer["status"]
    return row


def _batch(study: Study, assignment: Assignment) -> str:
    """Name the batch within which arms may be exchanged: the cases that the same readers read."""
    slot, design = assignment.reader.slot, study.protocol.get("design")
    if slot is None or design == "fully crossed":
        return str(assignment.case.block)
    if design == "own cases":
        return str(slot)
    return str((slot - 1) % study.protocol["reading_blocks"] + 1)


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)
