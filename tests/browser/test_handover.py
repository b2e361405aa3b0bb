"""A researcher from what a sweep found to a case set with a saved key, in a real browser and without a shell."""

import hashlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from analysis.caseset import read_key
from analysis.models import Handover, Run
from analysis.services import handover_work
from readerstudy.ops.loading import offered_sets
from tests import stock
from tests.browser.conftest import _empty_the_audit_trail
from tests.caseset.pictures import write_png
from tests.selection.runs import write_run

pytestmark = [pytest.mark.browser, pytest.mark.django_db]


@pytest.fixture(scope="module")
def site(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Serve a site with a finished sweep; a thread is its worker."""
    home = tmp_path_factory.mktemp("handover")
    folder = write_run(home / "data" / "run", images=240)
    for number in range(240):
        write_png(folder / "images" / f"{number // 2:08d}_{number % 2:03d}.png", number)
    names = ("HANDOVERS_ROOT", "CASE_SETS", "DATA_ROOTS")
    before = {name: getattr(settings, name) for name in names}
    settings.HANDOVERS_ROOT, settings.CASE_SETS = home / "under-way", home / "sets"
    settings.DATA_ROOTS = [home / "data"]
    with django_db_blocker.unblock():
        stock.grant_researcher(user=stock.person("Rita"), actor=None)
        Run.objects.create(
            run_id="toy-run",
            name="toy",
            folder=str(folder),
            spec={},
            synthetic=True,
            finished_at=timezone.now(),
        )
        server = LiveServer("127.0.0.1")
        done = threading.Event()
        worker = threading.Thread(target=work, args=(done,))
        worker.start()
        yield server.url
        done.set()
        worker.join()
        server.stop()
        _empty_the_audit_trail()
        call_command("flush", verbosity=0, interactive=False)
    for name, value in before.items():
        setattr(settings, name, value)


def work(done: threading.Event) -> None:
    while not done.wait(0.2):
        for row in Handover.objects.exclude(work=""):
            handover_work.make(row.pk)
    connection.close()


def sign_in(page: Page, url: str) -> None:
    client = Client()
    client.force_login(stock.User.objects.get(email="rita@example.org"))
    value = client.cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": value, "url": url}])


def look(page: Page, name: str) -> None:
    """Axe finds nothing, and nothing sticks out at three widths."""
    if os.environ.get("SCREENSHOTS"):
        page.screenshot(path=f"/tmp/shot-{name}.png", full_page=True)
    assert [one["id"] for one in Axe().run(page).response["violations"]] == []
    for width in (390, 1920, 1366):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} at {width}"


def test_from_a_sweep_to_a_saved_key(page: Page, site: str, tmp_path: Path) -> None:
    sign_in(page, site)
    page.goto(f"{site}/runs/toy-run/findings/")
    page.get_by_role("button", name="Begin a handover").click()
    expect(page.get_by_text("Nothing is drawn yet")).to_be_visible()
    page.get_by_label("Folder of the images to read").fill("run/images")
    page.get_by_label("Size", exact=True).fill("8")
    page.get_by_label("view", exact=True).uncheck()
    page.get_by_role("button", name="Draw", exact=True).click()
    expect(page.get_by_text("16 cases in 8 sets")).to_be_visible(timeout=60_000)
    seed = page.locator("#choose + p .mono").inner_text()
    page.evaluate("window.sameDocument = true")
    page.get_by_label("Ratio").fill("2")  # a choice that changes is drawn again, without a reload
    page.get_by_label("Ratio").blur()
    expect(page.get_by_text("24 cases in 8 sets")).to_be_visible(timeout=60_000)
    assert page.evaluate("window.sameDocument") is True
    assert page.locator("#choose + p .mono").inner_text() == seed
    expect(page.get_by_text("(2 so far)")).to_be_visible()
    look(page, "drawn")
    page.get_by_label("Take out with its set").first.check()
    page.get_by_label("Reason", exact=True).fill("a name is visible")
    page.get_by_role("button", name="Take the marked cases out").click()
    expect(page.get_by_text("21 cases in 7 sets")).to_be_visible(timeout=60_000)
    page.get_by_label("Name of the case set").fill("chests")
    page.get_by_label("Unchecked").fill("toy scores")
    page.get_by_role("button", name="Write the case set").click()
    expect(page.get_by_role("heading", name="Save the key")).to_be_visible(timeout=60_000)
    assert offered_sets() == []
    look(page, "save")
    with page.expect_download() as waiting:
        page.get_by_role("link", name="key.csv").click()
    key = tmp_path / "key.csv"
    waiting.value.save_as(key)
    other = tmp_path / "other.csv"
    other.write_bytes(key.read_bytes() + b"\n")
    button = page.get_by_role("button", name="Confirm that the key is saved")
    page.get_by_label("The saved key").set_input_files(other)
    expect(page.get_by_text("This is not the key of this set")).to_be_visible()
    expect(button).to_be_disabled()
    page.get_by_label("The saved key").set_input_files(key)
    button.click()
    expect(page.get_by_role("heading", name="The case set chests is ready")).to_be_visible()
    look(page, "ready")
    (offered,) = offered_sets()
    assert offered.key_digest == hashlib.sha256(key.read_bytes()).hexdigest()
    assert len(offered.cases) == len(read_key(key, offered.key_digest).rows) == 21
