"""No image before the terms: recorded with the case set, confirmed by each person, asked again when they change."""

import inspect
import json
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from analysis.caseset import CaseSetError, read_blind_half
from analysis.caseset.read import TERMS
from readerstudy.audit.models import Event
from readerstudy.cases import selectors
from readerstudy.cases.models import CaseSet, Terms, TermsConfirmation
from readerstudy.cases.terms import LONGEST, TermsError, Wording
from readerstudy.ops.loading import load_into_study
from readerstudy.study.design import lifecycle
from readerstudy.study.design.terms import change, confirm
from readerstudy.study.models import Rating, Reader, Study
from readerstudy.study.people.members import enrol_reader
from readerstudy.study.phases import PhaseError, StudyError
from readerstudy.study.protocol import Protocol
from tests.blinding.crowd import payload, to_phase
from tests.guards import drop_guards
from tests.stock import Stock, decoded_here, look_for_names, make_case_set
from tests.study.test_visits import DISPLAY, Room

pytestmark = pytest.mark.django_db

FIRST = Wording("# Images of patients\n\nLook, do not copy.", "A signed agreement", "EC 2026/17")
SECOND = Wording(
    "# Images of patients\n\nLook, do not copy, do not describe elsewhere.", "A signed agreement"
)


def asked(stock: Stock, wording: Wording = FIRST) -> Terms:
    return change(
        study=stock.study, which="cases", wording=wording, actor=stock.alice, reason="they ask for it"
    )


def image_of(room: Room, reader: Reader) -> int:
    first = reader.assignments.order_by("position").filter(revision=0)[0]
    return room.client.get(f"/read/chest/frames/{first.public_id}/").status_code


def test_no_image_and_no_answer_before_the_terms_are_confirmed(stock: Stock) -> None:
    reader, room = stock.readers[0], Room(stock.readers[0])
    assert image_of(room, reader) == 200
    terms = asked(stock)
    first = reader.assignments.order_by("position")[0]
    state = room.state()
    assert (state["stage"], state["case"], state["next"]) == ("terms", None, None)
    shown = state["terms"][0]
    assert "<h2>Images of patients</h2>" in shown["text"]
    assert (shown["credential"], shown["ethics"], shown["sha256"]) == (
        "A signed agreement",
        "EC 2026/17",
        terms.sha256,
    )
    assert image_of(room, reader) == 404
    url = f"/read/chest/answers/{first.public_id}/"
    assert room.post(url, payload()).status_code == 403
    assert not Rating.objects.exists()
    for body in ({}, {"accepted": False, "sha256": [terms.sha256]}, {"accepted": True, "sha256": ["0" * 64]}):
        assert room.tell("terms", body).status_code == 400
    assert not TermsConfirmation.objects.exists()
    told = room.tell("terms", {"accepted": True, "sha256": [terms.sha256]})
    assert told.json()["state"]["stage"] == "reading"
    assert told.json()["state"]["terms"] == []
    assert image_of(room, reader) == 200
    event = Event.objects.get(kind="terms.confirmed", study=stock.study.key)
    assert (event.actor, event.values) == (reader.person, {"sha256": terms.sha256})
    room.tell("terms", {"accepted": True, "sha256": [terms.sha256]})
    assert TermsConfirmation.objects.count() == 1


def test_a_confirmation_is_one_persons(stock: Stock) -> None:
    terms = asked(stock)
    bob, bella = (Room(reader) for reader in stock.readers)
    bob.tell("terms", {"accepted": True, "sha256": [terms.sha256]})
    assert bella.state()["stage"] == "terms"
    assert image_of(bella, stock.readers[1]) == 404


def test_a_new_text_asks_again_and_loses_no_answer(stock: Stock) -> None:
    reader, room = stock.readers[0], Room(stock.readers[0])
    terms = asked(stock)
    room.tell("terms", {"accepted": True, "sha256": [terms.sha256]})
    open_page = room.state()["case"]
    asked(stock, SECOND)
    assert room.state()["stage"] == "terms"
    assert image_of(room, reader) == 404
    saved = room.post(open_page["answer_url"], payload())
    assert (saved.status_code, saved.json()["state"]["stage"]) == (200, "terms")
    assert room.tell("terms", {"accepted": True, "sha256": [terms.sha256]}).status_code == 400
    again = asked(stock, SECOND)
    assert Terms.objects.count() == 2
    assert (
        room.tell("terms", {"accepted": True, "sha256": [again.sha256]}).json()["state"]["stage"] == "reading"
    )
    old_and_new = Event.objects.filter(kind="terms.set", study=stock.study.key).order_by("sequence").last()
    assert old_and_new is not None
    assert (old_and_new.values["old"], old_and_new.values["new"]) == (terms.sha256, again.sha256)
    assert old_and_new.reason == "they ask for it"


def test_an_admin_who_previews_confirms_too(stock: Stock) -> None:
    to_phase(stock, "draft")
    client = Client()
    client.force_login(stock.alice)
    frame = f"/studies/chest/preview/frames/{stock.readers[0].assignments.order_by('case__key')[0].case.key}/"
    assert client.get(frame).status_code == 200
    terms = asked(stock)
    assert client.get(frame).status_code == 403
    assert client.get("/studies/chest/preview/").headers["Location"] == "/studies/chest/terms/"
    page = client.get("/studies/chest/terms/").content.decode()
    assert "Look, do not copy." in page
    assert "waits for you" in page
    refused = client.post("/studies/chest/terms/confirm/", {"sha256": ["0" * 64]})
    assert refused.headers["Location"] == "/studies/chest/terms/"
    assert client.get(frame).status_code == 403
    confirmed = client.post("/studies/chest/terms/confirm/", {"sha256": [terms.sha256]})
    assert confirmed.headers["Location"] == "/studies/chest/preview/"
    assert client.get(frame).status_code == 200
    assert client.get("/studies/chest/preview/").status_code == 200
    state = client.get("/studies/chest/preview/state/0/").json()
    assert (state["stage"], state["terms"][0]["sha256"]) == ("terms", terms.sha256)
    # What the previewing admin confirms as a reader would is stored for nobody.
    client.post("/studies/chest/preview/go/0/", {"accepted": True}, content_type="application/json")
    assert TermsConfirmation.objects.filter(person=stock.alice).count() == 1


def test_the_study_page_asks_for_terms_before_the_lock(stock: Stock, client: Client) -> None:
    to_phase(stock, "draft")
    client.force_login(stock.alice)
    assert b"Write the terms of use" not in client.get("/studies/chest/").content
    CaseSet.objects.filter(study=stock.study.key).update(synthetic=False)
    assert b"Write the terms of use" in client.get("/studies/chest/").content


def test_every_image_of_a_case_goes_through_one_place() -> None:
    """`frame_bytes` brings pixels of a case; it is called once, by what looks for a person's confirmation first."""
    root = Path(selectors.__file__).parents[1]
    lines = {path.relative_to(root).as_posix(): path.read_text().splitlines() for path in root.rglob("*.py")}
    found = {(name, line.strip()) for name, own in lines.items() for line in own if "frame_bytes(" in line}
    assert {name for name, _ in found} == {"cases/selectors.py"}
    assert len(found) == 2, "its definition and one call"
    assert "frame_bytes(" in inspect.getsource(selectors._confirmed_bytes)
    for answer in (selectors.frame_response, selectors.thumbnail_response):
        assert list(inspect.signature(answer).parameters) == ["case", "request"]
        assert "_confirmed_bytes(case, request)" in inspect.getsource(answer)


def test_terms_come_with_the_hand_over(stock: Stock, tmp_path: Path) -> None:
    written = make_case_set(tmp_path, pairs=1, nonce=b"\x31" * 32)
    path = written.folder / "provenance.json"
    plain = json.loads(path.read_text())
    path.write_text(json.dumps(plain | {"terms": {"text": " No copies. ", "credential": "CITI training"}}))
    study = lifecycle.create_study(
        slug="with-terms", title="With terms", protocol=Protocol(), actor=stock.alice
    )
    with decoded_here():
        load_into_study(study=study, folder=written.folder, actor=stock.alice)
    terms = Terms.objects.get(study=study.key)
    assert (terms.text, terms.credential, terms.ethics) == ("No copies.", "CITI training", "")
    assert Event.objects.get(kind="terms.set", study=study.key).values["new"] == terms.sha256
    for bad in (
        "No copies.",
        {},
        {"text": " "},
        {"text": 3},
        {"text": "x", "more": "y"},
        {"text": "x" * 20_001},
    ):
        path.write_text(json.dumps(plain | {"terms": bad}))
        with pytest.raises(CaseSetError, match="expected"):
            read_blind_half(written.folder)
    assert TERMS == LONGEST


def test_practice_cases_have_terms_of_their_own(stock: Stock, tmp_path: Path) -> None:
    to_phase(stock, "draft")
    Reader.objects.filter(study=stock.study).update(
        study=lifecycle.create_study(slug="away", title="Away", protocol=Protocol(), actor=stock.alice)
    )
    load_into_study(
        practice=True,
        study=stock.study,
        folder=make_case_set(tmp_path, pairs=1, nonce=b"\x32" * 32).folder,
        actor=None,
    )
    study = Study.objects.get(pk=stock.study.pk)
    enrol_reader(study=study, person=stock.charlie, actor=stock.alice)
    terms = change(study=study, which="practice", wording=FIRST, actor=stock.alice)
    look_for_names(study, stock.alice)
    lifecycle.lock(study=study, actor=stock.alice)
    lifecycle.start(study=study, actor=stock.alice)
    reader = Reader.objects.select_related("study", "person").get(person=stock.charlie)
    room = Room(reader)
    state = room.state()
    assert (state["stage"], [each["name"] for each in state["terms"]]) == ("terms", ["The practice cases"])
    first = reader.practice.order_by("position")[0]
    url = f"/read/chest/frames/{first.public_id}/"
    assert room.client.get(url).status_code == 404
    assert room.tell("display", DISPLAY).status_code == 403
    assert (
        room.tell("terms", {"accepted": True, "sha256": [terms.sha256]}).json()["state"]["stage"]
        == "practice"
    )
    assert room.client.get(url).status_code == 200


def test_images_of_patients_are_not_locked_without_terms(stock: Stock) -> None:
    to_phase(stock, "draft")
    CaseSet.objects.filter(study=stock.study.key).update(synthetic=False)
    with pytest.raises(StudyError, match="the cases of the study have no terms of use"):
        lifecycle.lock(study=stock.study, actor=stock.alice)
    terms = asked(stock)
    lifecycle.lock(study=stock.study, actor=stock.alice)
    document = json.loads(Study.objects.get(pk=stock.study.pk).locked_file)
    wanted = {"sha256": terms.sha256, "credential": FIRST.credential, "ethics": FIRST.ethics}
    assert document["terms"] == {"cases": wanted}


def test_what_is_refused(stock: Stock) -> None:
    study = stock.study
    with pytest.raises(TermsError, match="as text"):
        change(study=study, which="cases", wording=Wording(" "), actor=stock.alice, reason="why")
    with pytest.raises(TermsError, match="at most 500"):
        change(study=study, which="cases", wording=Wording("x", "y" * 501), actor=stock.alice, reason="why")
    with pytest.raises(TermsError, match="a reason"):
        change(study=study, which="cases", wording=FIRST, actor=stock.alice)
    with pytest.raises(TermsError, match="none called 'practice'"):
        change(study=study, which="practice", wording=FIRST, actor=stock.alice, reason="why")
    lifecycle.close(study=study, actor=stock.alice, reason="done")
    with pytest.raises(PhaseError, match="before reading closes"):
        asked(stock)


def test_by_form(stock: Stock) -> None:
    client = Client()
    client.force_login(stock.alice)
    form: dict[str, Any] = {"text": FIRST.text, "credential": FIRST.credential, "ethics": FIRST.ethics}
    client.post("/studies/chest/terms/cases/", form)
    assert not Terms.objects.exists()
    client.post("/studies/chest/terms/cases/", form | {"reason": "they ask for it"})
    assert Terms.objects.get().sha256 == FIRST.sha256


def test_a_reader_who_has_finished_is_not_asked_any_more(stock: Stock) -> None:
    room = Room(stock.readers[0])
    while room.state()["stage"] == "reading":
        assert room.answer().status_code == 200
    terms = asked(stock)
    assert room.state()["stage"] == "done"
    drop_guards()
    Study.objects.filter(pk=stock.study.pk).update(protocol=Protocol(back="last").as_json())
    assert room.state()["stage"] == "terms"
    confirm(study=stock.study, person=stock.bob, digests=[terms.sha256])
    assert room.state()["stage"] == "done"
