"""A study admin looks through the opened cases in a real browser: list, image with readers' marks, keys, filter."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from readerstudy.results.services import ask_to_open, open_as_asked
from readerstudy.study.design import lifecycle
from tests import stock
from tests.blinding.crowd import read_all
from tests.browser.conftest import _empty_the_audit_trail, sign_in_as

pytestmark = [pytest.mark.browser, pytest.mark.django_db]

MARK = {"question": "", "kind": "rectangle", "points": [[5, 5], [30, 40]]}


@pytest.fixture(scope="module")
def site(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Serve an unblinded study in which each reader has drawn one mark on every case."""
    with django_db_blocker.unblock(), stock.decoded_here():
        made = stock.make_stock(tmp_path_factory.mktemp("browsed"), pairs=4)
        for reader in made.readers:
            read_all(reader, lambda key: {"marks": [MARK], "comment": "a line"})
        study = lifecycle.close(study=made.study, actor=made.alice, reason="everybody has finished")
        ask_to_open(study=study, reason="reading is over", actor=made.alice)
        open_as_asked(study=study, key=made.case_set.key, actor=made.alice)
        server = LiveServer("127.0.0.1")
        yield server.url
        server.stop()
        _empty_the_audit_trail()
        call_command("flush", verbosity=0, interactive=False)


def test_cases_are_looked_through_by_keys(page: Page, site: str) -> None:
    sign_in_as(page, site, "alice@example.org")
    page.goto(f"{site}/results/chest/")
    page.get_by_role("link", name="Cases", exact=True).click()
    expect(page.get_by_text("8 cases")).to_be_visible()
    page.get_by_label("Group", exact=True).select_option("PIE")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("4 cases")).to_be_visible()
    page.locator(".image-card img").first.click()
    expect(page.get_by_text("1 of 4")).to_be_visible()
    expect(page.locator("#image-state")).to_have_text("", timeout=30_000)
    marks = page.locator(".marks rect.mark-line")
    expect(marks).to_have_count(2)
    page.locator("input[data-marks]").first.uncheck()
    expect(marks).to_have_count(1)
    page.locator("#viewer").press("ArrowRight")
    expect(page.get_by_text("2 of 4")).to_be_visible()
    expect(page.locator("#image-state")).to_have_text("", timeout=30_000)
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_text("1 of 4")).to_be_visible()
    page.get_by_role("link", name="Cases", exact=True).click()
    expect(page.get_by_text("4 cases")).to_be_visible()
