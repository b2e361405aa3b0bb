"""A tablet in landscape: large targets, everything within the window, answers by touch."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from readerstudy.study.models import Rating, Reader
from tests.browser.conftest import LiveStudy, sign_in_without_form

pytestmark = [pytest.mark.browser, pytest.mark.django_db]

TABLET: dict[str, Any] = {
    "viewport": {"width": 1180, "height": 820},
    "has_touch": True,
    "is_mobile": True,
    "device_scale_factor": 2,
}
SMALLEST = 24
"""CSS pixels: WCAG 2.2, 2.5.8 target size (minimum)."""


@pytest.fixture
def tablet(browser: Browser, live_study: LiveStudy, reader: Reader) -> Iterator[Page]:
    page = browser.new_context(**TABLET).new_page()
    sign_in_without_form(page, live_study.url, reader)
    page.goto(live_study.room)
    yield page
    page.goto("about:blank")
    page.context.close()


def test_a_case_is_read_by_touch_alone(tablet: Page, reader: Reader) -> None:
    expect(tablet.locator("#answers")).to_be_visible()
    assert tablet.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert tablet.evaluate("document.documentElement.scrollHeight <= innerHeight")
    sizes = tablet.eval_on_selector_all(
        ".tool, .choice, .reason, #submit, .rail-links button",
        "all => all.filter((one) => one.offsetParent).map((one) => one.getBoundingClientRect().height)",
    )
    assert min(sizes) >= SMALLEST
    box = tablet.locator("#viewer").bounding_box()
    assert box is not None
    assert box["width"] * box["height"] >= 0.6 * 1180 * 820
    for place in ('[data-key="agree"] .choice >> nth=0', '[data-key="quality"] .choice >> nth=3',
                  '[data-key="difficulty"] .choice >> nth=1', "#submit"):  # fmt: skip
        tablet.locator(place).tap()
    expect(tablet.locator("#save-state")).to_have_text("Case 1 saved")
    (rating,) = Rating.objects.filter(assignment__reader=reader)
    assert {key: answer["value"] for key, answer in rating.answers.items()} == {
        "agree": 1, "quality": 4, "difficulty": 2,
    }  # fmt: skip
    assert rating.display["pixel_ratio"] == 2


@pytest.mark.parametrize(("width", "height"), [(768, 1024), (390, 844)])
def test_held_upright_the_image_has_the_whole_width_and_the_form_lies_below(
    browser: Browser, live_study: LiveStudy, reader: Reader, width: int, height: int
) -> None:
    context = browser.new_context(**{**TABLET, "viewport": {"width": width, "height": height}})
    page = context.new_page()
    sign_in_without_form(page, live_study.url, reader)
    page.goto(live_study.room)
    expect(page.locator("#answers")).to_be_visible()
    image, form = page.locator(".view").bounding_box(), page.locator(".rail").bounding_box()
    assert image is not None
    assert form is not None
    assert image["width"] == width
    assert form["y"] >= image["y"] + image["height"]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator("#submit").scroll_into_view_if_needed()
    expect(page.locator("#submit")).to_be_in_viewport()
    page.goto("about:blank")
    context.close()
