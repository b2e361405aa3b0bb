"""A study with PA and lateral in a real Chromium: laid out in the builder, read by keyboard, opened, looked through."""

import random
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from readerstudy.results.services import open_key
from readerstudy.study.design import lifecycle
from readerstudy.study.models import Rating, Reader, Study
from readerstudy.study.protocol import Protocol
from readerstudy.study.protocol.questions import Question
from readerstudy.study.reading.answering import save_answers
from readerstudy.study.reading.stages import place_of
from tests import stock
from tests.browser.conftest import lock, sign_in_as
from tests.browser.served import served
from tests.results.readings import given

pytestmark = [pytest.mark.browser, pytest.mark.django_db]

ROLES = ("PA", "LATERAL")
ASKED = (
    *Protocol().questions,
    Question("where", "Where is it?", "mark", shapes=("rectangle",), required=False),
)
GREY = """number => {
  const view = document.querySelectorAll(".view")[number];
  const canvas = view.querySelector("canvas");
  return canvas.getContext("2d").getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data[0];
}"""


@pytest.fixture(scope="module")
def site(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, stock.Stock]]:
    """Serve a draft study whose cases have two images each."""
    with django_db_blocker.unblock():
        made = stock.make_stock(
            tmp_path_factory.mktemp("several"), pairs=4, roles=ROLES, reading=False, locked=False,
            protocol=replace(Protocol(), questions=ASKED),
        )  # fmt: skip
        with served(made.study) as live:
            yield live.url, made


def test_a_study_of_two_images_to_a_case_goes_the_whole_way(
    page: Page, site: tuple[str, stock.Stock]
) -> None:
    url, people = site
    sign_in_as(page, url, people.alice.email)
    _lay_out(page, url)
    lock(page)
    page.get_by_role("button", name="Open the reading room").click()
    expect(page.get_by_role("heading", name="Next step")).to_be_visible()
    bob = next(each for each in Study.objects.get(slug="chest").readers.all() if each.person == people.bob)
    sign_in_as(page, url, people.bob.email)
    page.goto(f"{url}/read/chest/")
    _first_case(page, bob)
    _draw_on_the_other(page)
    _the_others(page, bob)
    _open_the_key(people)
    sign_in_as(page, url, people.alice.email)
    _look_through(page, url, bob)
    page.goto("about:blank")


def _lay_out(page: Page, url: str) -> None:
    page.goto(f"{url}/studies/chest/")
    expect(page.get_by_text("does not say how they are laid out").first).to_be_visible()
    page.goto(f"{url}/studies/chest/protocol/parts/room/")
    page.get_by_label("Images of a case").select_option(label="Side by side")
    page.get_by_role("button", name="Save").first.click()
    expect(page.get_by_text("Reading room: saved.")).to_be_visible()
    assert Study.objects.get(slug="chest").protocol["layout"] == "side_by_side"
    page.goto(f"{url}/studies/chest/")


def at_case(page: Page, number: int) -> None:
    expect(page.locator("#case-title")).to_have_text(f"Case {number} of 8")
    expect(page.locator("#answers")).to_be_visible()


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def settled(page: Page) -> None:
    page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 250)))")


def _first_case(page: Page, bob: Reader) -> None:
    """Each image has its own window; a key goes from one to the other; a mark belongs to the one it is drawn on."""
    at_case(page, 1)
    views = page.locator(".view:visible")
    expect(views).to_have_count(2)
    assert views.locator(".view-role").all_inner_texts() == list(ROLES)
    boxes = [views.nth(n).bounding_box() for n in (0, 1)]
    assert boxes[0]
    assert boxes[1]
    assert abs(boxes[0]["width"] - boxes[1]["width"]) <= 1
    settled(page)
    before = [page.evaluate(GREY, number) for number in (0, 1)]
    press(page, "g", *["ArrowUp"] * 12)
    settled(page)
    after = [page.evaluate(GREY, number) for number in (0, 1)]
    assert before[0] == after[0]
    assert before[1] != after[1]
    expect(page.get_by_role("button", name="LATERAL")).to_have_attribute("aria-pressed", "true")
    press(page, "b", "Enter", *["ArrowRight"] * 3, *["ArrowDown"] * 3, "Enter")
    expect(views.nth(1).locator("rect.mark-line")).to_have_count(1)
    expect(views.nth(0).locator("rect.mark-line")).to_have_count(0)
    press(page, "Escape", "g", "y", "4", "2", "Enter")
    at_case(page, 2)
    (rating,) = Rating.objects.filter(assignment__reader=bob)
    assert [mark["image"] for mark in rating.marks] == ["LATERAL"]
    assert rating.answers["where"] == {"status": "answered", "value": 1}


def _draw_on_the_other(page: Page) -> None:
    """A tool that was taken for one image draws on the other one where it is put there."""
    at_case(page, 2)
    views = page.locator(".view:visible")
    page.get_by_role("button", name="Draw a rectangle").click()
    box = views.nth(1).bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 30, y + 30, steps=3)
    page.mouse.up()
    expect(views.nth(1).locator("rect.mark-line")).to_have_count(1)
    press(page, "Escape", "x", "g")
    expect(page.locator("rect.mark-line")).to_have_count(0)


def _the_others(page: Page, bob: Reader) -> None:
    for number in range(2, 9):
        at_case(page, number)
        expect(page.get_by_role("button", name="PA", exact=True)).to_have_attribute("aria-pressed", "true")
        press(page, "y" if number % 2 else "n", str(1 + number % 5), "3", "Enter")
    expect(page.locator("#stage")).to_be_visible()
    assert Rating.objects.filter(assignment__reader=bob).count() == 8


def _open_the_key(people: stock.Stock) -> None:
    study = Study.objects.get(slug="chest")
    for reader in study.readers.exclude(person=people.bob).select_related("study", "person"):
        while (current := place_of(reader).current) is not None:
            drawn = random.Random(current.case.key)
            answers = {
                "agree": drawn.randint(0, 1),
                "quality": drawn.randint(1, 5),
                "difficulty": drawn.randint(1, 5),
            }
            save_answers(
                reader=reader, public_id=current.public_id, idempotency_key=uuid.uuid4(), revision=0,
                answers={**{name: given(value) for name, value in answers.items()}, "where": None}, comment="",
                times={"visible_ms": 5000.0}, display={},
            )  # fmt: skip
    study = lifecycle.close(study=study, actor=None, reason="everybody has finished")
    open_key(study=study, key=people.case_set.key, reason="to see", actor=None)


def _look_through(page: Page, url: str, bob: Reader) -> None:
    page.goto(f"{url}/results/chest/")
    expect(page.get_by_text("PIE").first).to_be_visible()
    page.goto(f"{url}/results/chest/cases/")
    expect(page.locator(".image-card").first.locator("img")).to_have_count(2)
    marked = Rating.objects.get(assignment__reader=bob, marks__0__image="LATERAL").assignment.case.key
    page.goto(f"{url}/results/chest/cases/{marked}/")
    expect(page.locator("#image-state")).to_have_text("", timeout=30_000)
    views = page.locator(".view:visible")
    expect(views).to_have_count(2)
    expect(views.nth(1).locator("rect.mark-line")).to_have_count(1)
    expect(views.nth(0).locator("rect.mark-line")).to_have_count(0)
