"""The viewer in a real Chromium: grey levels equal to numpy's, tools that do what they say."""

import base64
import gzip
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page

from tests.browser.chromium import drawn
from tests.browser.viewer_site import ViewerSite

pytestmark = pytest.mark.browser

WIDTH, HEIGHT = 400, 300

OPEN = """async () => {
  const { Viewer } = await import("/static/js/viewer/viewer.mjs");
  window.viewer = new Viewer(document.querySelector("#viewer"));
  await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 50)));
}"""
READ = """async () => {
  await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 0)));
  for (let wait = 0; wait < 100 && !window.viewer.getState().exact; wait += 1) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const canvas = document.querySelector("#viewer");
  const { data, width, height } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const grey = new Uint8Array(width * height);
  for (let index = 0; index < grey.length; index += 1) {
    const [red, green, blue] = data.subarray(4 * index, 4 * index + 3);
    if (red !== green || red !== blue) throw new Error("expected grey");
    grey[index] = red;
  }
  let text = "";
  for (const value of grey) text += String.fromCharCode(value);
  return { width, height, text: btoa(text) };
}"""


def image(bits: int, rows: int, columns: int) -> np.ndarray:
    """Return noise over the full range, so that every grey level and every edge of the window occurs."""
    values = np.random.default_rng(bits).integers(0, 2**bits, (rows, columns))
    return values.astype(np.uint8 if bits == 8 else np.uint16)


def windowed(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return the grey levels of a window, by numpy alone."""
    grey = np.floor((values.astype(np.float64) - low) * 255 / (high - low) + 0.5)
    return np.clip(grey, 0, 255).astype(np.uint8)


def area_mean(values: np.ndarray, factor: int) -> np.ndarray:
    """Return the mean of factor x factor blocks, rounded half up."""
    rows, columns = (length // factor for length in values.shape)
    blocks = values[: rows * factor, : columns * factor].reshape(rows, factor, columns, factor)
    return np.floor(blocks.mean(axis=(1, 3)) + 0.5)


@pytest.fixture
def site() -> Iterator[ViewerSite]:
    site = ViewerSite(WIDTH, HEIGHT)
    yield site
    site.close()


@pytest.fixture
def viewer(page: Page, site: ViewerSite) -> Page:
    page.goto(site.url)
    page.evaluate(OPEN)
    return page


def show(viewer: Page, source: dict[str, Any]) -> None:
    viewer.evaluate("source => window.viewer.show(source)", source)


def grey_levels(viewer: Page) -> np.ndarray:
    read = viewer.evaluate(READ)
    pixels = np.frombuffer(base64.b64decode(read["text"]), np.uint8)
    return pixels.reshape(read["height"], read["width"])


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("shape", [(300, 400), (120, 90), (701, 903)])
def test_grey_levels_at_one_to_one_equal_numpy(
    viewer: Page, site: ViewerSite, bits: int, shape: tuple[int, int]
) -> None:
    values = image(bits, *shape)
    top = 2**bits - 1
    show(viewer, site.add("one", values, bits, (0, top)))
    viewer.evaluate("window.viewer.oneToOne()")
    for low, high in [(0, top), (top // 5, top // 3), (top // 2, top // 2 + 1), (-40.5, top * 1.25)]:
        viewer.evaluate("([low, high]) => window.viewer.setWindow(low, high)", [low, high])
        wanted = np.zeros((HEIGHT, WIDTH), np.uint8)
        seen = on_canvas(windowed(values, low, high))
        wanted[seen[0], seen[1]] = seen[2]
        np.testing.assert_array_equal(grey_levels(viewer), wanted)


def on_canvas(grey: np.ndarray) -> tuple[slice, slice, np.ndarray]:
    """Return where a centred image lies on the canvas, and the part of it that is seen."""
    rows, columns = grey.shape[:2]
    # Half a pixel goes to the right and down, as JavaScript's Math.round does it.
    top = int(np.floor((HEIGHT - rows) / 2 + 0.5))
    left = int(np.floor((WIDTH - columns) / 2 + 0.5))
    inside = grey[max(0, -top) : HEIGHT - top, max(0, -left) : WIDTH - left]
    y, x = max(0, top), max(0, left)
    return slice(y, y + inside.shape[0]), slice(x, x + inside.shape[1]), inside


def test_inverted_is_the_negative(viewer: Page, site: ViewerSite) -> None:
    values = image(12, HEIGHT, WIDTH)
    show(viewer, site.add("one", values, 12, (500, 3000)))
    viewer.evaluate("window.viewer.invert()")
    np.testing.assert_array_equal(grey_levels(viewer), 255 - windowed(values, 500, 3000))


def test_fit_to_a_third_windows_the_mean_of_the_stored_values(viewer: Page, site: ViewerSite) -> None:
    values = image(12, HEIGHT * 3, WIDTH * 3)
    show(viewer, site.add("one", values, 12, (1700, 2400)))
    np.testing.assert_array_equal(grey_levels(viewer), windowed(area_mean(values, 3), 1700, 2400))


def test_a_drag_ends_in_the_exact_picture(viewer: Page, site: ViewerSite) -> None:
    values = image(12, HEIGHT * 3, WIDTH * 3)
    show(viewer, site.add("one", values, 12, (1000, 3000)))
    viewer.mouse.move(100, 100)
    viewer.mouse.down()
    viewer.mouse.move(140, 90, steps=6)
    viewer.mouse.up()
    low, high = viewer.evaluate("window.viewer.getState().window")
    assert (low, high) != (1000, 3000)
    np.testing.assert_array_equal(grey_levels(viewer), windowed(area_mean(values, 3), low, high))


def test_the_curve_is_shown_until_the_window_moves_and_again_after_a_reset(
    viewer: Page, site: ViewerSite
) -> None:
    values = image(12, HEIGHT, WIDTH)
    curve = np.rint(255 / (1 + np.exp(-4 * (np.arange(4096) - 2000) / 900))).astype(np.uint8)
    show(viewer, site.add("curved", values, 12, (1550, 2450), curve))
    np.testing.assert_array_equal(grey_levels(viewer), curve[values])
    assert viewer.evaluate("window.viewer.getState().curved") is True
    viewer.evaluate("window.viewer.invert()")
    np.testing.assert_array_equal(grey_levels(viewer), 255 - curve[values])
    viewer.evaluate("window.viewer.invert()")
    viewer.evaluate("window.viewer.dragWindow(0, 0)")  # departs from the curve's own straight line
    np.testing.assert_array_equal(grey_levels(viewer), windowed(values, 1550, 2450))
    assert viewer.evaluate("window.viewer.getState().curved") is False
    for back in ("reset()", "preset(0)"):
        viewer.evaluate("window.viewer.setWindow(100, 200)")
        viewer.evaluate(f"window.viewer.{back}")
        np.testing.assert_array_equal(grey_levels(viewer), curve[values])
    viewer.evaluate("window.viewer.preset(1)")
    np.testing.assert_array_equal(grey_levels(viewer), windowed(values, 0, 4095))


def test_a_frame_of_format_1_is_shown_by_its_window(viewer: Page, site: ViewerSite) -> None:
    values = image(12, HEIGHT, WIDTH)
    source = site.add("old", values, 12, (500, 3000))
    payload = gzip.decompress(site.frames["/frames/old"])[4096:]
    site.frames["/frames/old"] = gzip.compress(payload)
    source["frame"]["format"] = 1
    show(viewer, source)
    np.testing.assert_array_equal(grey_levels(viewer), windowed(values, 500, 3000))
    assert viewer.evaluate("window.viewer.getState().curved") is False


def test_the_wheel_zooms_to_the_pointer_and_double_click_fits(viewer: Page, site: ViewerSite) -> None:
    show(viewer, site.add("one", image(8, 600, 800), 8, (0, 255)))
    fitted = viewer.evaluate("window.viewer.getState()")
    viewer.mouse.move(100, 200)
    viewer.mouse.wheel(0, -240)
    drawn(viewer)
    zoomed = viewer.evaluate("window.viewer.getState()")
    assert zoomed["scale"] > fitted["scale"]
    # The image point under (100, 200) was (200, 400); it still is, to within a device pixel.
    for axis, at, middle, point in (("x", 100, WIDTH / 2, 200), ("y", 200, HEIGHT / 2, 400)):
        under = zoomed["centre"][axis] + (at - middle) / zoomed["scale"]
        assert abs(under - point) * zoomed["scale"] <= 1
    viewer.mouse.dblclick(50, 50)
    drawn(viewer)
    assert viewer.evaluate("window.viewer.getState().scale") == fitted["scale"]


@pytest.mark.parametrize(("button", "held"), [("middle", None), ("left", "Shift")])
def test_middle_or_shift_drag_moves_the_image(
    viewer: Page, site: ViewerSite, button: Any, held: str | None
) -> None:
    show(viewer, site.add("one", image(8, 600, 800), 8, (0, 255)))
    viewer.evaluate("window.viewer.oneToOne()")
    if held:
        viewer.keyboard.down(held)
    viewer.mouse.move(200, 150)
    viewer.mouse.down(button=button)
    viewer.mouse.move(170, 170, steps=3)
    viewer.mouse.up(button=button)
    state = viewer.evaluate("window.viewer.getState()")
    assert state["centre"] == {"x": 430, "y": 280}
    assert state["window"] == [0, 255]


def test_right_drag_zooms_and_reset_undoes_everything(viewer: Page, site: ViewerSite) -> None:
    show(viewer, site.add("one", image(12, 600, 800), 12, (100, 900)))
    before = viewer.evaluate("window.viewer.getState()")
    viewer.mouse.move(200, 150)
    viewer.mouse.down(button="right")
    viewer.mouse.move(200, 100, steps=4)
    viewer.mouse.up(button="right")
    assert viewer.evaluate("window.viewer.getState().scale") > before["scale"]
    viewer.evaluate("window.viewer.invert(); window.viewer.setWindow(5, 50); window.viewer.reset()")
    grey_levels(viewer)
    assert viewer.evaluate("window.viewer.getState()") == before


def test_presets_follow_numpy_percentiles(viewer: Page, site: ViewerSite) -> None:
    values = (np.random.default_rng(3).gamma(4, 300, (200, 150)).clip(0, 4095)).astype(np.uint16)
    show(viewer, site.add("one", values, 12, (0, 4095)))
    for index, percents in ((2, (1, 99)), (3, (1, 65)), (4, (40, 99.8))):
        viewer.evaluate("index => window.viewer.preset(index)", index)
        wanted = [float(np.percentile(values, percent, method="inverted_cdf")) for percent in percents]
        assert viewer.evaluate("window.viewer.getState().window") == wanted


def test_the_canvas_is_black_until_the_next_image_is_there(viewer: Page, site: ViewerSite) -> None:
    show(viewer, site.add("one", image(8, HEIGHT, WIDTH), 8, (0, 255)))
    missing = {**site.add("two", image(8, HEIGHT, WIDTH), 8, (0, 255)), "frame_url": "/frames/nowhere"}
    refused = viewer.evaluate("source => window.viewer.show(source).then(() => '', (e) => e.name)", missing)
    assert refused == "FrameError"
    context = "document.querySelector('#viewer').getContext('2d')"
    lit = f"{context}.getImageData(0, 0, 400, 300).data.some((value, index) => index % 4 !== 3 && value > 0)"
    assert viewer.evaluate(lit) is False
    assert viewer.evaluate("window.viewer.getState().id") is None


def test_two_fingers_pinch(site: ViewerSite, browser: Any) -> None:
    context = browser.new_context(has_touch=True, viewport={"width": WIDTH, "height": HEIGHT})
    try:
        page = context.new_page()
        page.goto(site.url)
        page.evaluate(OPEN)
        show(page, site.add("one", image(8, 600, 800), 8, (0, 255)))
        before = page.evaluate("window.viewer.getState()")
        touch = context.new_cdp_session(page)
        for kind, gap in (("touchStart", 40), ("touchMove", 60), ("touchMove", 80)):
            fingers = [{"x": 200 - gap, "y": 150, "id": 0}, {"x": 200 + gap, "y": 150, "id": 1}]
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        drawn(page)
        after = page.evaluate("window.viewer.getState()")
        assert after["scale"] == pytest.approx(before["scale"] * 2, rel=0.02)
        assert after["window"] == before["window"]
    finally:
        context.close()
