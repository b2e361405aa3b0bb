"""The WebGL2 renderer in a Chromium that plays a graphics card by software: equal to Canvas2D to the grey level."""

import base64
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Playwright

from tests.browser.chromium import CHROMIUM, FLAGS, until
from tests.browser.test_viewer import area_mean, image, on_canvas, windowed
from tests.browser.viewer_site import ViewerSite

pytestmark = pytest.mark.browser

WIDTH, HEIGHT = 400, 300
CARD_FLAGS = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]
OPEN = """async (card) => {
  const { Viewer } = await import("/static/js/viewer/viewer.mjs");
  window.viewer = new Viewer(document.querySelector("#viewer"), { card });
  await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 50)));
}"""
READ = """async () => {
  await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 0)));
  // Asked for before ours, so that the drawing comes first in the same frame and is still in the buffer.
  for (let wait = 0; wait < 100 && !window.viewer.getState().exact; wait += 1) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  window.viewer.setWindow(...window.viewer.getState().window);
  return new Promise((resolve) => requestAnimationFrame(() => {
    const drawn = document.querySelector(".viewer-card:not([hidden])") ?? document.querySelector("#viewer");
    const copy = document.createElement("canvas");
    copy.width = drawn.width;
    copy.height = drawn.height;
    const context = copy.getContext("2d", { alpha: false });
    context.drawImage(drawn, 0, 0);
    const { data } = context.getImageData(0, 0, copy.width, copy.height);
    let text = "";
    for (let index = 0; index < data.length; index += 4) {
      text += String.fromCharCode(...data.subarray(index, index + 3));
    }
    resolve({ text: btoa(text), renderer: window.viewer.getState().renderer });
  }));
}"""
WAIT = READ[READ.index("  await") : READ.index("  window.viewer.setWindow")]
SETTINGS = {
    "one to one": "v.oneToOne()",
    "fitted": "v.fit()",
    "enlarged": "v.zoomBy(3.3, { x: 90, y: 70 })",
    "turned": "v.rotate(1)",
    "mirrored and inverted": "v.flip(); v.invert(); v.setWindow(-40.5, 2 ** v.getState().bits * 0.44 + 0.25)",
    "moved": "v.oneToOne(); v.panBy(31, -17)",
}


@pytest.fixture(scope="module")
def card_browser(playwright: Playwright) -> Iterator[Browser]:
    flags = [flag for flag in FLAGS if flag != "--disable-gpu"] + CARD_FLAGS
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def site() -> Iterator[ViewerSite]:
    site = ViewerSite(WIDTH, HEIGHT)
    yield site
    site.close()


def opened(browser: Browser, site: ViewerSite, card: str) -> Page:
    page = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}).new_page()
    page.goto(site.url)
    page.evaluate(OPEN, card)
    return page


@pytest.fixture(scope="module")
def pages(card_browser: Browser, site: ViewerSite) -> dict[str, Page]:
    return {card: opened(card_browser, site, card) for card in ("always", "never")}


def levels(page: Page, script: str = READ) -> tuple[np.ndarray, str]:
    """Return what is on the screen, rows x columns x 3, and which renderer drew it."""
    read = page.evaluate(script)
    return np.frombuffer(base64.b64decode(read["text"]), np.uint8).reshape(HEIGHT, WIDTH, 3), read["renderer"]


def grey_levels(page: Page, script: str = READ) -> tuple[np.ndarray, str]:
    drawn, renderer = levels(page, script)
    assert (drawn == drawn[..., :1]).all()
    return drawn[..., 0], renderer


def show(page: Page, source: dict[str, Any]) -> None:
    page.evaluate("source => window.viewer.show(source)", source)


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_both_renderers_are_equal_to_the_grey_level(
    pages: dict[str, Page], site: ViewerSite, bits: int
) -> None:
    values = image(bits, 701, 903)
    source = site.add(f"equal-{bits}", values, bits, (0, 2**bits - 1))
    for name, command in SETTINGS.items():
        drawn = {}
        for card, page in pages.items():
            show(page, source)
            page.evaluate(f"() => {{ const v = window.viewer; {command}; }}")
            drawn[card], renderer = grey_levels(page)
            assert renderer == {"always": "webgl2", "never": "canvas2d"}[card]
        assert len(np.unique(drawn["always"])) > 20, name
        np.testing.assert_array_equal(drawn["always"], drawn["never"], err_msg=name)


def test_both_renderers_show_the_same_curve(pages: dict[str, Page], site: ViewerSite) -> None:
    values = image(12, 701, 903)
    curve = np.random.default_rng(7).integers(0, 256, 4096).astype(np.uint8)
    source = site.add("curved", values, 12, (1000, 3000), curve)
    keep = READ.replace(
        "window.viewer.setWindow(...window.viewer.getState().window)", "window.viewer.panBy(0, 0)"
    )
    assert keep != READ
    for page in pages.values():
        show(page, source)
        page.evaluate("window.viewer.oneToOne()")
        drawn, _ = grey_levels(page, keep)
        rows, columns, wanted = on_canvas(curve[values])
        np.testing.assert_array_equal(drawn[rows, columns], wanted)


def colours(rows: int, columns: int) -> np.ndarray:
    """Return noise in colour, each channel of its own."""
    return np.random.default_rng(3).integers(0, 256, (rows, columns, 3)).astype(np.uint8)


def test_in_colour_both_renderers_are_equal_to_the_level(pages: dict[str, Page], site: ViewerSite) -> None:
    source = site.add("colour", colours(701, 903), 8, (0, 255))
    for name, command in SETTINGS.items():
        drawn = {}
        for card, page in pages.items():
            show(page, source)
            page.evaluate(f"() => {{ const v = window.viewer; {command}; }}")
            drawn[card], renderer = levels(page)
            assert renderer == {"always": "webgl2", "never": "canvas2d"}[card]
        assert all(len(np.unique(drawn["always"][..., channel])) > 20 for channel in range(3)), name
        np.testing.assert_array_equal(drawn["always"], drawn["never"], err_msg=name)


@pytest.mark.parametrize("card", ["always", "never"])
def test_in_colour_both_renderers_equal_numpy(pages: dict[str, Page], site: ViewerSite, card: str) -> None:
    """Brightness and contrast go over each channel by itself: c (v + b - 127.5) + 127.5, halves up."""
    values, page = colours(701, 903), pages[card]
    show(page, site.add(f"colour-numpy-{card}", values, 8, (0, 255)))
    page.evaluate("window.viewer.oneToOne()")
    for contrast, brightness in [(1, 0), (2.5, 40), (255, 0), (0.4, -33.25)]:
        middle, half = 127.5 - brightness, 127.5 / contrast
        page.evaluate("([low, high]) => window.viewer.setWindow(low, high)", [middle - half, middle + half])
        wanted = np.clip(np.floor(contrast * (values.astype(float) + brightness - 127.5) + 128), 0, 255)
        rows, columns, wanted = on_canvas(wanted.astype(np.uint8))
        np.testing.assert_array_equal(levels(page)[0][rows, columns], wanted)
    page.evaluate(
        "() => { const v = window.viewer; v.setWindow(0, 255); v.rotate(1); v.flip(); v.invert(); }"
    )
    rows, columns, wanted = on_canvas(255 - np.flip(np.rot90(values, -1), 1))
    np.testing.assert_array_equal(levels(page)[0][rows, columns], wanted)


@pytest.mark.parametrize("card", ["always", "never"])
def test_a_smaller_picture_in_colour_is_the_mean_of_each_channel(
    pages: dict[str, Page], site: ViewerSite, card: str
) -> None:
    values, page = colours(3 * HEIGHT, 3 * WIDTH), pages[card]
    show(page, site.add(f"third-{card}", values, 8, (0, 255)))
    wanted = np.stack([area_mean(values[..., channel], 3) for channel in range(3)], axis=-1)
    np.testing.assert_array_equal(levels(page)[0], wanted)


def test_the_magnifier_and_the_presets_follow_colour(pages: dict[str, Page], site: ViewerSite) -> None:
    values, page = np.zeros((300, 400, 3), np.uint8), pages["never"]
    values[...] = (200, 100, 50)
    show(page, site.add("colour-lens", values, 8, (0, 255)))
    page.evaluate("window.viewer.toggleLens()")
    under = """() => {
      const lens = document.querySelector(".lens");
      return [...lens.getContext("2d").getImageData(lens.width / 2, lens.height / 2, 1, 1).data];
    }"""
    levels(page)
    assert page.evaluate(under) == [200, 100, 50, 255]
    page.evaluate("window.viewer.preset(3)")  # for lungs: of no use in colour
    assert page.evaluate("window.viewer.getState().window") == [0, 255]
    page.evaluate("window.viewer.preset(2)")
    assert page.evaluate("window.viewer.getState().window") == [50, 200]


def test_the_card_equals_numpy_at_one_to_one(pages: dict[str, Page], site: ViewerSite) -> None:
    values = image(12, 701, 903)
    page = pages["always"]
    show(page, site.add("numpy", values, 12, (0, 4095)))
    page.evaluate("window.viewer.oneToOne()")
    for low, high in [(0, 4095), (800, 1400), (2047, 2048), (-40.5, 5118.75)]:
        page.evaluate("([low, high]) => window.viewer.setWindow(low, high)", [low, high])
        rows, columns, wanted = on_canvas(windowed(values, low, high))
        np.testing.assert_array_equal(grey_levels(page)[0][rows, columns], wanted)


def test_a_lost_card_is_replaced_at_once_and_taken_again(pages: dict[str, Page], site: ViewerSite) -> None:
    page = pages["always"]
    show(page, site.add("lost", image(12, 701, 903), 12, (0, 4095)))
    page.evaluate("window.viewer.rotate(1)")
    before, _ = grey_levels(page)
    page.evaluate("window.lose = window.viewer.screen.card.gl.getExtension('WEBGL_lose_context')")
    page.evaluate("window.lose.loseContext()")
    until(page, "window.viewer.getState().renderer === 'canvas2d'")
    without, renderer = grey_levels(page)
    assert renderer == "canvas2d"
    np.testing.assert_array_equal(without, before)
    page.evaluate("window.lose.restoreContext()")
    until(page, "window.viewer.getState().renderer === 'webgl2'")
    again, renderer = grey_levels(page)
    assert renderer == "webgl2"
    np.testing.assert_array_equal(again, before)


def test_the_draft_of_a_moving_image_lies_where_the_exact_one_will(
    pages: dict[str, Page], site: ViewerSite
) -> None:
    """While the view moves the card samples the frame itself: a smooth image may differ by a few grey levels."""
    y, x = np.mgrid[0:701, 0:903]
    values = (2000 + 1500 * np.sin(x / 90) * np.cos(y / 70)).astype(np.uint16)
    page = pages["always"]
    show(page, site.add("draft", values, 12, (0, 4095)))
    page.evaluate("window.viewer.zoomBy(1.7, { x: 100, y: 80 })")
    draft = """() => new Promise((resolve) => requestAnimationFrame(() => {
      window.viewer.panBy(20, 10);
      requestAnimationFrame(() => resolve(window.viewer.getState().exact));
    }))"""
    assert page.evaluate(draft) is False
    # Without the two waits for the exact drawing.
    moving, _ = grey_levels(page, READ.replace(WAIT, ""))
    exact, _ = grey_levels(page)
    assert np.abs(moving.astype(int) - exact).max() <= 6


def test_a_card_that_is_played_by_a_program_is_not_taken(card_browser: Browser, site: ViewerSite) -> None:
    page = opened(card_browser, site, "auto")
    assert page.evaluate("window.viewer.getState().renderer") == "canvas2d"
    assert page.locator(".viewer-card").count() == 0
    page.context.close()


def test_without_webgl_the_viewer_works(page: Page, site: ViewerSite) -> None:
    page.goto(site.url)
    page.evaluate("""() => {
      const get = HTMLCanvasElement.prototype.getContext;
      HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
        return kind === "webgl2" ? null : get.call(this, kind, ...rest);
      };
    }""")
    page.evaluate(OPEN, "always")
    show(page, site.add("off", image(12, 300, 400), 12, (0, 4095)))
    drawn, renderer = grey_levels(page)
    assert renderer == "canvas2d"
    assert drawn.max() == 255
