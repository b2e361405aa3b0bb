"""A study's life: what each step needs, refuses, and writes into the audit trail."""

import uuid
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from readerstudy.audit.models import Event
from readerstudy.audit.services import record
from readerstudy.cases.models import Case
from readerstudy.study.design import lifecycle
from readerstudy.study.design.locking import locked_document
from readerstudy.study.duties import add_member
from readerstudy.study.models import Assignment, Rating, Reader, Role, Study
from readerstudy.study.orders.drawing import commitment
from readerstudy.study.people.members import enrol_reader
from readerstudy.study.phases import PhaseError, StudyError
from readerstudy.study.protocol import Protocol, ProtocolError, digest
from readerstudy.study.reading.answering import StaleRevisionError, save_answers, servable
from readerstudy.study.reading.stages import place_of
from tests.stock import RUN_ID, Stock, person

pytestmark = pytest.mark.django_db

ANSWERS = {
    "agree": {"status": "answered", "value": 1},
    "quality": {"status": "answered", "value": 4},
    "difficulty": {"status": "cannot_assess", "value": None},
}


def save(reader: Reader, **changes: Any) -> Rating:
    current = place_of(reader).current
    values: dict[str, Any] = {
        "public_id": current.public_id if current else uuid.uuid4(),
        "idempotency_key": uuid.uuid4(),
        "revision": 0,
        "answers": ANSWERS,
        "comment": "",
        "times": {"painted_ms": 100.0, "visible_ms": 5250.0, "hidden_ms": 0, "idle_ms": 0},
        "display": {"width": 1920, "height": 1080, "pixel_ratio": 1, "renderer": "canvas"},
    }
    return save_answers(reader=reader, **{**values, **changes})


def test_each_reader_gets_every_case_once_in_an_own_order(stock: Stock) -> None:
    orders = []
    for reader in stock.readers:
        rows = list(reader.assignments.select_related("case").order_by("position"))
        assert [row.position for row in rows] == list(range(1, 11))
        assert {row.case.key for row in rows} == set(Case.objects.values_list("key", flat=True))
        orders.append([row.case.key for row in rows])
    assert orders[0] != orders[1]
    ids = Assignment.objects.values_list("public_id", flat=True)
    assert len(set(ids)) == 20


def test_place_moves_with_each_save_and_ends(stock: Stock) -> None:
    reader = stock.readers[0]
    for position in range(1, 11):
        place = place_of(reader)
        assert (place.position, place.total) == (position, 10)
        save(reader)
    assert place_of(reader).current is None


def test_rating_keeps_answers_time_and_audit(stock: Stock) -> None:
    rating = save(stock.readers[0], comment="  a comment ")
    assert rating.answers == ANSWERS
    assert rating.seconds == 5.25
    assert rating.comment == "a comment"
    event = Event.objects.get(kind="answers.saved")
    assert event.values["answers"] == ANSWERS
    assert event.study == stock.study.key
    assert event.actor == stock.bob


def test_same_key_twice_saves_once(stock: Stock) -> None:
    key = uuid.uuid4()
    public_id = place_of(stock.readers[0]).current.public_id
    first = save(stock.readers[0], idempotency_key=key, public_id=public_id)
    again = save(stock.readers[0], idempotency_key=key, public_id=public_id)
    assert first.pk == again.pk
    assert Rating.objects.count() == 1


@pytest.mark.parametrize(
    "other",
    [
        {"answers": {**ANSWERS, "agree": {"status": "answered", "value": 0}}},
        {"answers": {**ANSWERS, "quality": {"status": "technical", "value": None}}},
        {"comment": "another"},
        {"marks": [{"question": "", "kind": "point", "points": [[1, 2]]}]},
    ],
    ids=["value", "status", "comment", "mark"],
)
def test_the_same_key_with_other_answers_is_a_conflict(stock: Stock, other: dict[str, Any]) -> None:
    sent = {"idempotency_key": uuid.uuid4(), "public_id": place_of(stock.readers[0]).current.public_id}
    first = save(stock.readers[0], **sent)
    with pytest.raises(StaleRevisionError) as caught:
        save(stock.readers[0], **sent, **other)
    assert caught.value.stored == {"revision": 1, "answers": ANSWERS, "comment": "", "marks": []}
    assert Rating.objects.get() == first
    assert (first.answers, first.comment, first.marks) == (ANSWERS, "", [])
    save(stock.readers[0])
    assert save(stock.readers[0], **sent).pk == first.pk, "the same ones are still the first receipt"
    again = save(
        stock.readers[0], **sent, times={"painted_ms": 1, "visible_ms": 1, "hidden_ms": 0, "idle_ms": 0}
    )
    assert again.pk == first.pk, "what was measured is no answer"


def test_key_of_another_case_is_refused(stock: Stock) -> None:
    key = save(stock.readers[0]).idempotency_key
    for reader in stock.readers:
        with pytest.raises(ProtocolError, match="expected a new one for each case"):
            save(reader, idempotency_key=key)
    assert Rating.objects.count() == 1


def test_second_window_gets_what_is_stored(stock: Stock) -> None:
    public_id = place_of(stock.readers[0]).current.public_id
    save(stock.readers[0], public_id=public_id)
    with pytest.raises(StaleRevisionError) as caught:
        save(stock.readers[0], public_id=public_id)
    assert caught.value.stored == {"revision": 1, "answers": ANSWERS, "comment": "", "marks": []}
    assert Rating.objects.count() == 1


def test_a_revision_of_what_was_never_saved_is_a_conflict(stock: Stock) -> None:
    with pytest.raises(StaleRevisionError) as caught:
        save(stock.readers[0], revision=1)
    assert caught.value.stored["revision"] == 0
    assert not Rating.objects.exists()


def test_case_out_of_turn_is_not_there(stock: Stock) -> None:
    ahead = place_of(stock.readers[0]).following
    with pytest.raises(Assignment.DoesNotExist):
        save(stock.readers[0], public_id=ahead.public_id)


def test_other_readers_case_is_not_there(stock: Stock) -> None:
    other = place_of(stock.readers[1]).current
    with pytest.raises(Assignment.DoesNotExist):
        save(stock.readers[0], public_id=other.public_id)
    assert servable(stock.readers[0], other.public_id) is None


def test_only_current_and_next_are_servable(stock: Stock) -> None:
    reader = stock.readers[0]
    rows = list(reader.assignments.order_by("position"))
    served = [servable(reader, row.public_id) is not None for row in rows]
    assert served == [True, True] + [False] * 8
    save(reader)
    served = [servable(reader, row.public_id) is not None for row in rows]
    assert served == [False, True, True] + [False] * 7


@pytest.mark.parametrize(
    "change",
    [
        {"times": {"visible_ms": -1}},
        {"times": {"visible_ms": float("nan")}},
        {"times": {"visible_ms": "5"}},
        {"times": {"secret": 1}},
        {"display": {"renderer": 5}},
        {"display": {"height": True}},
        {"comment": 7},
        {"comment": "x" * 4001},
    ],
)
def test_senseless_values_are_refused_whole(stock: Stock, change: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        save(stock.readers[0], **change)
    assert Rating.objects.count() == 0
    assert place_of(stock.readers[0]).position == 1


def test_closed_study_takes_no_answer(stock: Stock) -> None:
    lifecycle.close(study=stock.study, actor=stock.alice, reason="all done")
    with pytest.raises(PhaseError, match="it is closed"):
        save(stock.readers[0])


def test_lock_freezes_a_digest_of_what_is_asked(stock: Stock) -> None:
    stock.study.refresh_from_db()
    assert stock.study.protocol_sha256 == digest(locked_document(stock.study))
    assert stock.study.sealed_sha256 == stock.case_set.key_sha256


def test_lock_needs_cases(db: None) -> None:
    study = lifecycle.create_study(slug="empty", title="Empty", protocol=Protocol(), actor=person("Ada"))
    with pytest.raises(StudyError, match="load a case set first"):
        lifecycle.lock(study=study, actor=None)


def test_a_study_that_is_no_draft_takes_no_other_cases(stock: Stock) -> None:
    with pytest.raises(
        PhaseError, match="loading cases is possible only while the study is a draft; it is reading"
    ):
        lifecycle.attach_case_set(
            study=stock.study, cases_sha256="ab" * 32, sealed_sha256="cd" * 32, run_id="r", synthetic=True,
            actor=stock.alice,
        )  # fmt: skip


def test_close_needs_a_reason(stock: Stock) -> None:
    with pytest.raises(StudyError, match="expected a reason"):
        lifecycle.close(study=stock.study, actor=stock.alice, reason=" ")


def test_archiving_needs_a_reason(stock: Stock) -> None:
    study = lifecycle.close(study=stock.study, actor=stock.alice, reason="all done")
    with pytest.raises(StudyError, match="expected a reason for the step 'archive'"):
        lifecycle.archive(study=study, actor=stock.alice, reason=" ")
    archived = lifecycle.archive(study=study, actor=stock.alice, reason="published")
    assert (archived.phase, archived.archived_at is not None) == ("archived", True)


def test_researcher_admin_and_superuser_cannot_read(stock: Stock) -> None:
    for each in (stock.rita, stock.alice, stock.olga):
        with pytest.raises(StudyError):
            enrol_reader(study=stock.study, person=each, actor=stock.alice)


def test_who_opened_the_run_cannot_read(stock: Stock) -> None:
    record(kind="run.opened", actor=stock.charlie, subject="another-run")
    record(kind="run.opened", actor=stock.charlie, subject=RUN_ID)
    with pytest.raises(StudyError, match="cannot read them blind"):
        enrol_reader(study=stock.study, person=stock.charlie, actor=stock.alice)


def test_reader_gets_no_second_role(stock: Stock) -> None:
    with pytest.raises(StudyError, match="no other role"):
        add_member(study=stock.study, person=stock.bob, role=Role.RESEARCHER, actor=stock.alice)
    with pytest.raises(StudyError, match="already reads in this study"):
        enrol_reader(study=stock.study, person=stock.bob, actor=stock.alice)


def test_enrolment_commits_to_the_seed_without_telling_it(stock: Stock) -> None:
    event = Event.objects.filter(kind="reader.enrolled").first()
    reader = Reader.objects.get(pseudonym=event.subject)
    seed = bytes(reader.order_seed)
    assert event.values["order_commitment"] == commitment(seed)
    assert seed.hex() not in str(event.values)


def test_taken_short_name_is_refused(stock: Stock) -> None:
    with pytest.raises(StudyError, match="'chest' belongs to another study"):
        lifecycle.create_study(slug="chest", title="Again", protocol=Protocol(), actor=stock.alice)


@pytest.mark.parametrize(
    ("model", "values"),
    [
        (Study, {"phase": "reopened"}),
        (Study, {"protocol_sha256": ""}),
        (Assignment, {"position": 0}),
        (Assignment, {"position": 3}),
        (Reader, {"pseudonym": "R01"}),
    ],
)
def test_database_refuses_too(stock: Stock, model: Any, values: dict[str, Any]) -> None:
    row = model.objects.order_by("-pk").first()
    with pytest.raises(IntegrityError), transaction.atomic():
        model.objects.filter(pk=row.pk).update(**values)


def test_database_refuses_two_ratings_under_one_key(stock: Stock) -> None:
    rating = save(stock.readers[0])
    rating.pk, rating.revision = None, 2
    with pytest.raises(IntegrityError), transaction.atomic():
        rating.save(force_insert=True)


@pytest.mark.parametrize("statement", ["UPDATE audit_event SET kind = 'x'", "DELETE FROM audit_event"])
def test_database_refuses_to_change_the_audit_trail(stock: Stock, statement: str) -> None:
    with (
        pytest.raises(DatabaseError, match="only ever added"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
