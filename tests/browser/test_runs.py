"""A researcher's work in a real browser: register, order a sweep, watch it, cancel, fix a failure, see the end."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from playwright.sync_api import Page, Route, expect
from pytest_django.live_server_helper import LiveServer

from analysis.models import Run
from analysis.services.work import Worker
from readerstudy.accounts.models import User
from tests import stock
from tests.browser.chromium import intercept, until
from tests.browser.conftest import _empty_the_audit_trail
from tests.browser.test_handover import look
from tests.ledger.inputs import ARCHITECTURE, Inputs, make_inputs

pytestmark = [pytest.mark.browser, pytest.mark.django_db]


@pytest.fixture(scope="module")
def site(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Inputs]]:
    """Serve a site with an empty ledger and a data folder."""
    inputs = make_inputs(tmp_path_factory.mktemp("runs"))
    before = settings.DATA_ROOTS, settings.UPLOADS_ROOT
    settings.DATA_ROOTS, settings.UPLOADS_ROOT = inputs.roots, inputs.root / "uploads"
    with django_db_blocker.unblock():
        stock.grant_researcher(user=stock.person("Rita"), actor=None)
        server = LiveServer("127.0.0.1")
        yield server.url, inputs
        server.stop()
        _empty_the_audit_trail()
        call_command("flush", verbosity=0, interactive=False)
    settings.DATA_ROOTS, settings.UPLOADS_ROOT = before


def start(page: Page, url: str) -> None:
    client = Client()
    client.force_login(User.objects.get(email="rita@example.org"))
    value = client.cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": value, "url": url}])
    page.goto(f"{url}/data-sets/")


def work(inputs: Inputs, units: int) -> None:
    """Be the worker for some units; the page asks the server meanwhile."""
    asked = []
    worker = Worker(lease_seconds=60, runs=inputs.root.parent / "runs", stopped=lambda: len(asked) >= units)
    worker.work(on_unit=lambda: asked.append(1))


def test_from_files_to_a_finished_sweep(page: Page, site: tuple[str, Inputs]) -> None:
    url, inputs = site
    start(page, url)
    page.get_by_role("link", name="Register a data set").click()
    page.get_by_label("Name", exact=True).fill("tiny")
    page.get_by_label("Folder of the images").fill("/etc")
    page.get_by_label("Test labels").fill("labels/miccai2023_nih-cxr-lt_labels_test.csv")
    page.get_by_role("button", name="Check and register").click()
    expect(page.get_by_text("expected a folder inside the data folder")).to_be_visible()
    page.get_by_role("button", name="Browse for: Folder of the images").click()
    tree = page.get_by_role("dialog", name="Folder of the images")
    expect(tree.locator("summary", has_text="labels")).to_be_visible()
    look(page, "tree")
    tree.get_by_role("button", name="Choose images").click()
    expect(page.get_by_label("Folder of the images")).to_have_value(str(inputs.root / "images"))
    page.get_by_role("button", name="Browse for: Training labels").click()
    tree = page.get_by_role("dialog", name="Training labels")
    tree.locator("summary", has_text="labels").click()
    tree.get_by_role("button", name="Choose train.csv").click()
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("heading", name="What would be registered")).to_be_visible()
    expect(page.get_by_text("9 images")).to_be_visible()
    until(page, "[...document.querySelectorAll('img[data-png]')].every(image => image.naturalWidth > 0)")
    look(page, "preview")
    page.get_by_role("button", name="Check and register").click()
    expect(page.get_by_role("heading", name="tiny")).to_be_visible()
    page.get_by_role("link", name="Register checkpoints").click()
    page.get_by_label("Name", exact=True).fill("nets")
    page.get_by_label("Data set").select_option(label="tiny")
    page.get_by_label("Architecture").fill(ARCHITECTURE)
    page.get_by_label("Checkpoints").fill("trained_models")
    page.get_by_label("Image size, pixels").fill("32")
    page.get_by_role("button", name="Look for them and register").click()
    page.get_by_role("link", name="Sweep this ensemble").click()
    page.get_by_label("Shares of removed weights").fill("0, 0.5, 0.9")
    page.get_by_label("Batch size").fill("3")
    page.get_by_label("Engine").select_option("torch")
    page.get_by_label("Threads").fill("1")
    page.get_by_role("button", name="Start the sweep").click()
    expect(page.get_by_text("preparing")).to_be_visible()
    _watch(page, inputs)


def _watch(page: Page, inputs: Inputs) -> None:
    work(inputs, 3)  # the preparation and two units
    expect(page.locator("[data-show=done]")).to_have_text("2")
    expect(page.locator(".unit-row [data-state=done]")).to_have_count(2)
    expect(page.locator(".unit-row [data-state=todo]")).to_have_count(4)
    assert Run.objects.get().run_id in page.url
    page.evaluate("window.sameDocument = true")
    work(inputs, 1)
    expect(page.locator("[data-show=done]")).to_have_text("3")  # told by the script, without a reload
    assert page.evaluate("window.sameDocument") is True
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("cancelled")).to_be_visible()
    work(inputs, 1)
    assert Run.objects.get().units.filter(state="done").count() == 3
    checkpoint = next((inputs.root / "trained_models").glob("*seed-1*/chkpt.pt"))
    away = checkpoint.rename(Path(f"{checkpoint}.away"))
    page.get_by_role("button", name="Resume").click()
    work(inputs, 99)
    expect(page.get_by_text("stopped: 3 failed")).to_be_visible()
    expect(page.get_by_text("expected a checkpoint")).to_be_visible()
    away.rename(checkpoint)
    page.get_by_role("button", name="Try seed-1_sparsity-0.00 again").click()
    work(inputs, 99)
    expect(page.get_by_text("stopped: 2 failed")).to_be_visible()
    page.get_by_role("button", name="Try all failed units again").click()
    work(inputs, 99)
    expect(page.get_by_text("finished", exact=True)).to_be_visible()
    expect(page.locator("figure img").first).to_be_visible()
    page.get_by_role("link", name="Provenance").click()
    violations = Axe().run(page).response["violations"]
    assert [one["id"] for one in violations] == []
    digest = Run.objects.get().units.first().artefacts
    assert len(digest) == 1
    expect(page.get_by_text("all 6 score files")).to_be_visible()
    expect(page.get_by_role("link", name="provenance.json")).to_be_visible()


def test_a_data_set_is_uploaded_and_goes_on_after_an_interruption(
    page: Page, site: tuple[str, Inputs], tmp_path: Path
) -> None:
    url, inputs = site
    source = tmp_path / "chests"
    for name in ("images", "labels"):
        shutil.copytree(inputs.root / name, source / name)
    (source / ".DS_Store").write_bytes(b"left by another program")
    total = sum(path.is_file() for path in source.rglob("*")) - 1
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    start(page, url)
    page.get_by_role("link", name="Upload a data set").click()
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.get_by_text("Choose the files first.")).to_be_visible()
    page.locator("#folder").set_input_files(source)
    expect(page.locator("#thumbnails img").first).to_be_visible()
    look(page, "upload")
    let_through = iter(range(5))

    def break_off(route: Route) -> None:
        route.abort() if next(let_through, None) is None else route.continue_()

    intercept(page, "**/files/*/", break_off)
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.get_by_text("what has arrived is kept")).to_be_visible(timeout=60_000)
    page.reload()  # first, since other files are still being tried
    page.unroute("**/files/*/")
    expect(page.get_by_text(f"5 of {total} files have arrived")).to_be_visible()
    look(page, "upload-go-on")
    page.locator("#images").set_input_files(source / "labels" / "train.csv")  # not the same files
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.get_by_text("files of this upload were not among the chosen ones")).to_be_visible()
    page.locator("#folder").set_input_files(source)
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.get_by_text(f"{total} files have arrived. Say what they are")).to_be_visible(timeout=60_000)
    page.get_by_label("Name", exact=True).fill("sent")
    expect(page.get_by_label("Folder of the images")).to_have_value("chests/images")
    page.get_by_label("Test labels").fill("chests/labels/train.csv")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("heading", name="What would be registered")).to_be_visible()
    look(page, "upload-preview")
    page.get_by_role("button", name="Check and register").click()
    expect(page.get_by_role("heading", name="sent")).to_be_visible()
    assert (inputs.root / "uploads" / "sent" / "chests" / "images").is_dir()
    assert not [one for one in sent if ".png" in one and "static" not in one]
    page.goto("about:blank")
