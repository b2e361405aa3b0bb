"""Before a lock somebody who cannot read has looked at every image for names, at a size where text reads."""

import json
from pathlib import Path

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from readerstudy.audit.models import Event
from readerstudy.cases.models import Case, CaseSet
from readerstudy.ops.loading import load_into_study
from readerstudy.study.design import lifecycle, signoff
from readerstudy.study.design.signoff import SignOffError
from readerstudy.study.duties import add_member, has_looked
from readerstudy.study.models import ImageCheck, Membership, Reader, Role, Study
from readerstudy.study.people.members import enrol_reader
from readerstudy.study.phases import NotThisPersonError, Phase, PhaseError, StudyError
from tests.blinding.crowd import to_phase
from tests.stock import Stock, decoded_here, look_for_names, make_case_set, person

pytestmark = pytest.mark.django_db
PAGE = "/studies/chest/images/"


@pytest.fixture
def draft(stock: Stock) -> Study:
    """Return the study as a draft at whose images nobody has looked."""
    to_phase(stock, "draft")
    ImageCheck.objects.all().delete()
    return Study.objects.get(pk=stock.study.pk)


@pytest.fixture
def admin(stock: Stock) -> Client:
    client = Client()
    client.force_login(stock.alice)
    return client


def look(study: Study, who: object, key: str, *, clear: bool = True, scale: object = 1) -> ImageCheck:
    return signoff.sign_off(study=study, key=key, person=who, clear=clear, scale=scale)  # type: ignore[arg-type]


def keys(study: Study) -> list[str]:
    return list(Case.objects.filter(study=study.key).values_list("key", flat=True))


def test_no_lock_before_every_image_was_looked_at(stock: Stock, draft: Study) -> None:
    *most, last = keys(draft)
    for key in most:
        look(draft, stock.alice, key)
    with pytest.raises(StudyError, match="1 of 10 images have not been looked at"):
        lifecycle.lock(study=draft, actor=stock.alice)
    look(draft, stock.alice, last)
    locked = lifecycle.lock(study=draft, actor=stock.alice)
    assert json.loads(locked.locked_file)["images_checked_for_names"] == {
        "total": 10, "clear": 10, "named": 0, "drawn": 0,
    }  # fmt: skip


def test_practice_cases_are_looked_at_too(stock: Stock, draft: Study, tmp_path: Path) -> None:
    look_for_names(draft, stock.alice)
    Reader.objects.filter(study=draft).update(
        study=lifecycle.create_study(slug="away", title="Away", protocol=_protocol(draft), actor=stock.alice)
    )
    case_set = make_case_set(tmp_path, pairs=1, nonce=b"\x32" * 32)
    with decoded_here():
        load_into_study(practice=True, study=draft, folder=case_set.folder, actor=None)
    draft.refresh_from_db()
    with pytest.raises(StudyError, match="2 of 12 images have not been looked at"):
        lifecycle.lock(study=draft, actor=stock.alice)


def test_a_visible_name_stops_the_lock_until_a_second_look_clears_it(stock: Stock, draft: Study) -> None:
    look_for_names(draft, stock.alice)
    key = keys(draft)[0]
    look(draft, stock.alice, key, clear=False)
    with pytest.raises(StudyError, match="1 of 10 images show a name; write the case set again"):
        lifecycle.lock(study=draft, actor=stock.alice)
    look(draft, stock.alice, key)
    assert lifecycle.lock(study=draft, actor=stock.alice).phase == Phase.LOCKED
    trail = Event.objects.filter(kind="image.signed_off", subject=key).order_by("pk")
    assert [event.values["finding"] for event in trail][-2:] == ["named", "clear"]


@pytest.mark.parametrize("scale", [0.99, 0, -3, "", None, "large", "nan", "inf", [2], {}])
def test_a_look_at_too_small_a_size_does_not_count(stock: Stock, draft: Study, scale: object) -> None:
    with pytest.raises(SignOffError, match="expected the whole image to have been shown at 1 screen pixel"):
        look(draft, stock.alice, keys(draft)[0], scale=scale)
    assert not ImageCheck.objects.exists()


def test_no_reader_signs_off_and_nobody_who_has_looked_becomes_a_reader(stock: Stock, draft: Study) -> None:
    with pytest.raises(SignOffError, match="is a reader in this study"):
        look(draft, stock.bob, keys(draft)[0])
    nora = person("Nora")
    add_member(study=draft, person=nora, role=Role.STUDY_ADMIN, actor=stock.alice)
    look(draft, nora, keys(draft)[0])
    Membership.objects.filter(study=draft, person=nora).delete()
    with pytest.raises(NotThisPersonError, match="has looked at the images"):
        enrol_reader(study=draft, person=nora, actor=stock.alice)


def test_images_of_other_studies_are_not_signed_off_here(draft: Study, stock: Stock) -> None:
    for key in ("", "0" * 32, "x" * 500):
        with pytest.raises(SignOffError, match="expected an image of this study"):
            look(draft, stock.alice, key)


@pytest.mark.parametrize("phase", ["locked", "reading", "closed"])
def test_nothing_is_signed_off_after_the_lock(stock: Stock, phase: str) -> None:
    to_phase(stock, phase)
    study = Study.objects.get(pk=stock.study.pk)
    for act in (
        lambda: look(study, stock.alice, keys(study)[0]),
        lambda: signoff.sign_off_drawn(study=study, actor=stock.alice),
    ):
        with pytest.raises(PhaseError, match=f"it is {phase}"):
            act()


def test_drawn_images_need_no_look_and_the_protocol_says_that_nobody_looked(
    stock: Stock, draft: Study
) -> None:
    assert signoff.sign_off_drawn(study=draft, actor=stock.olga) == 10
    assert not has_looked(draft, stock.olga)
    locked = lifecycle.lock(study=draft, actor=stock.alice)
    assert json.loads(locked.locked_file)["images_checked_for_names"]["drawn"] == 10


def test_images_of_patients_cannot_be_recorded_as_drawn(stock: Stock, draft: Study) -> None:
    CaseSet.objects.filter(study=draft.key).update(synthetic=False)
    with pytest.raises(SignOffError, match="these are of patients, and each needs a look"):
        signoff.sign_off_drawn(study=draft, actor=stock.alice)
    assert not ImageCheck.objects.exists()


def test_the_order_is_random_and_another_for_each_person(stock: Stock, draft: Study) -> None:
    def order(who: object) -> list[str]:
        with transaction.atomic():
            found = []
            while (image := signoff.next_image(draft, who)) is not None:  # type: ignore[arg-type]
                found.append(image.case.key)
                look(draft, who, image.case.key)
            transaction.set_rollback(True)
        return found

    alice, rita = order(stock.alice), order(stock.rita)
    assert sorted(alice) == sorted(rita) == sorted(keys(draft))
    assert len({tuple(alice), tuple(rita), tuple(keys(draft))}) == 3


def test_the_database_refuses_a_small_look_and_an_unknown_finding(stock: Stock, draft: Study) -> None:
    case = Case.objects.filter(study=draft.key)[0]
    for wrong in ({"finding": "clear", "scale": 0.5}, {"finding": "clear"}, {"finding": "none", "scale": 2}):
        with pytest.raises(IntegrityError), transaction.atomic():
            ImageCheck.objects.create(study=draft, case=case, person=stock.alice, **wrong)


def test_the_page_shows_one_image_and_nothing_else_of_its_case(admin: Client, draft: Study) -> None:
    image = signoff.next_image(
        draft, Study.objects.get(pk=draft.pk).memberships.get(role="study_admin").person
    )
    assert image is not None
    case = image.case
    page = admin.get(PAGE).content.decode()
    assert case.key in page
    assert not [key for key in keys(draft) if key in page and key != case.key]
    assert case.separation_group not in page
    assert not [label for label in case.labels if label in page]
    posted = {"case": case.key, "scale": "1.5", "finding": "clear"}
    assert admin.post(f"{PAGE}sign-off/", posted)["Location"] == PAGE
    assert ImageCheck.objects.get().scale == 1.5
    assert case.key not in admin.get(PAGE).content.decode()


def test_a_wrong_form_is_told_and_changes_nothing(admin: Client, draft: Study) -> None:
    for posted in ({}, {"finding": "maybe"}, {"finding": "clear", "case": keys(draft)[0], "scale": "0.2"}):
        answer = admin.post(f"{PAGE}sign-off/", posted, follow=True)
        assert "expected" in answer.content.decode().lower()
    assert not ImageCheck.objects.exists()


def test_the_study_page_leads_to_the_images_before_the_lock(
    admin: Client, draft: Study, stock: Stock
) -> None:
    page = admin.get("/studies/chest/").content.decode()
    assert "10 of 10 images have not been looked at" in page
    assert "/studies/chest/lock/" not in page
    look_for_names(draft, stock.alice)
    assert "/studies/chest/lock/" in admin.get("/studies/chest/").content.decode()


def _protocol(study: Study) -> object:
    from readerstudy.study.protocol import Protocol

    return Protocol.from_json(study.protocol)
