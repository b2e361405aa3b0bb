"""What a reader or admin does a second time changes nothing, and what is done too early or too late is refused."""

from typing import Any

import pytest
from django.utils import timezone

from readerstudy.study.design.terms import confirm
from readerstudy.study.models import Reader
from readerstudy.study.people.members import enrol_reader, readers_of
from readerstudy.study.phases import PhaseError, StudyError
from readerstudy.study.protocol import Protocol
from readerstudy.study.protocol.questions import ProtocolError
from readerstudy.study.reading import visits
from tests.guards import drop_guards
from tests.stock import Stock
from tests.study.test_visits import Room, build, make_empty

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _without_guards(db: None) -> None:
    drop_guards()


def test_consent_and_instructions_keep_the_time_of_the_first_click(stock: Stock, tmp_path: Any) -> None:
    reader = build(stock, Protocol(consent="I agree.", instructions="# Read"), tmp_path)
    for step in (
        lambda: visits.give_consent(reader=reader, accepted=True),
        lambda: visits.begin(reader=reader),
    ):
        step()
        once = Reader.objects.values("consented_at", "consent_sha256", "instructed_at").get(pk=reader.pk)
        step()
        assert Reader.objects.values(*once).get(pk=reader.pk) == once


def test_who_has_withdrawn_can_do_no_stage_even_where_a_page_is_open(stock: Stock, tmp_path: Any) -> None:
    reader = build(stock, Protocol(consent="I agree."), tmp_path)
    Reader.objects.filter(pk=reader.pk).update(withdrawn_at=timezone.now())
    with pytest.raises(PhaseError, match="you have withdrawn"):
        visits.give_consent(reader=reader, accepted=True)
    assert Reader.objects.get(pk=reader.pk).consented_at is None


@pytest.mark.parametrize("digests", [None, "ab" * 32, {"sha256": []}, [1]])
def test_terms_are_confirmed_by_a_list_of_digests(stock: Stock, digests: Any) -> None:
    with pytest.raises(ProtocolError, match="expected a list of the digests"):
        confirm(study=stock.study, person=stock.bob, digests=digests)


def test_readers_come_after_cases_and_take_no_occupied_place(stock: Stock) -> None:
    with pytest.raises(StudyError, match="expected cases before readers"):
        enrol_reader(study=make_empty(stock), person=stock.charlie, actor=stock.alice)
    with pytest.raises(StudyError, match="expected a reader who has withdrawn, R01 has not"):
        enrol_reader(study=stock.study, person=stock.charlie, actor=stock.alice, replaces=stock.readers[0])
    assert readers_of(stock.study).count() == 2


def test_whereabouts_tell_who_has_begun(stock: Stock) -> None:
    def states() -> dict[str, str]:
        return {row.pseudonym: row.state for row in readers_of(stock.study)}

    assert states() == {"R01": "not begun", "R02": "not begun"}
    assert Room(stock.readers[0]).answer().status_code == 200
    assert states() == {"R01": "reading", "R02": "not begun"}
