"""The tidy ratings are what was saved, joined with the key; checked by hand against the key file itself."""

import csv
from typing import Any

import pandas as pd
import pytest

from analysis.frames import rated
from readerstudy.cases.models import Case
from readerstudy.results.computed import computed
from readerstudy.results.models import OpenedCase
from readerstudy.results.ratings import cases_frame, subgroups_frame
from readerstudy.study.models import Assignment
from tests.results.readings import ANSWERS, NAMES
from tests.stock import Stock

pytestmark = pytest.mark.django_db


def wanted(stock: Stock) -> list[dict[str, Any]]:
    """Join answers and key file by hand, in the order of the readings."""
    with stock.case_set.key.open(encoding="utf-8") as file:
        key = {row["case"]: row for row in csv.DictReader(file)}
    ranks = {case: rank for rank, case in enumerate(sorted(key))}
    rows = []
    for reader in stock.readers:
        places = list(reader.assignments.select_related("case").order_by("position"))
        unread = {place.pk for place in places[-2:]} if reader.pseudonym == "R02" else set()
        for place in places:
            case = place.case.key
            *values, milliseconds = ANSWERS[reader.pseudonym][ranks[case]]
            row = {
                "reader": reader.pseudonym, "case": case, "arm": int(key[case]["arm"]), "pair": key[case]["pair"],
                "position": place.position, "time_s": milliseconds / 1000,
            }  # fmt: skip
            for name, value in zip(NAMES, values, strict=True):
                row[name] = None if isinstance(value, str) else value
                row[f"{name}_status"] = value if isinstance(value, str) else "answered"
            if place.pk in unread:
                row |= (
                    {"time_s": None} | dict.fromkeys(NAMES) | {f"{name}_status": "missing" for name in NAMES}
                )
            rows.append(row)
    return rows


def test_ratings_are_the_answers_joined_with_the_key(opened: Stock) -> None:
    frame = computed(opened.study).ratings
    assert list(frame.columns) == rated()
    expected = wanted(opened)
    assert len(frame) == len(expected) == 20
    for came, row in zip(frame.to_dict("records"), expected, strict=True):
        for name, value in row.items():
            assert (None if pd.isna(came[name]) else came[name]) == value, (name, row)
    assert set(frame["batch"]) == {"1"}
    assert set(frame["presentation"]) == {1}


def test_an_arm_is_the_one_of_the_image(opened: Stock) -> None:
    frame = computed(opened.study).ratings
    arms = frame.groupby("case")["arm"].nunique()
    assert set(arms) == {1}
    assert frame.groupby("reader")["arm"].sum().to_dict() == {"R01": 5, "R02": 5}


def test_a_pair_of_one_member_is_no_pair(opened: Stock) -> None:
    alone = OpenedCase.objects.select_related("case").order_by("case__key").first()
    partner = OpenedCase.objects.exclude(pk=alone.pk).get(pair=alone.pair)
    OpenedCase.objects.filter(pk=alone.pk).update(pair=77)
    frame = computed(opened.study).ratings
    blank = set(frame.loc[frame["pair"] == "", "case"])
    assert blank == {alone.case.key, partner.case.key}
    assert frame.loc[frame["pair"] != "", "pair"].value_counts().tolist() == [4, 4, 4, 4]


def test_the_last_revision_counts(opened: Stock) -> None:
    first = Assignment.objects.filter(reader=opened.readers[0]).order_by("position")[0]
    rating = first.ratings.get()
    rating.pk, rating.revision, rating.idempotency_key = None, 2, Case.objects.first().study
    rating.answers = {name: {"status": "technical", "value": None} for name in NAMES}
    rating.save(force_insert=True)
    row = computed(opened.study).ratings.iloc[0]
    assert [row[f"{name}_status"] for name in NAMES] == ["technical"] * 3
    assert len(computed(opened.study).ratings) == 20


def test_the_groups_of_cases_are_those_that_the_protocol_names(opened: Stock) -> None:
    cases = cases_frame(computed(opened.study).readings)
    assert subgroups_frame({"subgroups": ()}, cases) is None
    for named in (["class_group"], ["n_findings"], ["class_group", "n_findings"]):
        found = subgroups_frame({"subgroups": named}, cases)
        assert found is not None
        assert list(found.columns) == ["case", *named]
        assert list(found["case"]) == list(cases["case"])


def test_results_are_kept_and_the_same(opened: Stock) -> None:
    first = computed(opened.study).results
    assert computed(opened.study).results.to_json() == first.to_json()
    assert not first.simulated
