"""What no reading page sends is refused with words, never with an error of the server, and leaves nothing."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client

from readerstudy.study.models import Rating
from readerstudy.study.protocol.answers import check_marks, check_sheet
from readerstudy.study.protocol.questions import After, ProtocolError, Question
from tests.blinding.crowd import ANSWERED, payload
from tests.stock import Stock

HUGE = 10**400


@pytest.mark.django_db
@pytest.mark.parametrize(
    "changes",
    [
        {"comment": "a\0b"},
        {"comment": "half of a pair \ud800"},
        {"display": {"width": 1, "renderer": "\0"}},
        {"answers": {**ANSWERED, "quality": {"status": "answered", "value": HUGE}}},
        {"marks": [{"question": "", "kind": "point", "points": [[HUGE, 1]]}]},
        {"times": {"visible_ms": HUGE}},
        {"times": {"visible_ms": 1e12}},
        {"times": {"\ud800": 1}},
        {"times": [5]},
        {"times": {"visits": 5}},
        {"times": {"visits": [{"visible_ms": 1}] * 201}},
    ],
    ids=str,
)
def test_a_body_that_no_database_keeps_is_refused(stock: Stock, changes: dict[str, Any]) -> None:
    client = Client()
    client.force_login(stock.bob)
    case = client.get("/read/chest/state/").json()["case"]
    answer = client.post(case["answer_url"], payload(**changes), content_type="application/json")
    assert answer.status_code == 400
    assert "expected" in answer.json()["error"]
    assert Rating.objects.count() == 0
    assert connection.is_usable()


@pytest.mark.parametrize("answer", [5, "x", [1], {"status": "answered", "value": 1}])
def test_an_answer_to_what_is_not_asked_is_refused_whatever_it_is(answer: object) -> None:
    first = Question("first", "First?", "yes_no")
    second = Question("second", "Second?", "yes_no", after=After("first", (1,)))
    sheet = {"first": {"status": "answered", "value": 0}, "second": answer}
    with pytest.raises(ProtocolError, match="not asked"):
        check_sheet([first, second], sheet)


def test_a_place_beyond_every_number_is_refused() -> None:
    with pytest.raises(ProtocolError, match="pairs of numbers"):
        check_marks([{"question": "", "kind": "point", "points": [[HUGE, 1]]}], {"": (10, 10)})
