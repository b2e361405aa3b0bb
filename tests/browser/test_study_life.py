"""A study's life in a real browser: a reader by keyboard alone, a researcher, an admin to the export."""

import csv
import hashlib
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from analysis.models import Run
from analysis.services import work
from analysis.services.runs import create_run
from readerstudy.study.models import Rating
from tests import stock
from tests.browser.conftest import _empty_the_audit_trail, lock
from tests.sweep.tiny import make_tiny

pytestmark = [pytest.mark.browser, pytest.mark.django_db]

CASES = 8


@pytest.fixture(scope="module")
def site(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, stock.Stock]]:
    """Serve a draft study and a finished sweep."""
    folder = tmp_path_factory.mktemp("life")
    with django_db_blocker.unblock():
        people = stock.make_stock(folder, pairs=CASES // 2, reading=False, locked=False)
        _sweep(folder)
        server = LiveServer("127.0.0.1")
        yield server.url, people
        server.stop()
        _empty_the_audit_trail()
        call_command("flush", verbosity=0, interactive=False)


def _sweep(folder: Path) -> Run:
    tiny = make_tiny(folder / "sweep", seeds=(0,))
    run = create_run(spec=tiny.spec(), out=tiny.out, runs=tiny.root)
    work.Worker(lease_seconds=60, runs=tiny.root).work(run)
    return run


def sign_in(page: Page, url: str, person: Any) -> None:
    """Sign in by keyboard: the first field has the focus."""
    page.goto(f"{url}/accounts/sign-in/")
    page.get_by_label("Email").focus()
    page.keyboard.type(person.email)
    page.keyboard.press("Tab")
    page.keyboard.type(stock.PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{url}/")


def tab_to(page: Page, name: str) -> None:
    """Press Tab until the named thing has the focus."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == name:
            return
    raise AssertionError(f"no way to '{name}' by the Tab key")


def at_case(page: Page, number: int) -> None:
    expect(page.locator("#case-title")).to_have_text(f"Case {number} of {CASES}")
    expect(page.locator("#answers")).to_be_visible()


def rate(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_study_from_draft_to_export(browser: Browser, page: Page, site: tuple[str, stock.Stock]) -> None:
    url, people = site
    admin = browser.new_context(accept_downloads=True).new_page()
    sign_in(admin, url, people.alice)
    admin.get_by_role("link", name="Run the study").click()
    lock(admin)
    admin.get_by_role("button", name="Open the reading room").click()
    expect(admin.get_by_role("heading", name="Next step")).to_be_visible()

    _read_by_keyboard_alone(page, url, people)
    _look_at_the_sweep(browser, url, people)

    admin.reload()
    expect(admin.get_by_text(f"{CASES} of ").first).to_be_visible()
    admin.get_by_role("link", name="See who takes part").click()
    expect(admin.get_by_text(f"{CASES} of {CASES}", exact=True)).to_be_visible()
    admin.get_by_role("link", name="Study", exact=True).click()
    admin.get_by_label("Reason").fill("both have finished")
    admin.get_by_role("button", name="Close reading").click()
    admin.get_by_role("link", name="Open the key").click()
    admin.get_by_label("Reason").fill("reading is over")
    admin.get_by_label("Password").fill(stock.PASSWORD)
    admin.get_by_role("button", name="Ask to open the key").click()
    admin.get_by_label("Sealed file (key.csv)").set_input_files(people.case_set.key)
    admin.get_by_label("Password").fill(stock.PASSWORD)
    admin.get_by_role("button", name="Open the key").click()
    expect(admin.get_by_role("heading", name="Primary comparison", exact=False)).to_be_visible()
    with admin.expect_download() as download:
        admin.get_by_role("link", name="Download the export").click()
    _check_export(Path(download.value.path()).read_bytes(), people)
    admin.context.close()


def _read_by_keyboard_alone(page: Page, url: str, people: stock.Stock) -> None:
    sign_in(page, url, people.bob)
    tab_to(page, "Begin reading")
    page.keyboard.press("Enter")
    for number in range(1, 6):
        at_case(page, number)
        rate(page, "y" if number % 2 else "n", str(number), str(6 - number), "Enter")
    at_case(page, 6)
    tab_to(page, "Sign out")
    page.keyboard.press("Enter")
    page.wait_for_url("**/accounts/sign-in/**")
    sign_in(page, url, people.bob)
    tab_to(page, "Go on reading")
    page.keyboard.press("Enter")
    for number in range(6, CASES + 1):
        at_case(page, number)
        rate(page, "y", "3", "3", "Enter")
    expect(page.get_by_role("heading", name="All cases are read")).to_be_visible()
    saved = Rating.objects.filter(assignment__reader__person=people.bob).order_by("assignment__position")
    assert [rating.answers["quality"]["value"] for rating in saved] == [1, 2, 3, 4, 5, 3, 3, 3]
    assert all(rating.seconds is not None for rating in saved)


def _look_at_the_sweep(browser: Browser, url: str, people: stock.Stock) -> None:
    page = browser.new_context().new_page()
    sign_in(page, url, people.rita)
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Sweeps").click()
    page.get_by_role("link", name="tiny").click()
    expect(page.get_by_text("finished")).to_be_visible()
    expect(page.get_by_role("rowheader", name="Pneumomediastinum")).to_be_visible()
    page.wait_for_load_state("networkidle")
    for image in page.locator("figure img").all():
        assert image.evaluate("image => image.complete && image.naturalWidth > 0")
    page.context.close()


def _check_export(data: bytes, people: stock.Stock) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    for line in files["MANIFEST.sha256"].decode().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256(files[name]).hexdigest() == digest
    rows = list(csv.DictReader(io.StringIO(files["ratings.csv"].decode())))
    assert len(rows) == 2 * CASES
    key = {row["case"]: row["arm"] for row in csv.DictReader(people.case_set.key.read_text().splitlines())}
    assert all(row["arm"] == key[row["case"]] for row in rows)
    assert sum(row["quality_status"] == "answered" for row in rows) == CASES
    assert b"SYNTHETIC IMAGES" in files["README.txt"]
    assert not any(b"SOURCE" in content or b"PATIENT" in content for content in files.values())
