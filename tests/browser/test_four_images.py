"""Four images to a case in a real Chromium: in each layout all fit on small and wide screens and can be worked."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest
from playwright.sync_api import FloatRect, Page, expect

from readerstudy.study.design.drafts import revise_protocol
from readerstudy.study.models import Study
from readerstudy.study.protocol import Protocol
from tests import stock
from tests.browser.chromium import until
from tests.browser.conftest import sign_in_as
from tests.browser.served import served

pytestmark = [pytest.mark.browser, pytest.mark.django_db]

ROLES = ("R-CC", "L-CC", "R-MLO", "L-MLO")
SCREENS = ((1440, 900), (1024, 768), (2560, 1080))
PAINTED = """[...document.querySelectorAll(".view > canvas:not(.lens)")].every((canvas) =>
  canvas.width > 1 && canvas.getContext("2d").getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data[0] > 0)"""


@pytest.fixture(scope="module")
def site(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, stock.Stock]]:
    """Serve a draft study whose cases have four images each."""
    with django_db_blocker.unblock():
        made = stock.make_stock(
            tmp_path_factory.mktemp("four"), pairs=3, roles=ROLES, reading=False, locked=False,
            protocol=Protocol(layout="side_by_side"),
        )  # fmt: skip
        with served(made.study) as live:
            yield live.url, made


def box(page: Page, selector: str, number: int = 0) -> FloatRect:
    found = page.locator(selector).nth(number).bounding_box()
    assert found
    return found


def apart(one: FloatRect, other: FloatRect) -> bool:
    return (
        one["x"] + one["width"] <= other["x"] + 0.5
        or other["x"] + other["width"] <= one["x"] + 0.5
        or one["y"] + one["height"] <= other["y"] + 0.5
        or other["y"] + other["height"] <= one["y"] + 0.5
    )


def within(one: FloatRect, place: FloatRect) -> bool:
    return (
        place["x"] - 0.5 <= one["x"]
        and place["y"] - 0.5 <= one["y"]
        and one["x"] + one["width"] <= place["x"] + place["width"] + 0.5
        and one["y"] + one["height"] <= place["y"] + place["height"] + 0.5
    )


@pytest.mark.parametrize("layout", ["side_by_side", "stacked", "switched"])
def test_all_four_are_laid_out_and_worked_by_keyboard(
    page: Page, site: tuple[str, stock.Stock], layout: str
) -> None:
    url, people = site
    study = Study.objects.get(slug="chest")
    protocol = replace(Protocol.from_json(study.protocol), layout=layout)
    revise_protocol(study=study, protocol=protocol, actor=people.alice)
    sign_in_as(page, url, people.alice.email)
    page.goto(f"{url}/studies/chest/preview/")
    expect(page.locator("#answers")).to_be_visible()
    for width, height in SCREENS:
        page.set_viewport_size({"width": width, "height": height})
        until(page, PAINTED)
        together = layout != "switched"
        expect(page.locator(".view:visible")).to_have_count(4 if together else 1)
        place = box(page, ".views")
        assert place["x"] + place["width"] <= box(page, ".rail")["x"] + 1
        assert place["y"] + place["height"] <= height + 1
        views = [box(page, ".view", number) for number in range(4)]
        assert all(within(view, place) for view in views)
        assert max(view["width"] for view in views) - min(view["width"] for view in views) <= 1
        assert max(view["height"] for view in views) - min(view["height"] for view in views) <= 1
        if together:
            assert all(apart(one, other) for one, other in combinations(views, 2))
            assert (
                sum(view["width"] * view["height"] for view in views)
                > 0.98 * place["width"] * place["height"]
            )
            # Two by two, as an image of four in a row is small; but not on a screen that is wide enough.
            rows = len({round(view["y"]) for view in views})
            assert rows == (1 if layout == "side_by_side" and width > 2 * height else 2)
        else:
            assert views[0] == pytest.approx(views[3])
        names = [box(page, ".view-role", number) for number in range(4)]
        assert all(within(name, place) for name in names)
        assert all(apart(one, other) for one, other in combinations(names, 2))
        assert page.locator(".view-role").all_inner_texts() == list(ROLES)
    for role in (*ROLES[1:], ROLES[0]):
        page.keyboard.press("g")
        expect(page.get_by_role("button", name=role, exact=True)).to_have_attribute("aria-pressed", "true")
        expect(page.locator(".view[data-active] .view-role")).to_have_text(role)
        expect(page.locator(".view[data-active] > canvas").first).to_be_visible()
    page.get_by_role("button", name="R-MLO", exact=True).click()
    expect(page.locator(".view[data-active] .view-role")).to_have_text("R-MLO")
    page.keyboard.press("y")
    page.keyboard.press("4")
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    expect(page.locator("#case-title")).to_contain_text("Case 2 of")
    until(page, PAINTED)
    expect(page.locator(".view[data-active] .view-role")).to_have_text("R-CC")
    page.goto("about:blank")
