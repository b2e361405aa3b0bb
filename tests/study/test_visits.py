"""A reader's visit by the protocol: consent, instructions, display, practice, sessions, repeats, going back."""

import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from readerstudy.audit.models import Event
from readerstudy.cases.models import Frame
from readerstudy.ops.loading import load_into_study
from readerstudy.study.design import lifecycle
from readerstudy.study.design.drafts import (
    ChangedMeanwhileError,
    copy_study,
    question_moved,
    question_removed,
    revise_protocol,
    version_of,
)
from readerstudy.study.models import Assignment, PracticeReading, Rating, Reader, ReadingSession, Study
from readerstudy.study.people.members import enrol_reader
from readerstudy.study.phases import PhaseError, StudyError
from readerstudy.study.protocol import Protocol, ProtocolError
from readerstudy.study.protocol.presets import PRESETS
from readerstudy.study.protocol.questions import Question
from readerstudy.study.reading.answering import returnable
from readerstudy.study.reading.stages import visit_of
from tests.blinding.crowd import payload
from tests.guards import drop_guards
from tests.served import unmasked
from tests.stock import Stock, make_case_set, person

pytestmark = pytest.mark.django_db

DISPLAY = {
    "width": 1920, "height": 1080, "pixel_ratio": 1, "renderer": "canvas",
    "dark_seen": True, "light_seen": True, "ramp_seen": True,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _without_guards(db: None) -> None:
    """Let a test give the stock study another protocol though it is locked."""
    drop_guards()


class Room:
    """A reader's browser: asks for the state, posts what the state says."""

    def __init__(self, reader: Reader) -> None:
        self.client = Client()
        self.client.force_login(reader.person)
        self.slug = reader.study.slug

    def state(self) -> dict[str, Any]:
        return self.client.get(f"/read/{self.slug}/state/").json()

    def post(self, url: str, body: dict[str, Any]) -> Any:
        return self.client.post(url, body, content_type="application/json")

    def tell(self, what: str, body: dict[str, Any]) -> Any:
        return self.post(self.state()["urls"][what], body)

    def answer(self, **changes: Any) -> Any:
        return self.post(self.state()["case"]["answer_url"], payload(**changes))


def build(stock: Stock, protocol: Protocol, folder: Any, *, practice: bool = False) -> Reader:
    """Give the stock study, which is being read, another protocol, and enrol Charlie under it."""
    study = stock.study
    if practice:
        Study.objects.filter(pk=study.pk).update(phase="draft")
        Reader.objects.filter(study=study).update(study=make_empty(stock))
        other = make_case_set(folder / "practice", pairs=1, nonce=b"\x06" * 32)
        load_into_study(practice=True, study=study, folder=other.folder, actor=None)
    Study.objects.filter(pk=study.pk).update(protocol=protocol.as_json(), phase="reading")
    reader = enrol_reader(study=study, person=stock.charlie, actor=None)
    return Reader.objects.select_related("study", "person").get(pk=reader.pk)


def make_empty(stock: Stock) -> Study:
    return lifecycle.create_study(slug="empty", title="Empty", protocol=Protocol(), actor=stock.alice)


def test_stages_come_in_their_order_and_answers_not_before(stock: Stock, tmp_path: Any) -> None:
    protocol = Protocol(consent="I agree.", instructions="# Read", display_check="block")
    reader = build(stock, protocol, tmp_path, practice=True)
    room, first = Room(reader), reader.assignments.order_by("position")[0]
    url = f"/read/chest/answers/{first.public_id}/"
    assert room.state()["stage"] == "consent"
    assert room.state()["case"] is None
    assert room.tell("begin", {}).status_code == 403
    assert room.tell("consent", {"accepted": False}).status_code == 400
    assert room.tell("consent", {"accepted": True}).json()["state"]["stage"] == "instructions"
    assert "<h2>Read</h2>" in room.state()["texts"]["instructions"]
    assert room.tell("begin", {}).json()["state"]["stage"] == "display"
    refused = room.tell("display", {**DISPLAY, "dark_seen": False})
    assert refused.status_code == 422
    assert room.state()["stage"] == "display"
    assert room.tell("display", DISPLAY).json()["state"]["stage"] == "practice"
    assert room.post(url, payload()).status_code == 403
    checks = ReadingSession.objects.get().display_checks.values_list("passed", flat=True)
    assert list(checks) == [False, True]
    kinds = list(
        Event.objects.filter(study=reader.study.key).order_by("sequence").values_list("kind", flat=True)
    )
    assert [kind for kind in kinds if kind.startswith(("reader.c", "reader.i", "display"))] == [
        "reader.consented", "reader.instructed", "display.checked", "display.checked",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("width", "height", "status"), [(1024, 700, 200), (1023, 700, 422), (1024, 699, 422)]
)
def test_a_window_is_large_enough_from_1024_by_700(
    stock: Stock, tmp_path: Any, width: int, height: int, status: int
) -> None:
    room = Room(build(stock, Protocol(display_check="block"), tmp_path))
    answer = room.tell("display", {**DISPLAY, "width": width, "height": height})
    assert answer.status_code == status
    assert room.state()["stage"] == ("reading" if status == 200 else "display")


def test_practice_tells_what_the_admin_typed_and_stays_out_of_the_answers(
    stock: Stock, tmp_path: Any
) -> None:
    reader = build(stock, Protocol(), tmp_path, practice=True)
    study = reader.study
    noted = Protocol.from_json(study.protocol).with_note(reader.practice.first().case.key, "It is **round**.")
    Study.objects.filter(pk=study.pk).update(protocol=noted.as_json())
    room = Room(reader)
    state = room.state()
    assert (state["stage"], state["total"], state["case"]["practice"]) == ("practice", 2, True)
    assert room.client.get(state["case"]["frame_url"]).status_code == 200
    body = payload()
    told = room.post(state["case"]["answer_url"], body).json()
    assert told["feedback"] == "<p>It is <strong>round</strong>.</p>\n"
    assert room.post(state["case"]["answer_url"], body).status_code == 200
    other = room.post(state["case"]["answer_url"], {**body, "comment": "other"})
    assert (other.status_code, other.json()["stored"]["comment"]) == (409, ""), "the same key, other answers"
    assert room.post(state["case"]["answer_url"], payload()).status_code == 409
    assert room.answer().json()["state"]["stage"] == "reading"
    assert PracticeReading.objects.exclude(saved_at=None).count() == 2
    assert Rating.objects.count() == 0
    kept = Event.objects.filter(kind="practice.saved", study=study.key).order_by("sequence")
    assert [(each.actor, each.values["answers"]) for each in kept] == [(reader.person, body["answers"])] * 2


def test_the_times_of_200_visits_to_a_case_are_kept(stock: Stock, tmp_path: Any) -> None:
    room = Room(build(stock, Protocol(), tmp_path))
    visits = [{"visible_ms": float(n)} for n in range(200)]
    assert room.answer(times={"visible_ms": 19900, "visits": visits}).status_code == 200
    rating = Rating.objects.get()
    assert (rating.seconds, rating.times["visits"]) == (19.9, visits)


def test_a_full_session_ends_and_the_next_waits(stock: Stock, tmp_path: Any) -> None:
    reader = build(stock, Protocol(session_cases=2, session_hours=12), tmp_path)
    room = Room(reader)
    room.answer()
    second = room.answer().json()["state"]
    assert (second["stage"], second["case"]) == ("break", None)
    assert second["session"]["until"] is not None
    third = reader.assignments.order_by("position")[2]
    assert room.post(f"/read/chest/answers/{third.public_id}/", payload()).status_code == 403
    over = ReadingSession.objects.get().ended_at + timedelta(hours=12)
    assert visit_of(reader, over - timedelta(microseconds=1)).stage == "break"
    assert visit_of(reader, over).stage == "reading", "from the minute that the page named"
    ReadingSession.objects.update(ended_at=timezone.now() - timedelta(hours=13))
    assert room.answer().status_code == 200
    assert list(Rating.objects.order_by("pk").values_list("session__number", flat=True)) == [1, 1, 2]


def test_going_back_keeps_every_revision_and_obeys_the_protocol(stock: Stock, tmp_path: Any) -> None:
    reader = build(stock, Protocol(back="last"), tmp_path)
    room = Room(reader)
    assert room.state()["back"] is None
    room.answer(comment="first")
    room.answer(comment="second")
    state = room.state()
    case = room.client.get(state["back"]["case_url"]).json()
    assert (case["comment"], case["revision"], case["back"]) == ("second", 1, None)
    assert room.client.get(case["frame_url"]).status_code == 200
    assert room.post(case["answer_url"], payload(revision=1, comment="changed")).status_code == 200
    assert room.state()["position"] == state["position"]
    stale = room.post(case["answer_url"], payload(revision=1))
    assert (stale.status_code, stale.json()["stored"]["comment"]) == (409, "changed")
    ratings = Rating.objects.filter(assignment__public_id=case["id"]).order_by("revision")
    assert [rating.comment for rating in ratings] == ["second", "changed"]
    earlier = reader.assignments.order_by("position")[0].public_id
    assert room.client.get(f"/read/chest/cases/{earlier}/").status_code == 404
    assert room.post(f"/read/chest/answers/{earlier}/", payload(revision=1)).status_code == 409


def test_the_last_case_of_all_can_still_be_changed(stock: Stock, tmp_path: Any) -> None:
    reader = build(stock, Protocol(back="last"), tmp_path)
    room = Room(reader)
    for _ in range(reader.assignments.count()):
        room.answer()
    assert room.state()["stage"] == "done"
    last = reader.assignments.order_by("position").last()
    url = f"/read/chest/answers/{last.public_id}/"
    assert room.post(url, payload(revision=1, comment="changed")).status_code == 200
    assert last.ratings.get(revision=2).comment == "changed"


def test_marks_of_the_case_before_are_judged_by_its_own_image(stock: Stock, tmp_path: Any) -> None:
    reader = build(stock, Protocol(back="last"), tmp_path)
    room, (before, now) = Room(reader), reader.assignments.order_by("position")[:2]
    Frame.objects.filter(case=now.case).update(rows=1, columns=1)
    room.answer()
    marks = [{"question": "", "kind": "point", "points": [[3, 2]]}]
    for case, revision, status in ((before, 1, 200), (now, 0, 400)):
        told = room.post(f"/read/chest/answers/{case.public_id}/", payload(revision=revision, marks=marks))
        assert told.status_code == status


def test_within_a_session_each_case_leads_to_the_one_before(stock: Stock, tmp_path: Any) -> None:
    room = Room(build(stock, Protocol(back="session"), tmp_path))
    for number in range(3):
        room.answer(comment=str(number))
    seen, back = [], room.state()["back"]
    while back:
        case = room.client.get(back["case_url"]).json()
        seen.append(case["comment"])
        back = case["back"]
    assert seen == ["2", "1", "0"]


@pytest.mark.parametrize(("back", "open_again"), [("last", 1), ("session", 0)])
def test_in_a_break_the_last_case_may_be_changed_and_a_session_is_over(
    stock: Stock, tmp_path: Any, back: str, open_again: int
) -> None:
    reader = build(stock, Protocol(back=back, session_cases=2, session_hours=12), tmp_path)
    room = Room(reader)
    room.answer()
    assert room.answer().json()["state"]["stage"] == "break"
    assert len(returnable(reader, visit_of(reader))) == open_again


def test_a_repeat_that_comes_too_early_is_read_at_the_end_after_its_time(stock: Stock, tmp_path: Any) -> None:
    protocol = Protocol(repeat_fraction=0.34, repeat_gap_cases=1, repeat_gap_hours=48)
    reader = build(stock, protocol, tmp_path)
    room = Room(reader)
    assert reader.assignments.count() == 13
    for _ in range(10):
        assert room.answer().status_code == 200
    assert not Rating.objects.filter(assignment__presentation=2).exists()
    assert Assignment.objects.filter(reader=reader, deferred=True).count() == 3
    state = room.state()
    assert (state["stage"], state["position"], state["total"]) == ("break", 11, 13)
    Rating.objects.update(saved_at=timezone.now() - timedelta(hours=49))
    assert [room.answer().json()["state"]["stage"] for _ in range(3)] == ["reading", "reading", "done"]


def test_marks_follow_ups_and_optional_questions_are_stored_with_their_status(
    stock: Stock, tmp_path: Any
) -> None:
    published = Protocol().questions
    where = Question("where", "Where?", "mark", required=False, shapes=("rectangle",), most=2)
    protocol = Protocol(
        questions=(*published[:1], *PRESETS["follow_ups"].questions[1:3], where), endpoints=("agree",)
    )
    room = Room(build(stock, protocol, tmp_path))
    labels = room.state()["case"]["labels"]
    yes = {"agree": {"status": "answered", "value": 1}}
    assert room.answer(answers=yes).status_code == 200
    box = {"question": "where", "kind": "rectangle", "points": [[1.5, 2], [10, 12]]}
    no = {
        "agree": {"status": "answered", "value": 0},
        "wrong_labels": {"status": "answered", "value": room.state()["case"]["labels"][:1]},
        "missing_labels": {"status": "answered", "value": ["Nodule"]},
        "where": {"status": "answered", "value": None},
    }
    for bad in (
        {"answers": {**no, "wrong_labels": {"status": "answered", "value": ["Not a label here"]}}},
        {"answers": no},
        {"answers": no, "marks": [{**box, "kind": "arrow"}]},
        {"answers": no, "marks": [{**box, "points": [[1, 2], [10_000, 3]]}]},
        {"answers": no, "marks": [{**box, "question": "nowhere"}]},
        {"answers": {"agree": no["agree"]}},
        {"answers": {**no, "agree": yes["agree"]}, "marks": [box]},
    ):
        assert room.answer(**bad).status_code == 400
    assert room.answer(answers=no, marks=[box]).status_code == 200
    first, second = Rating.objects.order_by("pk")
    assert {key: answer["status"] for key, answer in first.answers.items()} == {
        "agree": "answered", "wrong_labels": "not_asked", "missing_labels": "not_asked", "where": "left_blank",
    }  # fmt: skip
    assert second.answers["where"]["value"] == 1
    assert second.marks == [{**box, "points": [[1.5, 2.0], [10.0, 12.0]]}]
    assert labels


def test_keys_are_the_readers_own_and_checked(stock: Stock) -> None:
    room = Room(stock.readers[0])
    assert room.tell("keys", {"invert": "x"}).json()["state"]["keys"] == {"invert": "x"}
    assert room.tell("keys", {"in vert": "x"}).status_code == 400
    assert Room(stock.readers[1]).state()["keys"] == {}


def test_own_cases_are_dealt_once_and_a_replacement_changes_nobody_else(stock: Stock, tmp_path: Any) -> None:
    from readerstudy.study.orders.drawing import draw_for, new_seed
    from readerstudy.study.orders.order import ALGORITHM

    # Bob and Bella stand for the first two planned readers.
    study = stock.study
    protocol = Protocol(design="own cases", planned_readers=4)
    Study.objects.filter(pk=study.pk).update(protocol=protocol.as_json())
    one, two = (enrol_reader(study=study, person=person(name), actor=None) for name in ("Uma", "Una"))
    orders = {r.pk: list(r.assignments.values_list("case_id", flat=True)) for r in (one, two)}
    assert not set(orders[one.pk]) & set(orders[two.pk])
    assert len(orders[one.pk]) == len(orders[two.pk]) == 2
    with pytest.raises(StudyError, match="all 4 planned readers are enrolled"):
        enrol_reader(study=study, person=person("Ute"), actor=None)
    fresh = Reader.objects.create(
        study=study,
        person=person("Ulf"),
        pseudonym="R09",
        order_seed=new_seed(),
        order_algorithm=ALGORITHM,
        slot=1,
    )
    draw_for(fresh, cases_of=one)
    assert set(fresh.assignments.values_list("case_id", flat=True)) == set(orders[one.pk])
    assert {r.pk: list(r.assignments.values_list("case_id", flat=True)) for r in (one, two)} == orders


def test_a_draft_is_revised_with_its_old_and_new_in_the_audit_trail(stock: Stock) -> None:
    study = lifecycle.create_study(slug="d", title="D", protocol=Protocol(), actor=stock.alice)
    seen = version_of(study)
    revise_protocol(study=study, protocol=Protocol(alpha=0.01), actor=stock.alice, version=seen)
    event = Event.objects.filter(kind="study.protocol_changed").get()
    assert event.values == {"changed": {"alpha": [0.05, 0.01]}}
    with pytest.raises(ChangedMeanwhileError):
        revise_protocol(study=study, protocol=Protocol(alpha=0.1), actor=stock.alice, version=seen)
    copied = copy_study(study=study, slug="e", title="E", actor=stock.alice)
    assert copied.protocol["alpha"] == 0.01


def test_locked_protocols_stay(stock: Stock) -> None:
    with pytest.raises(PhaseError, match="while the study is a draft"):
        revise_protocol(study=stock.study, protocol=Protocol(alpha=0.01), actor=None)


def test_questions_move_and_go_without_leaving_a_follow_up_behind() -> None:
    published = Protocol().questions
    protocol = Protocol(questions=(*published[:1], *PRESETS["follow_ups"].questions[1:3], *published[1:]))
    assert [q.key for q in question_moved(protocol, "quality", -1).questions][2] == "quality"
    with pytest.raises(ProtocolError, match="not an earlier question"):
        question_moved(protocol, "agree", 1)
    with pytest.raises(ProtocolError, match="remove it first"):
        question_removed(protocol, "agree")
    left = question_removed(replace(protocol, questions=published), "agree")
    assert left.endpoints == ("quality", "difficulty")


def test_a_display_check_grown_old_in_mid_session_loses_no_answer(stock: Stock, tmp_path: Any) -> None:
    reader = build(stock, Protocol(display_check="block"), tmp_path)
    room = Room(reader)
    room.tell("display", DISPLAY)
    current = room.state()["case"]["answer_url"]
    check = ReadingSession.objects.get().display_checks.get()
    type(check).objects.update(checked_at=timezone.now() - timedelta(hours=13))
    assert visit_of(reader).stage == "display"
    assert room.post(current, payload()).status_code == 200


def test_preview_walks_to_the_end_and_stores_nothing(stock: Stock) -> None:
    protocol = Protocol(consent="Yes?", instructions="Read.", display_check="warn", ending="Thanks.")
    study = lifecycle.create_study(slug="look", title="Look", protocol=protocol, actor=stock.alice)
    client = Client()
    client.force_login(stock.alice)
    before = (Rating.objects.count(), ReadingSession.objects.count(), Event.objects.count())
    state = client.get(f"/studies/{study.slug}/preview/state/0/").json()
    stages = []
    while state["stage"] != "done":
        stages.append(state["stage"])
        assert state["preview"] is True
        if state["case"]:
            assert unmasked(client.get(state["case"]["frame_url"]).getvalue())[:2] == b"\x1f\x8b"
            url, body = state["case"]["answer_url"], payload(idempotency_key=str(uuid.uuid4()))
        else:
            url, body = state["urls"][{"instructions": "begin"}.get(state["stage"], state["stage"])], DISPLAY
        state = client.post(url, body, content_type="application/json").json()["state"]
    assert stages == ["consent", "instructions", "display", "reading"]
    assert (Rating.objects.count(), ReadingSession.objects.count(), Event.objects.count()) == before


@pytest.mark.parametrize(("rule", "image", "status"), [
    ("block", 599, 403), ("block", None, 403), ("block", 600, 200), ("warn", 100, 200), ("warn", None, 200),
])  # fmt: skip
def test_an_image_that_is_shown_too_small_takes_no_answer(
    stock: Stock, tmp_path: Any, rule: str, image: int | None, status: int
) -> None:
    room = Room(build(stock, Protocol(image_least=600, image_small=rule), tmp_path))
    assert room.state()["image_least"] == {"pixels": 600, "block": rule == "block"}
    shown = {"width": 1920, "height": 1080, "pixel_ratio": 1, "renderer": "canvas"}
    answer = room.answer(display={**shown, **({} if image is None else {"image": image})})
    assert answer.status_code == status
    assert Rating.objects.count() == (status == 200)
    if status == 403:
        assert "at least 600 pixels long" in answer.json()["error"]
