"""Answers can be made again from the audit trail, with marks and times; any change in the table is found."""

import uuid
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from readerstudy.audit.models import Event
from readerstudy.study.models import Rating
from readerstudy.study.reading.answering import save_answers
from readerstudy.study.reading.replay import KEPT, differences, rebuilt
from readerstudy.study.reading.stages import place_of
from tests.blinding.crowd import payload, read_all
from tests.stock import Stock

pytestmark = pytest.mark.django_db

MARK = {"question": "", "kind": "rectangle", "points": [[1.5, 2.0], [10.0, 12.0]]}


@pytest.fixture
def read(stock: Stock) -> Stock:
    """Everything is read; the first case with a mark and a comment."""
    reader = stock.readers[0]
    values = payload(comment="a nodule", marks=[MARK])
    values["idempotency_key"] = uuid.UUID(values["idempotency_key"])
    save_answers(reader=reader, public_id=place_of(reader).current.public_id, **values)
    for each in stock.readers:
        read_all(each)
    return stock


def test_every_answer_is_built_again_whole(read: Stock) -> None:
    again = list(rebuilt(read.study))
    assert len(again) == Rating.objects.count() == 20
    _, first = again[0]
    assert set(first) == set(KEPT)
    assert (first["marks"], first["comment"]) == ([MARK], "a nodule")
    assert (first["seconds"], first["times"]["visible_ms"]) == (4.0, 4000)
    assert (first["display"]["width"], first["session"]) == (1920, 1)
    assert list(differences(read.study)) == []
    said = StringIO()
    call_command("replay_ratings", "chest", stdout=said)
    assert said.getvalue() == "20 saved answers match the audit trail\n"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("answers", {}),
        ("marks", []),
        ("comment", "another"),
        ("seconds", 5.0),
        ("times", {"visible_ms": 5}),
        ("display", {}),
        ("session", None),
    ],
)
def test_a_changed_answer_is_found_and_not_told(read: Stock, name: str, value: Any) -> None:
    row = Rating.objects.order_by("pk").first()
    Rating.objects.filter(pk=row.pk).update(**{name: value})
    (found,) = differences(read.study)
    event = Event.objects.filter(study=read.study.key, kind="answers.saved").order_by("sequence").first()
    assert found.startswith(f"event {event.sequence}: ")
    assert name in found
    assert str(value) not in found or value == {}
    with pytest.raises(CommandError, match="1 differences"):
        call_command("replay_ratings", "chest", stderr=StringIO())


def test_lost_and_invented_answers_are_found(read: Stock) -> None:
    row = Rating.objects.order_by("pk").first()
    Rating.objects.filter(pk=row.pk).update(revision=7)
    lost, invented = differences(read.study)
    assert "lost" in lost
    assert "1 stored answers are in no event" in invented
