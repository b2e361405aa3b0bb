"""The page and the file of the trail: whole for what is harmless, masked for what was read."""

import json
from datetime import timedelta
from html import unescape
from types import SimpleNamespace

import pytest
from django.test import Client
from django.utils import timezone

from readerstudy.audit.models import Event
from readerstudy.audit.sentences import WORDLESS
from readerstudy.cases.models import Case
from readerstudy.study.models import Rating
from tests.blinding.crowd import payload, read_all, to_phase
from tests.stock import Stock

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(stock: Stock) -> Client:
    client = Client()
    client.force_login(stock.alice)
    return client


def lines(client: Client) -> list[dict[str, object]]:
    response = client.get("/studies/chest/audit.jsonl")
    return [json.loads(line) for line in response.getvalue().decode().splitlines()]


def test_what_was_read_is_masked_until_the_key_is_open(
    stock: Stock, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    early = timezone.now() - timedelta(
        hours=5, minutes=7
    )  # of no second in which an event that is shown happens
    with monkeypatch.context() as patch:
        patch.setattr("readerstudy.audit.services.timezone", SimpleNamespace(now=lambda: early))
        read_all(stock.readers[0], answer=lambda key: {"comment": "canarycomment"})
    public_id = str(stock.readers[0].assignments.first().public_id)
    saved = Event.objects.filter(kind="answers.saved").first()
    for phase in ("reading", "closed"):
        to_phase(stock, phase)
        texts = [admin.get("/studies/chest/audit/").content.decode(), json.dumps(lines(admin))]
        for text in texts:
            assert "answers.saved" in text
            assert public_id not in text
            assert "canarycomment" not in text
            assert f"{saved.at:%H:%M:%S}" not in text
    masked = [line for line in lines(admin) if line["kind"] == "answers.saved"]
    assert {(line["subject"], line["values"], len(str(line["at"]))) for line in masked} == {
        ("masked", "masked", 10)
    }
    created = next(line for line in lines(admin) if line["kind"] == "study.created")
    assert created["subject"] == "chest"


def test_the_page_tells_each_event_in_a_sentence(stock: Stock, admin: Client) -> None:
    read_all(stock.readers[0])
    page = unescape(admin.get("/studies/chest/audit/?page=1").content.decode())
    page += unescape(admin.get("/studies/chest/audit/?page=2").content.decode())
    for sentence in (
        "Alice made the study \u201c", "Alice became study admin of the study.", "Bob saved the answers to a case.",
        "enrolled Bob as reader R01.", f"loaded {Case.objects.filter(study=stock.study.key).count()} cases.",
        "locked the protocol.", "opened the reading room for 2 readers.",
    ):  # fmt: skip
        assert sentence in page
    assert WORDLESS not in page


def test_once_the_key_is_open_all_is_shown(stock: Stock, admin: Client) -> None:
    read_all(stock.readers[0], answer=lambda key: {"comment": "canarycomment"})
    to_phase(stock, "unblinded")
    masked = [line for line in lines(admin) if line["values"] == "masked"]
    assert masked == []
    assert b"canarycomment" in admin.get("/studies/chest/audit.jsonl").getvalue()


def test_the_trail_rebuilds_the_ratings(stock: Stock) -> None:
    client = Client()
    client.force_login(stock.readers[0].person)
    first = stock.readers[0].assignments.order_by("position")[0]
    client.post(f"/read/chest/answers/{first.public_id}/", payload(comment="seen"), "application/json")
    read_all(stock.readers[1])
    rebuilt = {
        (event.subject, event.values["revision"]): event.values
        for event in Event.objects.filter(kind="answers.saved")
    }
    ratings = Rating.objects.select_related("assignment")
    assert len(rebuilt) == ratings.count() > 5
    for rating in ratings:
        values = rebuilt[str(rating.assignment.public_id), rating.revision]
        assert values["answers"] == rating.answers
        assert values["comment"] == rating.comment
