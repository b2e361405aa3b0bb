"""A case set in colour from practice to results: read by keyboard in a real Chromium, then looked through."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from readerstudy.cases.frame import decode_frame
from readerstudy.cases.selectors import frame_bytes
from readerstudy.ops.loading import load_into_study
from readerstudy.results.services import ask_to_open, open_as_asked
from readerstudy.study.design import lifecycle
from readerstudy.study.models import Rating
from readerstudy.study.people.members import enrol_reader
from readerstudy.study.protocol import PracticeNote, Protocol
from readerstudy.study.reading.stages import place_of
from tests import stock
from tests.browser.chromium import drawn
from tests.browser.conftest import LiveStudy, sign_in_as
from tests.browser.served import served

pytestmark = [pytest.mark.browser, pytest.mark.django_db]

CASES, REPEATS = 8, 2
MIDDLE = """([rows, columns]) => {
  const canvas = document.querySelector("#viewer");
  const [left, top] = [canvas.width / 2 - columns / 2, canvas.height / 2 - rows / 2].map(Math.round);
  return [...canvas.getContext("2d").getImageData(left, top, columns, rows).data];
}"""


@pytest.fixture(scope="module")
def coloured(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[LiveStudy, stock.CaseSet]]:
    """Serve a study in colour, with a practice case and hidden repeats, for one reader."""
    folder = tmp_path_factory.mktemp("colour")
    with django_db_blocker.unblock(), stock.decoded_here():
        practice = stock.make_case_set(folder / "practice", pairs=1, nonce=b"\x09" * 32, colour=True)
        cases = stock.make_case_set(folder / "study", pairs=CASES // 2, colour=True)
        keys = pd.read_csv(practice.folder / "cases.csv")["case"]
        notes = tuple(PracticeNote(key, "Look at the colour.") for key in keys)
        protocol = Protocol(practice=notes, repeat_fraction=REPEATS / CASES, repeat_gap_cases=2)
        alice = stock.person("Alice")
        study = lifecycle.create_study(slug="colour", title="Colour", protocol=protocol, actor=alice)
        load_into_study(study=study, folder=cases.folder, actor=alice)
        study.refresh_from_db()
        load_into_study(practice=True, study=study, folder=practice.folder, actor=alice)
        enrol_reader(study=study, person=stock.person("Bob"), actor=alice)
        stock.look_for_names(study, alice)
        lifecycle.lock(study=study, actor=alice)
        with served(lifecycle.start(study=study, actor=alice)) as live:
            yield live, cases


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def in_the_middle(page: Page, rows: int, columns: int) -> np.ndarray:
    """Return what the middle of the canvas shows, rows x columns x 3."""
    page.wait_for_timeout(250)  # the exact drawing comes when nothing moves any more
    drawn(page)
    values = page.evaluate(MIDDLE, [rows, columns])
    return np.array(values, np.uint8).reshape(rows, columns, 4)[..., :3]


def test_a_study_in_colour_is_read_to_its_results(
    page: Page, coloured: tuple[LiveStudy, stock.CaseSet]
) -> None:
    live, case_set = coloured
    sign_in_as(page, live.url, "bob@example.org")
    page.goto(live.room)
    for number in (1, 2):
        expect(page.locator("#case-title")).to_have_text(f"Practice {number} of 2")
        expect(page.locator("#answers")).to_be_visible()
        press(page, "y", "4", "2", "Enter")
        expect(page.get_by_role("dialog", name="About this practice case")).to_be_visible()
        press(page, "Enter")
    press(page, "Enter")
    for number in range(1, CASES + REPEATS + 1):
        expect(page.locator("#case-title")).to_have_text(f"Case {number} of {CASES + REPEATS}")
        expect(page.locator("#answers")).to_be_visible()
        if number == 1:
            _try_the_tools(page, live)
        press(page, "y" if number % 2 else "n", "4", "2", "Enter")
    expect(page.get_by_role("heading", name="All cases are read")).to_be_visible()
    assert Rating.objects.count() == CASES + REPEATS
    page.goto("about:blank")
    alice = stock.User.objects.get(email="alice@example.org")
    study = lifecycle.close(study=live.study, actor=alice, reason="everybody has finished")
    ask_to_open(study=study, reason="reading is over", actor=alice)
    open_as_asked(study=study, key=case_set.key, actor=alice)
    _look_through(page, live.url)


def _try_the_tools(page: Page, live: LiveStudy) -> None:
    """Brightness and contrast by the keys of window and level, exact on the canvas, and back by the reset."""
    current = place_of(live.study.readers.get()).current
    assert current is not None
    frame = current.case.frame
    values = decode_frame(frame_bytes(current.case), frame.rows, frame.columns, frame.bits, 3).astype(float)
    assert (values[..., 0] != values[..., 2]).any()
    readout = page.locator("#readout")
    expect(readout).to_contain_text("Contrast100 %")
    expect(readout).to_contain_text("Brightness0 %")
    expect(page.get_by_role("button", name="Auto")).to_be_visible()
    expect(page.get_by_role("button", name="Lung")).to_be_hidden()
    size = frame.rows, frame.columns
    press(page, "o")
    np.testing.assert_array_equal(in_the_middle(page, *size), values)
    press(page, "ArrowLeft", "ArrowUp", "ArrowUp")
    # 16 CSS pixels of 800 for the whole depth of 256: a key takes 5.12 levels off the width, or 5.12 darker.
    contrast, brightness = 255 / (255 - 5.12), 2 * 5.12
    wanted = np.clip(np.floor(contrast * (values + brightness - 127.5) + 128), 0, 255)
    np.testing.assert_array_equal(in_the_middle(page, *size), wanted)
    expect(readout).to_contain_text("Contrast102 %")
    expect(readout).to_contain_text("Brightness4 %")
    press(page, "r", "o", "i", "h")
    np.testing.assert_array_equal(in_the_middle(page, *size), 255 - values[:, ::-1])
    press(page, "r")
    expect(readout).to_contain_text("Contrast100 %")


def _look_through(page: Page, url: str) -> None:
    """The page of results, the small pictures of the case browser and one case at full size, by an admin."""
    sign_in_as(page, url, "alice@example.org")
    page.goto(f"{url}/results/colour/", timeout=120_000)  # the first to look waits for the computing
    expect(page.get_by_role("heading", name="Primary comparison", exact=False)).to_be_visible()
    page.get_by_role("link", name="Cases", exact=True).click()
    small = page.locator(".image-card img").first
    small.scroll_into_view_if_needed()
    told = small.evaluate("""async (image) => {
      await image.decode();
      const copy = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
      copy.getContext("2d").drawImage(image, 0, 0);
      return [...copy.getContext("2d").getImageData(0, 0, 1, 1).data];
    }""")
    assert told[0] != told[2]
    small.click()
    expect(page.locator("#image-state")).to_have_text("", timeout=30_000)
    assert (np.ptp(in_the_middle(page, 20, 20), axis=-1) > 20).any()
    page.goto("about:blank")
