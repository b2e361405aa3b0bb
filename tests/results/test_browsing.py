"""The case browser: what it lists, when it is shut, and that nothing of it is there before the key is open."""

import csv
import io
import re
from uuid import uuid4

import pytest
from django.test import Client
from PIL import Image

from analysis.picture.custody import stored_digest
from readerstudy.audit.models import Event
from readerstudy.cases.frame import decode_frame
from readerstudy.cases.models import Case, Frame
from readerstudy.cases.selectors import frame_bytes
from readerstudy.results.browsing import browsed, chosen, told, why_shut
from readerstudy.results.models import OpenedCase
from readerstudy.results.services import open_key
from readerstudy.study.design import lifecycle
from readerstudy.study.design.drafts import draw_again
from readerstudy.study.duties import add_member
from readerstudy.study.models import Membership, Role, Study
from readerstudy.study.people.invitations import invite, refusals_of
from readerstudy.study.people.members import end_role, enrol_reader
from readerstudy.study.phases import StudyError
from readerstudy.study.protocol.presets import PUBLISHED_QUESTIONS
from readerstudy.study.protocol.questions import Level, Question
from tests.guards import drop_guards
from tests.results.readings import ANSWERS, read_by_rule
from tests.stock import Stock

pytestmark = pytest.mark.django_db


def as_alice(stock: Stock) -> Client:
    client = Client()
    client.force_login(stock.alice)
    return client


def other_study(stock: Stock, phase: str) -> Study:
    """Make another study that has the pixels of the stock's first case, in whatever phase."""
    drop_guards()
    frame = Frame.objects.filter(study=stock.study.key).select_related("case").first()
    assert frame is not None
    facts = {"sealed_sha256": "1" * 64, "protocol_sha256": "2" * 64}
    study = Study.objects.create(
        slug="second", title="Second", phase="draft", protocol=stock.study.protocol, **facts
    )
    case = Case.objects.get(pk=frame.case_id)
    case.pk, case.study, case.key = None, study.key, "9" * 32
    case.save()
    frame.pk, frame.case, frame.study, frame.storage_name, frame.sha256 = (
        None,
        case,
        study.key,
        "8" * 32,
        "7" * 64,
    )
    frame.save()
    Study.objects.filter(pk=study.pk).update(phase=phase)
    return study


def test_disagreement_is_the_mean_difference_of_two_readers(stock: Stock) -> None:
    """Case 1: agree 0 and 1, quality 2 and 3 of five levels, difficulty 4 and 3: (1 + 1/4 + 1/4) / 3."""
    for reader, name in zip(stock.readers, ("R01", "R02"), strict=True):
        read_by_rule(reader, ANSWERS[name])
    study = lifecycle.close(study=stock.study, actor=stock.alice, reason="everybody has finished")
    open_key(study=study, key=stock.case_set.key, reason="reading is over", actor=stock.alice)
    study.refresh_from_db()
    cases = browsed(study)
    assert [row[:3] for row in (ANSWERS["R01"][1], ANSWERS["R02"][1])] == [(0, 2, 4), (1, 3, 3)]
    assert cases[1].disagreement == pytest.approx(0.5)
    assert cases[1].seconds == pytest.approx((9.125 + 7.125) / 2)
    assert [each.not_assessed for each in cases] == [
        sum(any(isinstance(answer, str) for answer in row[:3]) for row in rows)
        for rows in zip(ANSWERS["R01"], ANSWERS["R02"], strict=True)
    ]


def test_cases_are_filtered_and_sorted(opened: Stock) -> None:
    cases = browsed(opened.study)
    group = chosen(cases, group="PIE", words="", order="key")
    assert {each.case.arm for each in group} == {1}
    assert 0 < len(group) < len(cases)
    apart = [each.disagreement or 0 for each in chosen(cases, group="", words="", order="disagreement")]
    assert apart == sorted(apart, reverse=True)
    key = cases[3].case.key
    assert [each.case.key for each in chosen(cases, group="", words=key.upper()[:12], order="time")] == [key]


def test_answers_are_told_in_the_words_of_the_question() -> None:
    agree, quality, _ = PUBLISHED_QUESTIONS
    assert told(agree, {"status": "answered", "value": 0}) == "no"
    assert told(quality, {"status": "answered", "value": 2}) == "fair"
    assert told(quality, {"status": "cannot_assess", "value": None}) == "cannot assess"
    assert told(quality, None) == "not read"
    size = Question("size", "How large?", "number", unit="mm")
    assert told(size, {"status": "answered", "value": 7.5}) == "7.5 mm"
    assert told(size, {"status": "answered", "value": 1234567.5}) == "1234567.5 mm"
    several = Question("why", "Why?", "multiple_choice", (Level(1, "blur"), Level(2, "tubes")))
    assert told(several, {"status": "answered", "value": [2, 1]}) == "tubes; blur"


def test_pages_show_what_every_reader_said(opened: Stock) -> None:
    client = as_alice(opened)
    key = next(each.case.key for each in browsed(opened.study) if len(each.first) == 2)
    listed = client.get("/results/chest/cases/").content.decode()
    assert f"/results/chest/cases/{key}/" in listed
    shown = client.get(f"/results/chest/cases/{key}/").content.decode()
    assert shown.count("not read") == 0
    for words in ("R01", "R02", "Disagreement of readers"):
        assert words in shown
    picture = client.get(f"/results/chest/cases/{key}/small.png")
    assert max(Image.open(io.BytesIO(picture.content)).size) <= 192
    assert "no-store" in picture.headers["Cache-Control"]


def test_agreement_of_networks_is_offered_where_there_are_networks(opened: Stock) -> None:
    client, offered = as_alice(opened), '<option value="score">Lowest agreement of the networks</option>'
    assert offered in client.get("/results/chest/cases/").content.decode()
    drop_guards()
    OpenedCase.objects.filter(study=opened.study).update(score=None)
    assert "networks" not in client.get("/results/chest/cases/?order=score").content.decode()


def test_list_is_downloaded_as_it_is_shown_and_that_is_recorded(opened: Stock) -> None:
    answer = as_alice(opened).get("/results/chest/cases/found.csv?group=control&order=time")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert [row["case"] for row in rows] == [
        each.case.key for each in chosen(browsed(opened.study), group="control", words="", order="time")
    ]
    assert {row["group"] for row in rows} == {"control"}
    assert Event.objects.filter(kind="study.cases_exported", study=opened.study.key).count() == 1


def test_next_and_previous_follow_the_chosen_order(opened: Stock) -> None:
    order = [
        each.case.key for each in chosen(browsed(opened.study), group="PIE", words="", order="disagreement")
    ]
    text = (
        as_alice(opened)
        .get(f"/results/chest/cases/{order[1]}/?group=PIE&order=disagreement")
        .content.decode()
    )
    assert f'rel="prev" href="/results/chest/cases/{order[0]}/?group=PIE&amp;order=disagreement"' in text
    assert f'rel="next" href="/results/chest/cases/{order[2]}/?group=PIE&amp;order=disagreement"' in text


@pytest.mark.parametrize(
    ("phase", "shut"),
    [("draft", True), ("locked", True), ("reading", True), ("closed", True), ("archived", False)],
)
def test_browser_is_shut_while_another_sealed_study_has_the_same_pixels(
    opened: Stock, phase: str, shut: bool
) -> None:
    """The frame files differ, as padding and names do in another study; the pixels are the same."""
    assert not why_shut(opened.study)
    other_study(opened, phase)
    client = as_alice(opened)
    key = browsed(opened.study)[0].case.key
    assert bool(why_shut(opened.study)) is shut
    listed = client.get("/results/chest/cases/").content.decode()
    assert (key in listed) is not shut
    for address in (f"{key}/", f"{key}/frame/", f"{key}/small.png", "found.csv"):
        assert client.get(f"/results/chest/cases/{address}").status_code == (404 if shut else 200)


def test_frames_without_a_digest_count_as_the_same_where_their_size_is(opened: Stock) -> None:
    other = other_study(opened, "reading")
    Frame.objects.filter(study=other.key).update(pixels_sha256="")
    assert why_shut(opened.study)
    Frame.objects.filter(study=other.key).update(rows=7)
    assert not why_shut(opened.study)


def test_nothing_is_there_before_the_key_is_open(closed: Stock) -> None:
    key = Case.objects.filter(study=closed.study.key).first()
    assert key is not None
    client = as_alice(closed)
    for address in ("", f"{key.key}/", f"{key.key}/frame/", f"{key.key}/small.png", "found.csv"):
        assert client.get(f"/results/chest/cases/{address}").status_code == 404


def test_terms_are_confirmed_before_the_first_image(opened: Stock) -> None:
    from readerstudy.cases.terms import Wording, latest_terms, set_terms

    set_terms(
        set_key=opened.study.key,
        chain=opened.study.key,
        actor=opened.alice,
        wording=Wording("For this study only."),
    )
    client, key = as_alice(opened), browsed(opened.study)[0].case.key
    assert client.get(f"/results/chest/cases/{key}/small.png").status_code == 403
    assert client.get(f"/results/chest/cases/{key}/").status_code == 302
    listed = client.get("/results/chest/cases/").content.decode()
    assert "For this study only." in listed
    assert "small.png" not in listed
    sha256 = latest_terms([opened.study.key])[opened.study.key].sha256
    client.post("/results/chest/cases/terms/", {"sha256": sha256})
    assert client.get(f"/results/chest/cases/{key}/small.png").status_code == 200


def test_the_digest_of_pixels_is_not_the_one_by_which_a_sweep_names_its_images(stock: Stock) -> None:
    frame = Frame.objects.filter(study=stock.study.key).select_related("case").first()
    assert frame is not None
    pixels = decode_frame(frame_bytes(frame.case), frame.rows, frame.columns, frame.bits)
    assert len(frame.pixels_sha256) == 64
    assert frame.pixels_sha256 != stored_digest(pixels)


def test_a_person_who_could_see_the_groups_does_not_read_the_same_pixels(opened: Stock) -> None:
    """Charlie has a role in the unblinded study, Bob has read in it and saw no group."""
    draft = other_study(opened, "draft")
    add_member(study=opened.study, person=opened.charlie, role=Role.STATISTICIAN, actor=opened.alice)
    with pytest.raises(StudyError, match="could see the groups of the same"):
        enrol_reader(study=draft, person=opened.charlie, actor=opened.alice)
    enrol_reader(study=draft, person=opened.bob, actor=opened.alice)
    member = Membership.objects.get(study=opened.study, person=opened.charlie)
    end_role(study=opened.study, member=member.pk, actor=opened.alice)
    with pytest.raises(StudyError, match="could see the groups of the same"):
        enrol_reader(study=draft, person=opened.charlie, actor=opened.alice)


def test_a_person_who_could_see_the_groups_is_not_told_which_images_these_are(opened: Stock) -> None:
    draft = other_study(opened, "draft")
    add_member(study=opened.study, person=opened.charlie, role=Role.STATISTICIAN, actor=opened.alice)
    _, token = invite(
        study=draft, email=opened.charlie.email, role="reader", actor=opened.alice, link_for=str
    )
    charlie = Client()
    charlie.force_login(opened.charlie)
    page = charlie.post(f"/invitations/{token}/").content.decode()
    assert "the study&#x27;s admin has been told" in page
    assert not re.search("groups|images|unblinded", page)
    assert "could see the groups" in refusals_of(draft).popitem()[1]


def test_images_whose_groups_a_reader_could_see_do_not_take_the_place_of_others(opened: Stock) -> None:
    draft = other_study(opened, "draft")
    add_member(study=opened.study, person=opened.charlie, role=Role.STATISTICIAN, actor=opened.alice)
    frame = Frame.objects.filter(study=draft.key)
    digest = frame.get().pixels_sha256
    frame.update(pixels_sha256="0" * 64)
    enrol_reader(study=draft, person=opened.charlie, actor=opened.alice)
    draw_again(draft, opened.alice)
    frame.update(pixels_sha256=digest)
    with pytest.raises(StudyError, match="could see the groups"):
        draw_again(draft, opened.alice)


def test_practice_cases_in_common_shut_nothing(opened: Stock) -> None:
    """No group is shown of a practice case."""
    draft = other_study(opened, "draft")
    key = opened.study.key
    Study.objects.filter(pk=draft.pk).update(practice_key=draft.key, key=uuid4())
    assert why_shut(opened.study)
    Study.objects.filter(pk=opened.study.pk).update(practice_key=key, key=uuid4())
    opened.study.refresh_from_db()
    assert not why_shut(opened.study)
