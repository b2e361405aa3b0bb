"""The reading room in a real Chromium when things go wrong: nothing is lost, nothing is saved twice."""

import pytest
from django.conf import settings
from playwright.sync_api import Page, Route, expect

from readerstudy.study.models import Rating, Reader
from tests.browser.chromium import intercept
from tests.browser.conftest import LiveStudy
from tests.stock import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.django_db]


def at_case(page: Page, number: int) -> None:
    expect(page.locator("#case-title")).to_have_text(f"Case {number} of 8")
    expect(page.locator("#answers")).to_be_visible()


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def ratings(reader: Reader) -> list[Rating]:
    """Return what is saved for a reader, in the sequence of reading."""
    return list(Rating.objects.filter(assignment__reader=reader).order_by("assignment__position", "revision"))


def test_answers_wait_for_the_network(room: Page, reader: Reader) -> None:
    at_case(room, 1)
    room.context.set_offline(True)
    press(room, "y", "4", "2", "Enter")
    expect(room.locator("#save-state")).to_have_text("Not saved yet, retrying")
    expect(room.locator("#case-title")).to_have_text("Case 1 of 8")
    assert ratings(reader) == []
    room.context.set_offline(False)
    at_case(room, 2)
    expect(room.locator("#save-state")).to_have_text("Case 1 saved")
    assert [rating.answers for rating in ratings(reader)] == [
        {
            "agree": {"status": "answered", "value": 1},
            "quality": {"status": "answered", "value": 4},
            "difficulty": {"status": "answered", "value": 2},
        }
    ]


def test_an_answer_whose_receipt_was_lost_is_saved_once(room: Page, reader: Reader) -> None:
    at_case(room, 1)
    lost: list[str] = []

    def lose_the_receipt(route: Route) -> None:
        route.fetch()
        lost.append(route.request.post_data_json["idempotency_key"])
        route.abort()

    intercept(room, "**/answers/**", lose_the_receipt, times=1)
    press(room, "n", "1", "5", "Enter")
    at_case(room, 2)
    (rating,) = ratings(reader)
    assert [str(rating.idempotency_key)] == lost
    assert rating.answers["agree"] == {"status": "answered", "value": 0}


def test_a_reload_with_an_unsaved_answer_sends_the_same_one(room: Page, reader: Reader) -> None:
    at_case(room, 1)
    intercept(room, "**/answers/**", lambda route: route.fulfill(status=503))
    room.on("dialog", lambda dialog: dialog.accept())
    press(room, "y", "3", "3", "Enter")
    expect(room.locator("#save-state")).to_have_text("Not saved yet, retrying")
    room.unroute("**/answers/**")
    room.reload()
    at_case(room, 2)
    assert len(ratings(reader)) == 1
    assert room.evaluate("Object.keys(sessionStorage).length") == 1


def test_the_draft_survives_a_reload_and_typing_is_no_shortcut(room: Page, reader: Reader) -> None:
    at_case(room, 1)
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
    (rating,) = ratings(reader)
    assert rating.comment == "yes, 5 inverted ribs?"
    assert rating.answers["difficulty"] == {"status": "cannot_assess", "value": None}


def test_an_incomplete_case_is_not_sent(room: Page, reader: Reader) -> None:
    at_case(room, 1)
    press(room, "y", "4", "Enter")
    expect(room.get_by_role("alert")).to_have_text("One question is still open.")
    press(room, "3", "Backspace", "Enter")
    expect(room.get_by_role("alert")).to_have_text("One question is still open.")
    assert ratings(reader) == []


def test_two_tabs_show_both_answers(room: Page, live_study: LiveStudy, reader: Reader) -> None:
    at_case(room, 1)
    other = room.context.new_page()
    other.goto(live_study.room)
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
    assert [rating.answers["quality"]["value"] for rating in ratings(reader)] == [5]


def test_an_ended_session_loses_no_answer(room: Page, live_study: LiveStudy, reader: Reader) -> None:
    at_case(room, 1)
    room.context.clear_cookies(name=settings.SESSION_COOKIE_NAME)
    press(room, "y", "4", "2", "Enter")
    expect(room.get_by_role("dialog", name="You are signed out")).to_be_visible()
    other = room.context.new_page()
    other.goto(live_study.room)
    other.get_by_label("Email").fill(reader.person.email)
    other.get_by_label("Password").fill(PASSWORD)
    other.keyboard.press("Enter")
    at_case(other, 1)
    other.close()
    room.get_by_role("button", name="I have signed in: go on").click()
    at_case(room, 2)
    assert len(ratings(reader)) == 1


def test_without_an_image_only_a_technical_problem_can_be_told(
    room: Page, live_study: LiveStudy, reader: Reader
) -> None:
    at_case(room, 1)
    room.route("**/frames/**", lambda route: route.fulfill(status=404))
    room.goto(live_study.room)
    at_case(room, 1)
    expect(room.locator("#view-note")).to_contain_text("could not be fetched")
    press(room, "y", "4", "c")
    expect(room.locator("#answers input:checked")).to_have_count(0)
    room.unroute("**/frames/**")
    press(room, "t", "Enter")
    at_case(room, 2)
    assert {answer["status"] for answer in ratings(reader)[0].answers.values()} == {"technical"}


def test_the_tab_holds_one_case_and_the_next_image_only(room: Page, reader: Reader) -> None:
    at_case(room, 1)
    frames: list[str] = []
    room.on("request", lambda request: frames.append(request.url) if "/frames/" in request.url else None)
    with room.expect_request("**/frames/**"):
        press(room, "y", "4", "2", "Enter")
    at_case(room, 2)
    room.wait_for_timeout(300)
    assert len(frames) == 1
    assert room.title() == "Case 2 of 8"
    stored = room.evaluate("JSON.stringify(sessionStorage) + JSON.stringify(localStorage)")
    assert "Effusion" not in stored
    assert "frame" not in stored


def test_the_image_has_seven_tenths_of_the_window_and_the_form_needs_no_scrolling(room: Page) -> None:
    at_case(room, 1)
    for width, height in ((1366, 768), (1600, 1000), (1920, 1080), (2560, 1440)):
        room.set_viewport_size({"width": width, "height": height})
        box = room.locator("#viewer").bounding_box()
        assert box is not None
        assert box["width"] * box["height"] >= 0.7 * width * height
        form = "document.querySelector('#answers')"
        assert room.evaluate(f"{form}.scrollHeight <= {form}.clientHeight"), (width, height)
        assert room.evaluate("document.documentElement.scrollHeight <= innerHeight")
        strip = "document.querySelector('.tools')"
        assert room.evaluate(f"{strip}.scrollWidth <= {strip}.clientWidth"), (width, height)
