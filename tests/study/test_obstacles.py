"""A protocol that its cases cannot carry out is reported early, is never locked, and reaches no reader in words."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from readerstudy.accounts.models import User
from readerstudy.audit.models import Event
from readerstudy.cases.models import Case, CaseSet
from readerstudy.study.design import lifecycle
from readerstudy.study.design.drafts import revise_protocol
from readerstudy.study.design.lifecycle import lock
from readerstudy.study.design.locking import locked_document, picture_notes
from readerstudy.study.design.obstacles import obstacles_of
from readerstudy.study.duties import add_member
from readerstudy.study.models import Reader, Role, Study
from readerstudy.study.orders.order import OrderError, Slot, draw_readings, places_for_repeats
from readerstudy.study.people.invitations import invite, open_invitation
from readerstudy.study.people.members import enrol_reader
from readerstudy.study.phases import Phase, StudyError
from readerstudy.study.protocol import Protocol
from tests.stock import Stock, person

pytestmark = pytest.mark.django_db
PAIRS = 8
DEAD = Protocol(repeat_fraction=0.1, repeat_gap_cases=20, planned_readers=2)
TELLING = re.compile(r"repeat|second|again|twice|apart|gap|16|20", re.IGNORECASE)


def changed(draft: Stock, protocol: Protocol) -> Study:
    return revise_protocol(study=draft.study, protocol=protocol, actor=draft.alice)


def test_the_dead_study_is_refused_and_the_words_lead_out(draft: Stock) -> None:
    study = changed(draft, DEAD)
    with pytest.raises(
        StudyError, match="a reader has 16 cases, of which 2 are to come a second time"
    ) as told:
        lock(study=study, actor=draft.alice)
    study.refresh_from_db()
    assert study.phase == Phase.DRAFT
    assert not study.locked_file
    (most,) = re.findall(r"set at most (\d+) cases between", str(told.value))
    study = changed(draft, replace(DEAD, repeat_gap_cases=int(most) + 1))
    with pytest.raises(StudyError, match="this study cannot be locked: a reader has 16"):
        lock(study=study, actor=draft.alice)
    study = changed(draft, replace(DEAD, repeat_gap_cases=int(most)))
    assert lock(study=study, actor=draft.alice).phase == Phase.LOCKED
    assert enrol_reader(study=study, person=draft.bob, actor=draft.alice).assignments.count() == 18


def test_reading_does_not_start_before_a_reader_is_enrolled(draft: Stock) -> None:
    study = lock(study=draft.study, actor=draft.alice)
    with pytest.raises(StudyError, match="at least one reader"):
        lifecycle.start(study=study, actor=draft.alice)
    enrol_reader(study=study, person=draft.bob, actor=draft.alice)
    assert lifecycle.start(study=study, actor=draft.alice).phase == Phase.READING


@pytest.mark.parametrize(
    ("protocol", "words"),
    [
        (Protocol(design="own cases", planned_readers=9), "8 matched sets cannot be allotted to 9 readers"),
        (Protocol(design="own cases", planned_readers=4, repeat_fraction=0.25, repeat_gap_cases=4), "of which 1 is"),
        (
            Protocol(design="overlapping blocks", planned_readers=6, reading_blocks=3, anchor_cases=15),
            "cannot be allotted to 3 blocks",
        ),
        (
            Protocol(
                design="overlapping blocks", planned_readers=4, reading_blocks=2, anchor_cases=4,
                repeat_fraction=0.2, repeat_gap_cases=9,
            ),
            "are to come a second time",
        ),
        (
            Protocol(repeat_fraction=0.5, repeat_gap_cases=9),
            "8 are to come a second time at least 9 cases later, and 7 can; set at most 8 cases between first and "
            "second reading, or at most 43 per cent of hidden repeats",
        ),
        (
            Protocol(repeat_fraction=0.5, repeat_gap_cases=12),
            "and 4 can; set at most 8 cases between first and second reading, or at most 25 per cent of",
        ),
        (
            Protocol(repeat_fraction=0.5, repeat_gap_cases=16),
            "and none can; set at most 8 cases between first and second reading, or no hidden repeats (0 per cent)",
        ),
        (Protocol(questions=(), endpoints=()), "no question is asked; add or edit one on the protocol page"),
        (Protocol(endpoints=()), "none of the questions is analysed as an endpoint; add or edit one"),
    ],
)  # fmt: skip
def test_each_design_is_tried_for_every_planned_reader(draft: Stock, protocol: Protocol, words: str) -> None:
    study = changed(draft, protocol)
    assert words in " ".join(obstacles_of(study))
    with pytest.raises(StudyError, match=re.escape(words)):
        lock(study=study, actor=draft.alice)


@pytest.mark.parametrize("design", ["fully crossed", "own cases", "overlapping blocks"])
@pytest.mark.parametrize("readers", [1, 3, 8])
@pytest.mark.parametrize("gap", [1, 3, 7, 12])
@pytest.mark.parametrize("share", [0.0, 0.25, 0.5])
def test_what_can_be_locked_enrols_everybody_and_what_cannot_does_not(
    draft: Stock, design: str, readers: int, gap: int, share: float
) -> None:
    protocol = Protocol(
        design=design, planned_readers=readers, reading_blocks=2, anchor_cases=4, repeat_fraction=share,
        repeat_gap_cases=gap,
    )  # fmt: skip
    study = changed(draft, protocol)
    pages = obstacles_of(study)
    enrolled = 0
    try:
        for number in range(readers):
            who = User.objects.create(email=f"r{number}@example.org", name=f"R {number}")
            enrol_reader(study=study, person=who, actor=draft.alice)
            enrolled += 1
    except StudyError:
        pass
    # A share that rounds to no repeat can be drawn; what is refused is the promise that nothing keeps.
    # Too few cases for a verdict can be drawn too.
    drawn = [page for page in pages if "verdict needs" not in page]
    assert (enrolled == readers) == (not drawn or "rounded, none" in drawn[0]), pages


@given(
    cases=st.integers(1, 40),
    gap=st.integers(1, 45),
    repeats=st.integers(0, 20),
    seed=st.binary(min_size=32, max_size=32),
)
def test_the_count_of_places_is_what_drawing_finds(cases: int, gap: int, repeats: int, seed: bytes) -> None:
    slots = [Slot(f"c{number}", 1 + number % 3, f"g{number // 2}") for number in range(cases)]
    fits = repeats <= places_for_repeats(cases, gap)
    try:
        drawn = draw_readings(slots, seed, repeats=repeats, gap=gap)
    except OrderError:
        assert not fits
    else:
        assert fits
        assert len(drawn) == cases + repeats


@pytest.mark.parametrize(
    ("protocol", "words", "fixed"),
    [
        (
            Protocol(repeat_fraction=0.03, repeat_gap_cases=4, planned_readers=2),
            ": 3 per cent of a reader's cases are to come a second time, and of 16 cases that is, rounded, none; "
            "set at least 4 per cent, or no hidden repeats",
            {"repeat_fraction": 0.04},
        ),
        (
            Protocol(repeat_fraction=0.001, repeat_gap_cases=20, planned_readers=2),
            "set at least 4 per cent and at most 15 cases between",
            {"repeat_fraction": 0.04, "repeat_gap_cases": 15},
        ),
        (
            Protocol(design="own cases", planned_readers=2, repeat_fraction=0.06, repeat_gap_cases=1),
            "of 8 cases that is, rounded, none; set at least 7 per cent",
            {"repeat_fraction": 0.07},
        ),
    ],
)
def test_a_share_of_repeats_that_gives_none_is_told_and_not_locked(
    draft: Stock, protocol: Protocol, words: str, fixed: dict[str, Any]
) -> None:
    study = changed(draft, protocol)
    with pytest.raises(StudyError) as told:
        lock(study=study, actor=draft.alice)
    assert words in str(told.value)
    admin = Client()
    admin.force_login(draft.alice)
    assert "rounded, none" in admin.get("/studies/chest/protocol/parts/design/").content.decode()
    study = changed(draft, replace(protocol, repeat_fraction=0.0))
    assert obstacles_of(study) == []
    study = changed(draft, replace(protocol, **fixed))
    assert lock(study=study, actor=draft.alice).phase == Phase.LOCKED
    reader = enrol_reader(study=study, person=draft.bob, actor=draft.alice)
    assert reader.assignments.filter(presentation=2).count() == 1


@pytest.mark.parametrize(
    ("cases", "words"),
    [
        (1, "of 1 case that is, rounded, none; set no hidden repeats (0 per cent), on the protocol page"),
        (2, "of 2 cases that is, rounded, none; set at least 26 per cent, or no hidden repeats"),
        (10, "of 10 cases that is, rounded, none; set at least 6 per cent, or no hidden repeats"),
    ],
)
def test_of_few_cases_no_small_share_is_a_repeat(draft: Stock, cases: int, words: str) -> None:
    others = Case.objects.filter(study=draft.study.key).order_by("key")[cases:]
    Case.objects.filter(pk__in=list(others.values_list("pk", flat=True))).update(study=uuid4())
    share = 0.5 if cases == 1 else 0.01
    told = obstacles_of(changed(draft, Protocol(repeat_fraction=share, repeat_gap_cases=1)))
    assert words in told[0]


def test_a_first_window_of_which_cases_were_not_loaded_is_told_once(draft: Stock) -> None:
    """Of cases, of practice cases, or of both."""
    study = changed(draft, Protocol(window_rule="full"))
    (told,) = (each for each in obstacles_of(study) if "first window" in each)
    assert told.startswith(
        "cases are loaded with the first window 'dicom', and the protocol says 'full'; load"
    )
    of_cases = CaseSet.objects.get(study=study.key)
    study.practice_key = uuid4()
    CaseSet.objects.create(
        **{
            field.attname: getattr(of_cases, field.attname)
            for field in CaseSet._meta.fields
            if field.name != "id"
        }
        | {"study": study.practice_key, "window_rule": "percentile"}
    )
    assert sum("first window" in each for each in obstacles_of(study)) == 1
    CaseSet.objects.filter(study=study.key).update(window_rule="full")
    (told,) = (each for each in obstacles_of(study) if "first window" in each)
    assert "'percentile'" in told
    CaseSet.objects.filter(study=study.practice_key).update(window_rule="full")
    assert not any("first window" in each for each in obstacles_of(study))


def test_a_study_without_cases_is_not_locked(draft: Stock) -> None:
    bare = lifecycle.create_study(slug="bare", title="Bare", protocol=Protocol(), actor=draft.alice)
    with pytest.raises(StudyError, match="no cases are loaded; load a case set first"):
        lock(study=bare, actor=draft.alice)


def test_cases_that_are_dealt_count_as_they_were_dealt(draft: Stock) -> None:
    """Each of two readers has 8 of the 16 cases, of which 2 come again."""
    own = Protocol(design="own cases", planned_readers=2, repeat_fraction=0.25, repeat_gap_cases=1)
    study = changed(draft, own)
    assert enrol_reader(study=study, person=draft.bob, actor=draft.alice).assignments.count() == 10
    assert obstacles_of(study) == []


def test_pages_tell_it_before_the_lock_and_offer_no_lock(draft: Stock) -> None:
    changed(draft, DEAD)
    admin = Client()
    admin.force_login(draft.alice)
    for page in ("", "protocol/", "protocol/parts/design/"):
        content = admin.get(f"/studies/chest/{page}").content.decode()
        assert "The study cannot be locked yet: a reader has 16 cases, of which 2" in content, page
    assert "/studies/chest/lock/" not in admin.get("/studies/chest/").content.decode()
    assert "Lock the protocol" not in admin.get("/studies/chest/lock/").content.decode()
    changed(draft, replace(DEAD, repeat_gap_cases=5))
    assert "/studies/chest/lock/" in admin.get("/studies/chest/").content.decode()
    assert "Lock the protocol" in admin.get("/studies/chest/lock/").content.decode()


def test_loading_tells_it(draft: Stock, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lifecycle.create_study(
        slug="other", title="Other", protocol=replace(DEAD, shown=("view",)), actor=draft.alice
    )
    call_command("load_case_set", str(draft.case_set.folder), study="other")
    told = capsys.readouterr().err
    assert "of which 2 are to come a second time" in told
    assert "'view'" in told
    assert "16 of 16 cases have none" in told


def test_a_study_that_has_its_cases_is_named_as_on_its_page(draft: Stock) -> None:
    with pytest.raises(CommandError) as told:
        call_command("load_case_set", str(draft.case_set.folder), study="chest")
    named = "the study \u201cChest study\u201d (chest) already has its cases"
    assert str(told.value) == f"{named}; say that the new ones take their place (--replace)"
    assert str(draft.study.key) not in str(told.value)


@pytest.mark.parametrize("name", ["view", "sex", "age"])
def test_a_shown_field_that_a_case_lacks_is_no_part_of_a_lock(draft: Stock, name: str) -> None:
    given = {"view": "PA", "sex": "F", "age": 50.0}[name]
    cases = Case.objects.filter(study=draft.study.key)
    study = changed(draft, Protocol(shown=(name,)))
    with pytest.raises(StudyError, match=f"see '{name}' beside the labels, and 16 of 16 cases have none"):
        lock(study=study, actor=draft.alice)
    cases.update(**{name: given})
    lacks = cases.first()
    assert lacks is not None
    cases.filter(pk=lacks.pk).update(**{name: None if name == "age" else ""})
    with pytest.raises(StudyError, match="and 1 of 16 cases have none"):
        lock(study=study, actor=draft.alice)
    cases.filter(pk=lacks.pk).update(**{name: given})
    locked = lock(study=study, actor=draft.alice)
    assert locked_document(locked)["protocol"]["shown"] == [name]


def test_the_protocol_page_says_which_field_is_not_there(draft: Stock) -> None:
    changed(draft, Protocol(shown=("view",)))
    admin = Client()
    admin.force_login(draft.alice)
    for page in ("", "protocol/", "protocol/parts/room/"):
        assert "16 of 16 cases have none" in admin.get(f"/studies/chest/{page}").content.decode(), page


@pytest.mark.parametrize("known", [False, True])
def test_an_invited_reader_learns_nothing_and_the_admin_everything(draft: Stock, known: bool) -> None:
    changed(draft, DEAD)
    _, link = invite(
        study=draft.study,
        email="nora@example.org",
        role="reader",
        actor=draft.alice,
        link_for=lambda token: token,
    )
    reader, admin, path = Client(), Client(), f"/invitations/{link}/"
    admin.force_login(draft.alice)
    values = {"name": "Nora", "password": "moraine-valley-82", "again": "moraine-valley-82"}
    if known:
        reader.force_login(person("Nora"))
    for _ in range(2):
        page = reader.post(path, {} if known else values)
        assert page.status_code == 200
        content = page.content.decode()
        assert "You could not be enrolled yet; the study&#x27;s admin has been told" in content
        (alert,) = re.findall(r'<p class="alert[^>]*>(.*?)</p>', content, re.DOTALL)
        assert not TELLING.search(alert.replace("try it again later", "").replace("&#x27;", "")), alert
        assert not re.search(r"repeat|second time|twice|cases", content, re.IGNORECASE)
    assert User.objects.filter(email="nora@example.org").exists() == known
    assert not Reader.objects.filter(study=draft.study).exists()
    assert open_invitation(link)
    event = Event.objects.get(kind="invitation.refused")
    assert "2 repeats at least 20 cases apart" in event.reason
    assert "2 repeats at least 20 cases apart" in admin.get("/studies/chest/people/").content.decode()
    assert "1 invited person could not be enrolled" in admin.get("/studies/chest/").content.decode()
    changed(draft, replace(DEAD, repeat_gap_cases=5))
    assert reader.post(path, {} if known else values).status_code == 302
    assert Reader.objects.get(study=draft.study).assignments.count() == 18
    assert "could not become" not in admin.get("/studies/chest/people/").content.decode()


def test_the_studys_admins_get_one_mail_that_tells_nothing_of_the_design(
    draft: Stock, mailoutbox: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    changed(draft, DEAD)
    second, left, statistician = person("Nils"), person("Lena"), person("Stan")
    for each, role in ((second, "study_admin"), (left, "study_admin"), (statistician, "statistician")):
        add_member(study=draft.study, person=each, role=Role(role), actor=draft.alice)
    User.objects.filter(pk=left.pk).update(is_active=False)
    address = "nora@example.org"
    _, token = invite(study=draft.study, email=address, role="reader", actor=draft.alice, link_for=str)
    values = {"name": "Nora", "password": "moraine-valley-82", "again": "moraine-valley-82"}
    for _ in range(3):
        with django_capture_on_commit_callbacks(execute=True):
            assert Client().post(f"/invitations/{token}/", values).status_code == 200
    (mail,) = mailoutbox
    assert mail.to == ["alice@example.org", "nils@example.org"]
    told = f"{mail.subject}\n{mail.body}"
    assert "http://testserver/studies/chest/people/" in told
    assert draft.study.title in told
    assert token not in told
    assert "nora" not in told.lower()
    assert Event.objects.get(kind="invitation.refused").reason not in told
    assert not TELLING.search(told.replace("try again", ""))


def test_a_mail_server_that_is_away_keeps_nobody_from_the_answer(
    draft: Stock, settings: Any, caplog: pytest.LogCaptureFixture, django_capture_on_commit_callbacks: Any
) -> None:
    changed(draft, DEAD)
    _, token = invite(
        study=draft.study, email=draft.charlie.email, role="reader", actor=draft.alice, link_for=str
    )
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    reader = Client()
    reader.force_login(draft.charlie)
    with django_capture_on_commit_callbacks(execute=True):
        page = reader.post(f"/invitations/{token}/")
    assert b"You could not be enrolled yet" in page.content
    assert Event.objects.filter(kind="invitation.refused").count() == 1
    assert "ConnectionRefusedError" in caplog.text


def test_what_is_about_the_person_is_said_to_the_person_and_to_the_admin(draft: Stock) -> None:
    _, link = invite(
        study=draft.study,
        email=draft.rita.email,
        role="reader",
        actor=draft.alice,
        link_for=lambda token: token,
    )
    reader = Client()
    reader.force_login(draft.rita)
    assert b"a reader can have no other role" in reader.post(f"/invitations/{link}/").content
    assert "a reader can have no other role" in Event.objects.get(kind="invitation.refused").reason


def test_telling_words_are_named_where_they_are_typed(draft: Stock) -> None:
    changed(draft, Protocol(instructions="Images of pruned networks and their controls."))
    admin = Client()
    admin.force_login(draft.alice)
    words = "instructions: &#x27;pruned&#x27;, &#x27;controls&#x27; could tell readers what is compared"
    for page in ("", "protocol/", "protocol/parts/texts/", "protocol/questions/agree/"):
        assert words in admin.get(f"/studies/chest/{page}").content.decode(), page
    assert words not in admin.get("/studies/chest/protocol/parts/design/").content.decode()


def test_several_images_of_a_patient_are_told_before_the_lock(draft: Stock) -> None:
    before = picture_notes(draft.study)
    loaded = CaseSet.objects.get(study=draft.study.key)
    loaded.custody = {**loaded.custody, "patients": 9}
    loaded.save()
    (note,) = (each for each in picture_notes(draft.study) if each not in before)
    assert note == (
        f"The {loaded.case_count} cases are of 9 patients, says the handover. Cases of one patient are analysed as one "
        "cluster, and a reader of fewer than 3 patients of a group leaves no verdict."
    )
    assert [each for each in picture_notes(draft.study) if each != note] == before
