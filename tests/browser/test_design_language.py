"""The design language: every part drawn once, in a picture for the documentation; contrasts computed."""

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.viewer_site import ROOT, ViewerSite

pytestmark = pytest.mark.browser

CSS = (ROOT / "static" / "css" / "base.css").read_text()
TOKENS = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6});", CSS.split("/* Ground */")[0]))
TEXTS = ("text", "strong", "muted", "accent", "accent-strong", "good", "caution", "bad")
GROUNDS = ("ground", "surface", "raised")


def luminance(colour: str) -> float:
    """Return the relative luminance of #rgb or #rrggbb, 0 to 1 (WCAG 2.2)."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    shares = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return the contrast of two tokens, 1 to 21 (WCAG 2.2)."""
    low, high = sorted((luminance(TOKENS[one]), luminance(TOKENS[other])))
    return (high + 0.05) / (low + 0.05)


def test_the_formula_gives_the_known_extremes() -> None:
    assert contrast("black", "black") == 1
    assert luminance("#fff") == pytest.approx(1)


@pytest.mark.parametrize("ground", GROUNDS)
def test_text_is_readable_on_every_ground(ground: str) -> None:
    assert {text: contrast(text, ground) for text in TEXTS if contrast(text, ground) < 4.5} == {}


def test_text_on_colours_is_readable_and_edges_are_seen() -> None:
    assert contrast("on-accent", "accent") >= 4.5
    for meaning in ("good", "caution", "bad"):
        assert contrast(meaning, f"{meaning}-dim") >= 4.5
        assert contrast("text", f"{meaning}-dim") >= 4.5
    for ground in GROUNDS:
        assert contrast("edge", ground) >= 3
        assert contrast("focus", ground) >= 3


def test_no_other_style_sheet_names_a_colour() -> None:
    named = {}
    for sheet in sorted((ROOT / "static" / "css").glob("*.css")):
        rules = re.sub(r"/\*.*?\*/", "", sheet.read_text(), flags=re.S)
        colours = re.findall(r"(?<![\w-])#[0-9a-fA-F]{3,8}\b(?![^{}]*\{)", rules)
        if colours and sheet.name != "base.css":
            named[sheet.name] = colours
    assert named == {}


@pytest.mark.parametrize("width", [1366, 2560, 1024])
def test_parts_fit_their_window(page: Page, width: int, tmp_path: Path) -> None:
    site = ViewerSite(400, 300)
    try:
        page.set_viewport_size({"width": width, "height": 800})
        page.goto(f"{site.url}components")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        target = (
            ROOT / "docs" / "images" if os.environ.get("SCREENSHOTS") == "1" and width == 1366 else tmp_path
        )
        target.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=target / "components.png", full_page=True)
    finally:
        page.goto("about:blank")
        site.close()
