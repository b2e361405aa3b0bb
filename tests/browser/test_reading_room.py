"""The reading room in a real Chromium when things go wrong: nothing is lost, nothing is saved twice."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import Page, Route, expect

from readerstudy.study.models import Rating
from tests.stock import PASSWORD, make_stock

pytestmark = pytest.mark.browser


@pytest.fixture
def address(live_site: str, tmp_path: Path) -> str:
    make_stock(tmp_path, pairs=4)
    return f"{live_site}/read/chest/"


@pytest.fixture
def room(page: Page, address: str) -> Iterator[Page]:
    """Open the reading room as Bob, at his first case."""
    page.goto(address)
    sign_in(page)
    at_case(page, 1)
    yield page
    # The page's own requests end before the database goes.
    page.goto("about:blank")


def sign_in(page: Page) -> None:
    page.get_by_label("Email").fill("bob@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")


def at_case(page: Page, number: int) -> None:
    expect(page.locator("#case-title")).to_have_text(f"Case {number} of 8")
    expect(page.locator("#answers")).to_be_visible()


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def saved() -> list[dict[str, Any]]:
    return [rating.answers for rating in Rating.objects.order_by("assignment__position", "revision")]


def test_answers_wait_for_the_network(room: Page) -> None:
    room.context.set_offline(True)
    press(room, "y", "4", "2", "Enter")
    expect(room.locator("#save-state")).to_have_text("Not saved yet, retrying")
    expect(room.locator("#case-title")).to_have_text("Case 1 of 8")
    assert saved() == []
    room.context.set_offline(False)
    at_case(room, 2)
    expect(room.locator("#save-state")).to_have_text("Case 1 saved")
    assert saved() == [
        {
            "agree": {"status": "answered", "value": 1},
            "quality": {"status": "answered", "value": 4},
            "difficulty": {"status": "answered", "value": 2},
        }
    ]


def test_an_answer_whose_receipt_was_lost_is_saved_once(room: Page) -> None:
    lost: list[str] = []

    def lose_the_receipt(route: Route) -> None:
        route.fetch()
        lost.append(route.request.post_data_json["idempotency_key"])
        route.abort()

    room.route("**/answers/**", lose_the_receipt, times=1)
    press(room, "n", "1", "5", "Enter")
    at_case(room, 2)
    rating = Rating.objects.get()
    assert [str(rating.idempotency_key)] == lost
    assert rating.answers["agree"] == {"status": "answered", "value": 0}


def test_a_reload_with_an_unsaved_answer_sends_the_same_one(room: Page) -> None:
    room.route("**/answers/**", lambda route: route.fulfill(status=503))
    room.on("dialog", lambda dialog: dialog.accept())
    press(room, "y", "3", "3", "Enter")
    expect(room.locator("#save-state")).to_have_text("Not saved yet, retrying")
    room.unroute("**/answers/**")
    room.reload()
    at_case(room, 2)
    assert Rating.objects.count() == 1
    assert room.evaluate("Object.keys(sessionStorage).length") == 1


def test_the_draft_survives_a_reload_and_typing_is_no_shortcut(room: Page) -> None:
    press(room, "n", "2", "k")
    room.keyboard.type("yes, 5 inverted ribs?")
    press(room, "Escape")
    room.reload()
    at_case(room, 1)
    assert room.locator("#comment").input_value() == "yes, 5 inverted ribs?"
    chosen = room.eval_on_selector_all("#answers input:checked", "all => all.map((one) => one.value)")
    assert chosen == ["0", "2"]
    expect(room.locator('[data-tool="invert"]')).to_have_attribute("aria-pressed", "false")
    press(room, "c", " ")
    at_case(room, 2)
    rating = Rating.objects.get()
    assert rating.comment == "yes, 5 inverted ribs?"
    assert rating.answers["difficulty"] == {"status": "cannot_assess", "value": None}


def test_an_incomplete_case_is_not_sent(room: Page) -> None:
    press(room, "y", "4", "Enter")
    expect(room.get_by_role("alert")).to_have_text("One question is still open.")
    press(room, "3", "Backspace", "Enter")
    expect(room.get_by_role("alert")).to_have_text("One question is still open.")
    assert saved() == []


def test_two_tabs_show_both_answers(room: Page, address: str) -> None:
    other = room.context.new_page()
    other.goto(address)
    at_case(other, 1)
    press(other, "y", "5", "1", "Enter")
    at_case(other, 2)
    other.close()
    press(room, "n", "2", "4", "Enter")
    rows = room.locator("#conflict-rows")
    expect(rows).to_contain_text("5 excellent")
    expect(rows).to_contain_text("2 fair")
    press(room, "Enter")
    at_case(room, 2)
    assert [answers["quality"]["value"] for answers in saved()] == [5]


def test_an_ended_session_loses_no_answer(room: Page, address: str) -> None:
    Session.objects.all().delete()
    press(room, "y", "4", "2", "Enter")
    expect(room.get_by_role("dialog", name="You are signed out")).to_be_visible()
    other = room.context.new_page()
    other.goto(address)
    sign_in(other)
    at_case(other, 1)
    other.close()
    room.get_by_role("button", name="I have signed in: go on").click()
    at_case(room, 2)
    assert len(saved()) == 1


def test_without_an_image_only_a_technical_problem_can_be_told(room: Page, address: str) -> None:
    room.route("**/frames/**", lambda route: route.fulfill(status=404))
    room.goto(address)
    at_case(room, 1)
    expect(room.locator("#view-note")).to_contain_text("could not be fetched")
    press(room, "y", "4", "c")
    expect(room.locator("#answers input:checked")).to_have_count(0)
    room.unroute("**/frames/**")
    press(room, "t", "Enter")
    at_case(room, 2)
    assert {answer["status"] for answer in saved()[0].values()} == {"technical"}


def test_the_tab_holds_one_case_and_the_next_image_only(room: Page) -> None:
    frames: list[str] = []
    room.on("request", lambda request: frames.append(request.url) if "/frames/" in request.url else None)
    press(room, "y", "4", "2", "Enter")
    at_case(room, 2)
    room.wait_for_timeout(300)
    assert len(frames) == 1
    assert room.title() == "Case 2 of 8"
    stored = room.evaluate("JSON.stringify(sessionStorage) + JSON.stringify(localStorage)")
    assert "Effusion" not in stored
    assert "frame" not in stored


@pytest.mark.parametrize(("width", "height"), [(1366, 768), (1920, 1080), (2560, 1440)])
def test_the_image_has_seven_tenths_of_the_window_and_the_form_needs_no_scrolling(
    room: Page, width: int, height: int
) -> None:
    room.set_viewport_size({"width": width, "height": height})
    box = room.locator("#viewer").bounding_box()
    assert box is not None
    assert box["width"] * box["height"] >= 0.7 * width * height
    hidden = room.evaluate(
        "(form => form.scrollHeight - form.clientHeight)(document.querySelector('#answers'))"
    )
    assert hidden <= 0
    assert room.evaluate("document.documentElement.scrollHeight <= innerHeight")
