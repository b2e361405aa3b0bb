"""Turning, mirroring, the lens, lengths and marks, two fingers: in a real Chromium, checked against numpy."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from tests.browser.chromium import drawn
from tests.browser.test_viewer import HEIGHT, OPEN, WIDTH, grey_levels, image, on_canvas, show
from tests.browser.viewer_site import ViewerSite

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def tool_site() -> Iterator[ViewerSite]:
    site = ViewerSite(WIDTH, HEIGHT)
    yield site
    site.close()


@pytest.fixture
def viewer(page: Page, tool_site: ViewerSite) -> Page:
    page.goto(tool_site.url)
    page.evaluate(OPEN)
    return page


def shown(viewer: Page, values: np.ndarray) -> None:
    """Compare the canvas with 8-bit values at 1:1."""
    wanted = np.zeros((HEIGHT, WIDTH), np.uint8)
    rows, columns, inside = on_canvas(values)
    wanted[rows, columns] = inside
    np.testing.assert_array_equal(grey_levels(viewer), wanted)


def test_turns_are_clockwise_and_a_flip_is_of_what_is_seen(viewer: Page, tool_site: ViewerSite) -> None:
    values = image(8, 120, 90)
    show(viewer, tool_site.add("turned", values, 8, (0, 255)))
    viewer.evaluate("window.viewer.oneToOne()")
    for command, wanted in (
        ("rotate(1)", np.rot90(values, -1)),
        ("flip()", np.fliplr(np.rot90(values, -1))),
        ("rotate(1)", np.rot90(np.fliplr(np.rot90(values, -1)), -1)),
        ("rotate(-1)", np.fliplr(np.rot90(values, -1))),
        ("flip()", np.rot90(values, -1)),
    ):
        viewer.evaluate(f"window.viewer.{command}")
        shown(viewer, wanted)
    viewer.evaluate("window.viewer.reset(); window.viewer.oneToOne()")
    shown(viewer, values)


def test_the_point_in_the_middle_stays_there_when_the_image_is_turned(
    viewer: Page, tool_site: ViewerSite
) -> None:
    values = image(8, 700, 900)
    show(viewer, tool_site.add("middle", values, 8, (0, 255)))
    viewer.evaluate("window.viewer.oneToOne(); window.viewer.panBy(120, -40)")
    before = grey_levels(viewer)[HEIGHT // 2 - 20 : HEIGHT // 2 + 20, WIDTH // 2 - 20 : WIDTH // 2 + 20]
    viewer.evaluate("window.viewer.rotate(2)")
    after = grey_levels(viewer)[HEIGHT // 2 - 20 : HEIGHT // 2 + 20, WIDTH // 2 - 20 : WIDTH // 2 + 20]
    np.testing.assert_array_equal(after, np.rot90(before, 2))


def test_the_lens_shows_the_stored_values_enlarged(viewer: Page, tool_site: ViewerSite) -> None:
    values = np.zeros((300, 400), np.uint8)
    values[:, 200:] = 255
    show(viewer, tool_site.add("lens", values, 8, (0, 255)))
    viewer.mouse.move(200, 150)
    viewer.evaluate("window.viewer.toggleLens()")
    drawn(viewer)
    read = """() => {
      const lens = document.querySelector(".lens");
      const { data } = lens.getContext("2d").getImageData(0, lens.height >> 1, lens.width, 1);
      return Array.from({ length: lens.width }, (_, at) => data[4 * at]);
    }"""
    line = np.array(viewer.evaluate(read))
    assert line[:50].max() == 0
    assert line[-50:].min() == 255
    assert abs(int(np.argmax(line > 127)) - len(line) // 2) <= 2
    viewer.evaluate("window.viewer.toggleLens()")
    assert viewer.locator(".lens").is_hidden()


@pytest.mark.parametrize(("spacing", "wanted"), [([0.5, 0.25], "25.0 mm"), (None, "100 px")])
def test_a_length_is_in_millimetres_where_the_spacing_is_known(
    viewer: Page, tool_site: ViewerSite, spacing: list[float] | None, wanted: str
) -> None:
    source = tool_site.add("length", image(8, 300, 400), 8, (0, 255))
    source["frame"]["spacing"] = spacing
    show(viewer, source)
    viewer.evaluate("window.viewer.take('length')")
    drag(viewer, (100, 80), (200, 80))
    assert viewer.locator(".marks text").text_content() == wanted
    # It belongs to the tissue: turning and zooming do not change it, and it is the reader's own.
    viewer.evaluate("window.viewer.rotate(1); window.viewer.zoomBy(1.7)")
    drawn(viewer)
    assert viewer.locator(".marks text").text_content() == wanted
    assert viewer.evaluate("window.viewer.getMarks()") == []


def test_a_mark_keeps_the_stored_pixels_that_it_was_drawn_on(viewer: Page, tool_site: ViewerSite) -> None:
    show(viewer, tool_site.add("mark", image(8, 300, 400), 8, (0, 255)))
    viewer.evaluate("window.viewer.flip(); window.viewer.take('rectangle')")
    drawn(viewer)
    window_before = viewer.evaluate("window.viewer.getState().window")
    drag(viewer, (50, 40), (90, 120))
    (mark,) = viewer.evaluate("window.viewer.getMarks()")
    assert mark == {"kind": "rectangle", "points": [[350, 40], [310, 120]], "question": ""}
    assert viewer.evaluate("window.viewer.getState().window") == window_before
    box = viewer.locator(".marks .mark-line").bounding_box()
    assert box is not None
    assert (round(box["x"] + 1), round(box["y"] + 1)) == pytest.approx((50, 40), abs=2)
    # The tool was put down: the next drag is a window again.
    drag(viewer, (50, 40), (90, 120))
    assert viewer.evaluate("window.viewer.getState().window") != window_before
    assert viewer.evaluate("window.viewer.undoMark()") is True
    assert viewer.evaluate("window.viewer.getMarks()") == []


def test_two_fingers_side_by_side_set_the_window_and_one_moves(
    browser: Browser, tool_site: ViewerSite
) -> None:
    context = browser.new_context(has_touch=True, viewport={"width": WIDTH, "height": HEIGHT})
    try:
        page = context.new_page()
        page.goto(tool_site.url)
        page.evaluate(OPEN)
        show(page, tool_site.add("touch", image(8, 600, 800), 8, (0, 255)))
        page.evaluate("window.viewer.oneToOne()")
        before = page.evaluate("window.viewer.getState()")
        touch = context.new_cdp_session(page)

        def fingers(kind: str, *places: tuple[int, int]) -> None:
            points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(places)]
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        fingers("touchStart", (150, 100), (250, 100))
        for step in (20, 40, 60):
            fingers("touchMove", (150 + step, 100), (250 + step, 100))
        fingers("touchEnd")
        drawn(page)
        windowed = page.evaluate("window.viewer.getState()")
        assert windowed["scale"] == before["scale"]
        assert windowed["centre"] == before["centre"]
        assert windowed["window"][1] - windowed["window"][0] > before["window"][1] - before["window"][0]
        fingers("touchStart", (200, 150))
        fingers("touchMove", (170, 130))
        fingers("touchEnd")
        drawn(page)
        moved = page.evaluate("window.viewer.getState()")
        assert moved["centre"] == {"x": 430, "y": 320}
        assert moved["window"] == windowed["window"]
    finally:
        context.close()


def drag(page: Page, start: tuple[int, int], end: tuple[int, int]) -> Any:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=3)
    page.mouse.up()
    drawn(page)
