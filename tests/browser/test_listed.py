"""A study without a sweep: images and a list in the browser, and no group, file name or key on the server."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from django.conf import settings
from django.core.management import call_command
from django.urls import reverse
from playwright.sync_api import Page, Request, Route, expect
from pytest_django.live_server_helper import LiveServer

from analysis.caseset import read_key, verify_case_set
from analysis.models import Handover
from analysis.services import handing_over
from analysis.services.listed import RULE
from readerstudy.accounts.access import has_opened_run
from readerstudy.accounts.models import User
from readerstudy.cases.models import Case, CaseSet
from readerstudy.ops.loading import load_into_study, offered_sets
from readerstudy.study.design import lifecycle
from readerstudy.study.models import Study
from readerstudy.study.people.members import enrol_reader
from readerstudy.study.protocol import Protocol
from tests import stock
from tests.blinding.crowd import read_all
from tests.browser.chromium import intercept
from tests.browser.conftest import _empty_the_audit_trail, sign_in_as
from tests.browser.test_handover import look, sign_in, work
from tests.caseset.test_studies import studies

pytestmark = [pytest.mark.browser, pytest.mark.django_db]

CANARY = "Wanderfalke"


@pytest.fixture(scope="module")
def site(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    """Serve a site without a sweep; a thread is its worker. On the researcher's disk lie images and a list."""
    home = tmp_path_factory.mktemp("listed")
    before = settings.HANDOVERS_ROOT, settings.CASE_SETS
    settings.HANDOVERS_ROOT, settings.CASE_SETS = home / "under-way", home / "sets"
    rows = []
    (home / "disk").mkdir()
    for number in range(20):
        name = f"{CANARY}-{number:02d}.dcm"
        stock.write_dicom(home / "disk" / name, stock.picture(number), patient="nobody")
        group = "missed nodule" if number % 2 else "found nodule"
        rows.append({"image": name, "group": group, "labels": "Nodule", "set": str(number // 2)})
    pd.DataFrame(rows).to_csv(home / "list.csv", index=False)
    with django_db_blocker.unblock():
        stock.grant_researcher(user=stock.person("Rita"), actor=None)
        stock.person("Alice")
        server = LiveServer("127.0.0.1")
        done = threading.Event()
        worker = threading.Thread(target=work, args=(done,))
        worker.start()
        yield server.url, home
        done.set()
        worker.join()
        server.stop()
        _empty_the_audit_trail()
        call_command("flush", verbosity=0, interactive=False)
    settings.HANDOVERS_ROOT, settings.CASE_SETS = before


def fill(page: Page, home: Path) -> None:
    page.locator("#images").set_input_files(sorted((home / "disk").iterdir()))
    page.locator("#list").set_input_files(home / "list.csv")
    page.get_by_label("Names of the groups").fill(
        "missed nodule; missed nodules; found nodule; found nodules"
    )
    page.get_by_label("Name of the case set").fill("nodules")
    page.get_by_label("The images are not of patients").check()


def test_studies_become_cases_by_a_rule_that_is_shown_first(
    page: Page, site: tuple[str, Path], tmp_path: Path
) -> None:
    url, _ = site
    listed = studies(tmp_path)
    (tmp_path / "images" / "odd.dcm").write_bytes(b"no image")
    sign_in(page, url)
    page.goto(url + reverse("analysis:listed"))
    page.locator("#images").set_input_files(sorted((tmp_path / "images").iterdir()))
    page.locator("#list").set_input_files(listed)
    page.get_by_label("Names of the groups").fill(
        "missed nodule; missed nodules; found nodule; found nodules"
    )
    page.get_by_label("Name of the case set").fill("studies")
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_text("20 cases, 21 files")).to_be_visible()
    page.get_by_label("Images of one DICOM study are one case").check()
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_text("10 cases, each of PA + LATERAL, 21 files")).to_be_visible()
    expect(page.get_by_text(RULE)).to_be_visible()
    expect(page.get_by_text("study 1: PA 01.dcm, LATERAL 00.dcm")).to_be_visible()
    look(page, "listed studies")
    page.get_by_role("button", name="Make the key").click()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Save the key").click()
    waiting.value.save_as(tmp_path / "key.csv")
    assert list(read_key(tmp_path / "key.csv").images["role"]) == ["PA", "LATERAL"] * 10
    listed.write_text(listed.read_text() + "odd.dcm,found nodule,Nodule\n")
    page.locator("#list").set_input_files(listed)
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_text("odd.dcm: expected a DICOM file")).to_be_visible()
    expect(page.get_by_role("button", name="Make the key")).to_be_disabled()


def test_from_files_to_a_loaded_set(page: Page, site: tuple[str, Path], tmp_path: Path) -> None:
    url, home = site
    sent: list[Request] = []

    def note(request: Request) -> None:
        sent.append(request)

    page.on("request", note)
    sign_in(page, url)
    page.goto(f"{url}/data-sets/")
    # Files are chosen before the page's script runs: they are found when it does.
    late: list[Route] = []

    def hold(route: Route) -> None:
        late.append(route)

    intercept(page, "**/listed*.mjs", hold, times=1)
    page.get_by_role("link", name="Cases without a sweep").click()
    fill(page, home)
    expect(page.locator("#chosen-images")).to_have_text("0 files")
    expect(page.get_by_role("button", name="Check")).to_be_disabled()
    late[0].continue_()
    expect(page.locator("#chosen-images")).to_have_text("20 files")
    wrong = tmp_path / "wrong.csv"
    wrong.write_text((home / "list.csv").read_text().replace("found nodule", "nothing", 1))
    page.locator("#list").set_input_files(wrong)
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_text("got 'nothing'")).to_be_visible()
    expect(page.get_by_role("button", name="Make the key")).to_be_disabled()
    wrong.write_bytes(
        (home / "list.csv").read_text().replace("Nodule", "Pleuraergu\u00df", 1).encode("cp1252")
    )
    page.locator("#list").set_input_files(wrong)
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_text("row 1: expected a list in UTF-8 (save it as CSV UTF-8)")).to_be_visible()
    wrong.write_text((home / "list.csv").read_text(), encoding="utf-16")
    page.locator("#list").set_input_files(wrong)
    (tmp_path / f"{CANARY}-03.dcm").write_bytes(b"no image")
    page.locator("#images").set_input_files(tmp_path / f"{CANARY}-03.dcm")
    page.get_by_role("button", name="Check").click()
    expect(
        page.get_by_text(f"row 4: expected a PNG, JPEG or DICOM file, got '{CANARY}-03.dcm'")
    ).to_be_visible()
    expect(page.get_by_role("button", name="Make the key")).to_be_disabled()
    page.locator("#images").set_input_files(home / "disk" / f"{CANARY}-03.dcm")
    page.locator("#list").set_input_files(home / "list.csv")
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_text("20 cases, 20 files")).to_be_visible()
    look(page, "listed")
    page.get_by_role("button", name="Make the key").click()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Save the key").click()
    key = tmp_path / "key.csv"
    waiting.value.save_as(key)
    assert not Handover.objects.exists()  # nothing was sent before the key is saved
    page.get_by_label("The saved key").set_input_files(home / "list.csv")
    expect(page.get_by_text("This is not the key of these cases")).to_be_visible()
    page.get_by_label("The saved key").set_input_files(key)
    # The way breaks off after some images; the page is opened again with the same files and the key.
    let_through = iter(range(6))

    def break_off(route: Route) -> None:
        route.abort() if next(let_through, None) is None else route.continue_()

    intercept(page, "**/images/*/", break_off)
    page.get_by_role("button", name="Send the images").click()
    expect(page.get_by_text("what has arrived is kept")).to_be_visible(timeout=60_000)
    page.reload()  # first, since other files are still being tried
    page.unroute("**/images/*/")
    expect(page.get_by_text("6 of 20 images have arrived")).to_be_visible()
    look(page, "go on")
    page.locator("#images").set_input_files(sorted((home / "disk").iterdir()))
    page.get_by_label("The saved key").set_input_files(key)
    page.get_by_role("button", name="Send the images").click()
    expect(page.get_by_role("heading", name="The case set nodules is ready")).to_be_visible(timeout=60_000)
    _nothing_told(sent, key.read_bytes())
    assert verify_case_set(settings.CASE_SETS / "nodules", key).cases == 20
    study = _loaded(key)
    _results(page, url, study, key)


def _nothing_told(sent: list[Request], key: bytes) -> None:
    """No request held a group, a name of a file or the key; nothing of the handover is left."""
    bodies = [request.post_data_buffer or b"" for request in sent]
    assert sum(map(bool, bodies)) > 20
    nonce = next(part for part in key.decode().replace("\n", ",").split(",") if len(part) == 64)
    for secret in (CANARY, "missed", "found nodule", nonce):
        assert not [request.url for request in sent if secret in request.url]
        assert not [body for body in bodies if secret.encode() in body]
    row = Handover.objects.get()
    assert not handing_over.folder_of(row).exists()
    assert row.draws == []


def _loaded(key: Path) -> Study:
    (offered,) = offered_sets()
    alice, rita = (User.objects.get(email=f"{name}@example.org") for name in ("alice", "rita"))
    study = lifecycle.create_study(slug="nodules", title="Nodules", protocol=Protocol(), actor=alice)
    with stock.decoded_here():
        load_into_study(study=study, folder=offered.folder, actor=alice)
    loaded = CaseSet.objects.get(study=study.key)
    assert (loaded.case_count, loaded.one_each, loaded.synthetic) == (20, True, True)
    assert has_opened_run(rita, loaded.run_id)  # hence never a reader of it, whatever rights she has later
    assert Case.objects.filter(study=study.key).count() == 20
    return study


def _results(page: Page, url: str, study: Study, key: Path) -> None:
    """Two readers answer every case; the admin opens the key, as it was saved, and sees the groups by their names."""
    alice = User.objects.get(email="alice@example.org")
    for name in ("Nora", "Otto"):
        enrol_reader(study=study, person=stock.person(name), actor=alice)
    stock.look_for_names(study, None)
    study.refresh_from_db()
    lifecycle.lock(study=study, actor=alice)
    study = lifecycle.start(study=study, actor=alice)
    agreed = {
        row["case"]: int(row["arm"]) for row in pd.read_csv(key, comment="#", dtype=str).to_dict("records")
    }

    def answer(case: str) -> dict[str, object]:
        given = {"agree": 1 - agreed[case], "quality": 2 + int(case[0], 16) % 3, "difficulty": 3}
        return {"answers": {name: {"status": "answered", "value": value} for name, value in given.items()}}

    for reader in study.readers.all():
        read_all(reader, answer)
    lifecycle.close(study=study, actor=alice, reason="both have finished")
    page.context.clear_cookies()
    sign_in_as(page, url, "alice@example.org")
    page.goto(f"{url}/results/nodules/")
    page.get_by_label("Reason").fill("reading is over")
    page.get_by_label("Password").fill(stock.PASSWORD)
    page.get_by_role("button", name="Ask to open the key").click()
    page.get_by_label("Sealed file (key.csv)").set_input_files(key)
    page.get_by_label("Password").fill(stock.PASSWORD)
    page.get_by_role("button", name="Open the key").click()
    expect(page.get_by_role("heading", name="Primary comparison", exact=False)).to_be_visible(timeout=60_000)
    expect(page.get_by_text("2 readers judged 10 missed nodules and 10 found nodules").first).to_be_visible()
    page.wait_for_load_state("networkidle")
    page.goto("about:blank")
