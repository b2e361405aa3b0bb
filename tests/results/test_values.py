"""What leaves the database is plain: no row, no query, and a column of the export is defined in one place."""

import csv
import io
from collections.abc import Iterator
from dataclasses import FrozenInstanceError, fields, is_dataclass, replace
from datetime import datetime
from typing import Any

import pytest
from django.db.models import Model, QuerySet
from django.test.utils import CaptureQueriesContext

from analysis.columns import Column
from readerstudy.results import export
from readerstudy.results.computed import computed
from readerstudy.results.export import export_files
from readerstudy.results.ratings import ORDER, answers_frame, cases_frame, ratings_frame
from readerstudy.results.snapshot import snapshot
from readerstudy.results.values import readers_of, readings_of
from tests.stock import Stock

pytestmark = pytest.mark.django_db

PLAIN = (str, int, float, bool, type(None), datetime)


def parts(value: Any) -> Iterator[Any]:
    """Yield everything that a value consists of, itself included."""
    yield value
    if is_dataclass(value):
        for each in fields(value):
            yield from parts(getattr(value, each.name))
    elif isinstance(value, dict):
        for pair in value.items():
            yield from parts(pair)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from parts(each)


def test_values_are_plain_and_frozen(opened: Stock) -> None:
    with snapshot() as using:
        readings = readings_of(opened.study, using)
        readers = readers_of(opened.study, readings, using)
    found = list(parts((readings, readers)))
    assert len(found) > 500
    strange = {
        type(each)
        for each in found
        if not isinstance(each, (*PLAIN, tuple, list, dict)) and not is_dataclass(each)
    }
    assert strange == set()
    with pytest.raises(FrozenInstanceError):
        readings[0].position = 3  # type: ignore[misc]


def test_tables_are_written_without_the_database(opened: Stock, connection_queries: Any) -> None:
    made = computed(opened.study)
    protocol = made.protocol
    with connection_queries as asked:
        ratings_frame(protocol, made.readings)
        answers_frame(protocol, made.readings)
        cases_frame(made.readings)
        ORDER.frame(made.readings)
        assert made.results.frame("comparisons").size
        assert made.figures("light")
    assert [query["sql"] for query in asked.captured_queries] == []


def test_no_row_crosses_with_what_is_computed(opened: Stock) -> None:
    found = list(parts(computed(opened.study)))
    assert len(found) > 500
    assert [type(each) for each in found if isinstance(each, Model | QuerySet)] == []


@pytest.fixture
def connection_queries() -> CaptureQueriesContext:
    from django.db import connection

    return CaptureQueriesContext(connection)


def test_a_column_of_the_export_is_added_in_one_place(opened: Stock, monkeypatch: pytest.MonkeyPatch) -> None:
    marks = Column("marks", "integer", "How many places the reader marked", low=0)
    more = replace(
        ORDER,
        columns=(*ORDER.columns, marks),
        of={**ORDER.of, "marks": lambda row: len(row.revisions[-1].marks) if row.revisions else None},
    )
    tables = [more if table is ORDER else table for table in export.EXPORT_TABLES]
    monkeypatch.setattr(export, "ORDER", more)
    monkeypatch.setattr(export, "EXPORT_TABLES", tables)
    files = dict(export_files(opened.study))
    rows = list(csv.DictReader(io.StringIO(files["order.csv"].decode())))
    assert {row["marks"] for row in rows if row["revisions"] != "0"} == {"0"}
    assert {row["marks"] for row in rows if row["revisions"] == "0"} == {""}
    told = list(csv.DictReader(io.StringIO(files["data_dictionary.csv"].decode())))
    assert {"How many places the reader marked"} == {
        row["meaning"] for row in told if row["column"] == "marks"
    }
