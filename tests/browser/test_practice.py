"""Practice cases come first, with the admin's words after each; then the study proper. In a real Chromium."""

from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from readerstudy.ops.loading import load_into_study
from readerstudy.study.design import lifecycle
from readerstudy.study.models import PracticeReading, Rating, Reader
from readerstudy.study.people.members import enrol_reader
from readerstudy.study.protocol import PracticeNote, Protocol
from tests import stock
from tests.browser.conftest import LiveStudy, sign_in_without_form
from tests.browser.served import served

pytestmark = [pytest.mark.browser, pytest.mark.django_db]


@pytest.fixture(scope="module")
def practised(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveStudy]:
    folder = tmp_path_factory.mktemp("practice")
    with django_db_blocker.unblock(), stock.decoded_here():
        practice = stock.make_case_set(folder / "practice", pairs=1, nonce=b"\x09" * 32)
        cases = stock.make_case_set(folder / "study", pairs=4)
        keys = pd.read_csv(practice.folder / "cases.csv")["case"]
        notes = tuple(
            PracticeNote(key, f"Look at the **left** base ({number}).") for number, key in enumerate(keys, 1)
        )
        alice = stock.person("Alice")
        study = lifecycle.create_study(
            slug="practised", title="Practised", protocol=Protocol(practice=notes), actor=alice
        )
        load_into_study(study=study, folder=cases.folder, actor=alice)
        study.refresh_from_db()
        load_into_study(practice=True, study=study, folder=practice.folder, actor=alice)
        enrol_reader(study=study, person=stock.person("First"), actor=alice)
        stock.look_for_names(study, alice)
        lifecycle.lock(study=study, actor=alice)
        study = lifecycle.start(study=study, actor=alice)
        with served(study) as live:
            yield live


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_practice_is_told_apart_and_does_not_count(page: Page, practised: LiveStudy) -> None:
    reader: Reader = practised.reader()
    sign_in_without_form(page, practised.url, reader)
    page.goto(practised.room)
    told = page.get_by_role("dialog", name="About this practice case")
    for number in (1, 2):
        expect(page.locator("#case-title")).to_have_text(f"Practice {number} of 2")
        expect(page.locator("#session")).to_have_text("A practice case: not part of the study.")
        expect(page.locator("#answers")).to_be_visible()
        press(page, "y", "4", "2", "Enter")
        expect(told).to_be_visible()
        expect(told.locator("strong")).to_have_text("left")
        # The words are about the image that is shown: the next one is not painted early.
        expect(page.locator("#case-title")).to_have_text(f"Practice {number} of 2")
        press(page, "Enter")
    expect(page.get_by_role("dialog", name="Practice is over")).to_be_visible()
    press(page, "Enter")
    expect(page.locator("#case-title")).to_have_text("Case 1 of 8")
    expect(page.locator("#answers")).to_be_visible()
    assert PracticeReading.objects.filter(reader=reader).exclude(saved_at=None).count() == 2
    assert not Rating.objects.filter(assignment__reader=reader).exists()
    press(page, "n", "1", "1", "Enter")
    expect(page.locator("#save-state")).to_have_text("Case 1 saved")
    assert Rating.objects.filter(assignment__reader=reader).count() == 1
    page.goto("about:blank")
