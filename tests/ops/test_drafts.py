"""A draft is no trap: its cases can be exchanged, readers or not, and it can go; its lock shows everything and asks."""

import re
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from analysis.caseset import CaseSet
from readerstudy.audit.models import Event
from readerstudy.cases.loader import AlreadyLoadedError
from readerstudy.cases.loading import loading_json
from readerstudy.cases.models import Case, Frame, Terms
from readerstudy.cases.storage import study_folder
from readerstudy.cases.terms import Wording
from readerstudy.ops import loading
from readerstudy.ops.loading import load_into_study
from readerstudy.study.design import lifecycle
from readerstudy.study.design.drafts import practice_key_for, revise_protocol
from readerstudy.study.design.obstacles import hindrances_of, obstacles_of
from readerstudy.study.design.signoff import sign_off
from readerstudy.study.design.terms import change
from readerstudy.study.models import Reader, Study
from readerstudy.study.people.members import enrol_reader
from readerstudy.study.phases import NotThisPersonError, PhaseError, StudyError
from readerstudy.study.protocol import Level, Protocol, Question
from readerstudy.study.protocol import PracticeNote as Note
from readerstudy.study.protocol.questions import After, Measure
from tests.stock import Stock, decoded_here, look_for_names, make_case_set, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def sets(tmp_path: Path) -> list[CaseSet]:
    return [
        make_case_set(tmp_path / str(n), pairs=pairs, nonce=bytes([n]) * 32)
        for n, pairs in enumerate((3, 4, 2))
    ]


@pytest.fixture
def study(stock: Stock, sets: list[CaseSet]) -> Study:
    made = lifecycle.create_study(slug="fresh", title="Fresh", protocol=Protocol(), actor=stock.alice)
    return load(made, sets[0], stock)


def load(study: Study, made: CaseSet, stock: Stock, **how: Any) -> Study:
    with decoded_here():
        load_into_study(study=study, folder=made.folder, actor=stock.alice, **how)
    return Study.objects.get(pk=study.pk)


def keys(study: Study) -> set[str]:
    return set(Case.objects.filter(study=study.key).values_list("key", flat=True))


def test_another_set_takes_the_place_of_the_first_with_all_that_hung_on_it(
    stock: Stock, study: Study, sets: list[CaseSet]
) -> None:
    reader = enrol_reader(study=study, person=stock.bob, actor=stock.alice)
    seed, old = bytes(reader.order_seed), keys(study)
    change(study=study, which="cases", wording=Wording("Old terms."), actor=stock.alice)
    look_for_names(study, stock.alice)
    estimand = study.protocol["estimand"]
    with pytest.raises(AlreadyLoadedError, match="take their place"):
        load(study, sets[1], stock)
    assert keys(study) == old
    study = load(study, sets[1], stock, replace=True)
    reader = Reader.objects.get(pk=reader.pk)
    assert keys(study).isdisjoint(old)
    assert len(keys(study)) == 8
    assert {row.case.key for row in reader.assignments.all()} == keys(study)
    assert bytes(reader.order_seed) != seed, "an order that somebody saw is not the one that is read"
    assert study.sealed_sha256 == sets[1].key_sha256
    assert not Terms.objects.filter(study=study.key).exists()
    assert [page for _, page in hindrances_of(study)] == ["study:images"]
    assert study.protocol["estimand"] == estimand, "the proposal is made again"
    files = {path.name for path in study_folder(settings.FRAMES_ROOT, study.key).iterdir()}
    assert files == set(Frame.objects.filter(study=study.key).values_list("storage_name", flat=True))
    assert Event.objects.filter(study=study.key, kind="study.orders_drawn").count() == 1


def test_anyone_who_saw_the_old_images_still_cannot_read(
    stock: Stock, study: Study, sets: list[CaseSet]
) -> None:
    case = Case.objects.filter(study=study.key).first()
    assert case is not None
    sign_off(study=study, key=case.key, person=stock.charlie, clear=True, scale=1)
    study = load(study, sets[1], stock, replace=True)
    with pytest.raises(NotThisPersonError, match="has looked at the images"):
        enrol_reader(study=study, person=stock.charlie, actor=stock.alice)


def test_a_replacement_that_cannot_be_leaves_the_old_cases(
    stock: Stock, study: Study, sets: list[CaseSet]
) -> None:
    revise_protocol(study=study, protocol=Protocol(design="own cases", planned_readers=3), actor=None)
    study.refresh_from_db()
    reader = enrol_reader(study=study, person=stock.bob, actor=stock.alice)
    old, order = keys(study), [row.case_id for row in reader.assignments.all()]
    with pytest.raises(StudyError, match="orders of the enrolled readers cannot be drawn"):
        load(study, sets[2], stock, replace=True)
    assert keys(study) == old
    assert [row.case_id for row in reader.assignments.all()] == order
    files = {path.name for path in study_folder(settings.FRAMES_ROOT, study.key).iterdir()}
    assert files == set(Frame.objects.filter(study=study.key).values_list("storage_name", flat=True))


def test_practice_cases_come_after_readers_and_can_be_replaced(
    stock: Stock, study: Study, sets: list[CaseSet]
) -> None:
    reader = enrol_reader(study=study, person=stock.bob, actor=stock.alice)
    study = load(study, sets[2], stock, practice=True)
    assert reader.practice.count() == 4
    noted = Protocol.from_json(study.protocol).with_note(reader.practice.all()[0].case.key, "Well seen.")
    revise_protocol(study=study, protocol=noted, actor=None)
    study = load(study, sets[1], stock, practice=True, replace=True)
    assert reader.practice.count() == 8
    assert reader.assignments.count() == 6
    assert Protocol.from_json(study.protocol).practice == (), "feedback of cases that are gone"


def test_practice_cases_with_other_images_are_refused_and_others_found_before_the_lock(
    stock: Stock, study: Study, tmp_path: Path
) -> None:
    def two(name: str) -> CaseSet:
        return make_case_set(tmp_path / name, pairs=2, nonce=name.encode() * 32, roles=("PA", "LATERAL"))

    with pytest.raises(StudyError, match=r"images of the study's cases \(one image\), got PA \+ LATERAL"):
        load(study, two("a"), stock, practice=True)
    study = Study.objects.get(pk=study.pk)
    assert study.practice_key is None
    assert Frame.objects.count() == Frame.objects.filter(study__in=(study.key, stock.study.key)).count()
    assert "practice cases have other images" in loading_json(practice_key_for(study))["problem"]
    load(study, make_case_set(tmp_path / "one", pairs=2, nonce=b"p" * 32), stock, practice=True)
    study = load(study, two("b"), stock, replace=True)
    (told,) = [each for each in obstacles_of(study) if "practice" in each]
    assert "(PA + LATERAL), got one image" in told
    study = load(study, two("c"), stock, practice=True, replace=True)
    assert not [each for each in obstacles_of(study) if "practice" in each]


def test_a_new_design_draws_the_orders_of_a_draft_again(stock: Stock, study: Study) -> None:
    reader = enrol_reader(study=study, person=stock.bob, actor=stock.alice)
    revise_protocol(
        study=study, protocol=Protocol(repeat_fraction=0.5, repeat_gap_cases=1), actor=stock.alice
    )
    assert reader.assignments.count() == 9
    enrol_reader(study=study, person=stock.bella, actor=stock.alice)
    alone = Protocol(design="own cases", planned_readers=1)
    with pytest.raises(StudyError, match="orders of the enrolled readers cannot be drawn"):
        revise_protocol(study=study, protocol=alone, actor=stock.alice)
    assert reader.assignments.count() == 9


def test_another_first_window_waits_for_a_new_load(stock: Stock, study: Study, sets: list[CaseSet]) -> None:
    revise_protocol(study=study, protocol=Protocol(window_rule="full"), actor=stock.alice)
    study.refresh_from_db()
    assert "load them again" in " ".join(obstacles_of(study))
    study = load(study, sets[0], stock, replace=True)
    assert obstacles_of(study) == []


def test_a_locked_study_keeps_its_cases(stock: Stock, sets: list[CaseSet]) -> None:
    old = keys(stock.study)
    with decoded_here(), pytest.raises(PhaseError):
        load_into_study(study=stock.study, folder=sets[0].folder, actor=stock.alice, replace=True)
    assert keys(stock.study) == old


def test_the_page_replaces_when_it_is_told_to(
    stock: Stock, study: Study, sets: list[CaseSet], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CASE_SETS = sets[1].folder.parent
    begun: list[list[str]] = []
    monkeypatch.setattr(loading, "start_apart", lambda *words: begun.append(list(words)))
    client = Client()
    client.force_login(stock.alice)
    form = {"name": sets[1].folder.name, "use": "cases"}
    page = client.post("/studies/fresh/load/", form, follow=True).content.decode()
    assert "take their place" in page
    assert begun == []
    client.post("/studies/fresh/load/", {**form, "replace": "on"})
    assert begun[0][-1] == "--replace"


def test_a_draft_is_deleted_by_its_typed_name_alone(stock: Stock, study: Study) -> None:
    enrol_reader(study=study, person=stock.bob, actor=stock.alice)
    look_for_names(study, stock.alice)
    client = Client()
    client.force_login(stock.alice)
    page = client.post("/studies/fresh/delete/", {"confirm": "chest"}, follow=True).content.decode()
    assert "expected the short name fresh" in page
    assert (
        "is reading"
        in client.post("/studies/chest/delete/", {"confirm": "chest"}, follow=True).content.decode()
    )
    assert Study.objects.filter(slug__in=("fresh", "chest")).count() == 2
    assert client.post("/studies/fresh/delete/", {"confirm": "fresh"})["Location"] == "/"
    assert not Study.objects.filter(slug="fresh").exists()
    assert not Case.objects.filter(study=study.key).exists()
    assert not study_folder(settings.FRAMES_ROOT, study.key).exists()


def test_the_lock_shows_what_it_freezes_and_asks_for_the_name(stock: Stock, study: Study) -> None:
    reader = enrol_reader(study=study, person=stock.bob, actor=stock.alice)
    look_for_names(study, person("Ines"))
    client = Client()
    client.force_login(stock.alice)
    page = client.get("/studies/fresh/lock/").content.decode()
    for frozen in (
        Protocol().questions[0].text, study.protocol["estimand"][:30], study.cases_sha256, study.sealed_sha256,
        reader.pseudonym, "Satterthwaite", "fully crossed",
    ):  # fmt: skip
        assert frozen in page
    for wrong in ({}, {"confirm": "fresher"}):
        client.post("/studies/fresh/steps/lock/", wrong)
        assert Study.objects.get(slug="fresh").phase == "draft"
    client.post("/studies/fresh/steps/lock/", {"confirm": "fresh"})
    assert Study.objects.get(slug="fresh").phase == "locked"
    assert client.get("/studies/fresh/lock/").status_code == 404


WORDS = Measure("Sharpness", "low", "less sharp", "sharper", "equivalence", 0.5)
SCALE = Question("sharp", "How sharp?", "ordinal", (Level(1, "dull"), Level(2, "sharp")), endpoint=WORDS)
NEXT = Question("why", "Why?", "text", after=After("sharp", (1,)))
ASKED = Protocol(
    questions=(SCALE, NEXT), endpoints=("sharp",), design="overlapping blocks", repeat_fraction=0.2, session_cases=7,
    image_least=300, shortest_s=2.0,
)  # fmt: skip
OTHER: dict[str, Any] = {
    "instructions": "Read *slowly*.", "consent": "I agree to *this*.", "ending": "Thank *you*.", "shown": ("sex",),
    "window_rule": "full", "design": "own cases", "planned_readers": 9, "endpoints": (), "alpha": 0.01,
    "multiplicity": "none", "practice": (Note("a" * 32, "It was a cyst."),), "reading_blocks": 4, "anchor_cases": 11,
    "repeat_fraction": 0.4, "repeat_gap_cases": 13, "repeat_gap_hours": 30.0, "session_cases": 8,
    "session_hours": 12.0, "break_minutes": 25, "break_cases": 17, "back": "session", "display_check": "block",
    "image_least": 400, "image_small": "block", "layout": "stacked", "shortest_s": 3.0, "longest_s": 900.0,
    "primary_method": "theta_set", "subgroups": ("n_findings",), "estimand": "Another.", "exclusion": "None at all.",
    "stopping": "At noon.", "replacement": "Nobody.",
}  # fmt: skip
"""Of each field of a protocol another value than in ASKED."""
QUESTIONS = [
    replace(SCALE, text="How blurred?"),
    replace(SCALE, levels=(Level(1, "dull"), Level(2, "clear"))),
    replace(SCALE, help="Look at the edges."),
    replace(SCALE, allow_cannot_assess=False),
    replace(SCALE, endpoint=replace(WORDS, margin=0.25)),
    replace(SCALE, endpoint=replace(WORDS, aim="non-inferiority")),
    replace(SCALE, endpoint=replace(WORDS, worse="high")),
]
FOLLOW_UPS = [
    replace(NEXT, after=After("sharp", (2,))),
    replace(NEXT, required=False),
    replace(NEXT, longest=99),
    replace(NEXT, kind="mark"),
    replace(NEXT, kind="mark", most=3),
    replace(NEXT, kind="mark", shapes=("point",)),
    replace(NEXT, kind="number", minimum=1.0),
    replace(NEXT, kind="number", whole=True),
]


def test_the_lock_tells_in_words_everything_that_a_protocol_can_say(stock: Stock, study: Study) -> None:
    """No two protocols that differ have the same page."""
    changed = {name: replace(ASKED, **{name: value}) for name, value in OTHER.items()}
    assert {field.name for field in fields(Protocol)} == {*changed, "questions"}
    for number, question in enumerate(QUESTIONS):
        changed[f"question {number}"] = replace(ASKED, questions=(question, NEXT))
    for number, question in enumerate(FOLLOW_UPS):
        changed[f"follow-up {number}"] = replace(ASKED, questions=(SCALE, question))
    client = Client()
    client.force_login(stock.alice)
    told: dict[str, str] = {}
    for name, protocol in {"as asked": ASKED, **changed}.items():
        protocol.check()
        Study.objects.filter(pk=study.pk).update(protocol=protocol.as_json())
        page = client.get("/studies/fresh/lock/").content.decode()
        text = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page[page.index('id="questions"') :]))
        assert not {"theta_set", "u_centred", "holm", "dicom", "n_findings"} & {
            *text.split("In the locked")[0].split()
        }
        assert text not in told, f"{name}: the page says the same as for '{told[text]}'"
        told[text] = name
