"""Pictures of real pages for the documentation; each must show something.

With SCREENSHOTS=1 they are written to docs/images/, otherwise to a temporary folder. data/demo_metrics.csv
holds the metrics of one sweep of the demo (phantoms, toy models), rounded, at ten of its twenty sparsities.
"""

import io
import os
import re
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from datetime import timedelta
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from django.core.management import call_command
from django.utils import timezone
from PIL import Image
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from analysis.caseset import CaseSet, Origin, read_key, write_case_set
from analysis.frames import NIH_CLASSES
from analysis.models import Run, Unit, UnitState
from analysis.phantoms import PhantomSpec, write_dicom
from analysis.phantoms.catalogue import catalogue
from analysis.stats import simulate_study
from readerstudy.accounts.models import User
from readerstudy.ops.loading import load_into_study
from readerstudy.results.services import open_key
from readerstudy.study.design import lifecycle
from readerstudy.study.models import Study
from readerstudy.study.people.members import enrol_reader
from readerstudy.study.protocol import Protocol
from readerstudy.study.protocol.questions import After, Question
from readerstudy.study.reading.answering import save_answers
from readerstudy.study.reading.stages import place_of
from tests import stock
from tests.browser.conftest import _empty_the_audit_trail, sign_in_as

pytestmark = [pytest.mark.browser, pytest.mark.drill, pytest.mark.django_db]

HERE = Path(__file__).resolve().parent
IMAGES = HERE.parents[1] / "docs" / "images"
SIZE = {"width": 1600, "height": 1000}
ROWS, COLUMNS = 1024, 1250
READING_PAIRS, RESULTS_PAIRS, SIMULATED_READERS = 4, 10, 6
DONE_UNITS = 287
FEWEST_LEVELS = 20
"""A blank page has a handful of grey levels; text alone has more than this."""


@pytest.fixture(scope="module")
def site(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Serve a study of phantoms that is being read, a simulated one that is finished, and a sweep."""
    folder = tmp_path_factory.mktemp("pictures")
    with django_db_blocker.unblock(), stock.decoded_here():
        alice, bob = stock.person("Alice"), stock.person("Bob")
        stock.grant_researcher(user=stock.person("Rita"), actor=alice)
        _reading(folder / "phantoms", alice, bob)
        _checked(folder / "phantoms", alice, bob)
        _simulated(folder / "simulated", alice)
        _sweep(folder / "sweep")
        _running_sweep()
        server = LiveServer("127.0.0.1")
        yield server.url
        server.stop()
        _empty_the_audit_trail()
        call_command("flush", verbosity=0, interactive=False)


def _case_set(folder: Path, rows: pd.DataFrame, nonce: bytes) -> CaseSet:
    origin = Origin(run_id=stock.RUN_ID, predictions_sha256="ab" * 32, synthetic=True)
    images = {name: folder / name for name in rows["image"]}
    return write_case_set(
        rows, images=images, out=folder / "cases", key_out=folder / "key.csv", origin=origin, nonce=nonce
    )


def _reading(folder: Path, alice: User, bob: User) -> None:
    """Build the study of phantoms and open its reading room for Bob."""
    folder.mkdir()
    spec = PhantomSpec()
    drawn = [
        image for image in catalogue(spec).split("test") if image.view == "PA" and not image.planted.quality
    ]
    rows = stock.selection(READING_PAIRS)
    for name, image in zip(rows["image"], drawn, strict=False):
        write_dicom(spec, image, folder / name, ROWS, COLUMNS)
    rows["labels"] = ["; ".join(compress(NIH_CLASSES, image.labels)) for image in drawn[: len(rows)]]
    cases = _case_set(folder, rows, stock.NONCE)
    study = _study("phantoms", "Phantom chest radiographs", cases, alice)
    enrol_reader(study=study, person=bob, actor=alice)
    stock.look_for_names(study, alice)
    lifecycle.lock(study=study, actor=alice)
    lifecycle.start(study=study, actor=alice)


def _checked(phantoms: Path, alice: User, bob: User) -> None:
    """Build a study with a display check and questions of other kinds, on the same phantoms."""
    rows = stock.selection(3)  # the fewest sets with which a lock lets a study be read
    rows["labels"] = "Cardiomegaly; Effusion"
    origin = Origin(run_id=stock.RUN_ID, predictions_sha256="ab" * 32, synthetic=True)
    images = {name: phantoms / name for name in rows["image"]}
    cases = write_case_set(
        rows, images=images, out=phantoms / "checked", key_out=phantoms / "checked.csv", origin=origin,
        nonce=b"\x05" * 32,
    )  # fmt: skip
    no = After("agree", (0,))
    questions = (
        Question("agree", "Do you fully agree with the labels?", "yes_no"),
        Question("wrong", "Which labels are wrong?", "wrong_labels", after=no),
        Question("absent", "Which labels are missing?", "missing_labels", after=no, required=False,
                 vocabulary=("Nodule", "Mass", "Hernia")),
        Question("where", "Where is the disagreement?", "mark", after=no, shapes=("ellipse", "arrow")),
        Question("size", "How large is it?", "number", after=no, minimum=1, maximum=400, whole=True, unit="mm"),
    )  # fmt: skip
    protocol = Protocol(questions=questions, endpoints=("agree",), display_check="warn")
    study = lifecycle.create_study(slug="checked", title="Disagreement study", protocol=protocol, actor=alice)
    load_into_study(study=study, folder=cases.folder, actor=alice)
    for person in (bob, stock.person("Bella")):
        enrol_reader(study=study, person=person, actor=alice)
    stock.look_for_names(study, alice)
    lifecycle.lock(study=study, actor=alice)
    lifecycle.start(study=study, actor=alice)


def _simulated(folder: Path, alice: User) -> None:
    """Build a study, let simulated readers read it, open its key."""
    folder.mkdir()
    rows = stock.selection(RESULTS_PAIRS)
    for number, name in enumerate(rows["image"]):
        stock.write_dicom(folder / name, stock.picture(number), patient="none")
    cases = _case_set(folder, rows, stock.NONCE[::-1])
    study = _study(
        "simulated", "Simulated: six simulated readers, phantom images", cases, alice, simulated=True
    )
    for number in range(SIMULATED_READERS):
        enrol_reader(study=study, person=stock.person(f"Simulated{number}"), actor=alice)
    stock.look_for_names(study, alice)
    lifecycle.lock(study=study, actor=alice)
    study = lifecycle.start(study=study, actor=alice)
    _read(study, cases)
    study = lifecycle.close(study=study, actor=alice, reason="the simulated readers have finished")
    open_key(study=study, key=cases.key, reason="a picture of the results", actor=alice)


def _study(slug: str, title: str, cases: CaseSet, alice: User, *, simulated: bool = False) -> Study:
    study = lifecycle.create_study(
        slug=slug, title=title, protocol=Protocol(), actor=alice, simulated_readers=simulated
    )
    load_into_study(study=study, folder=cases.folder, actor=alice)
    study.refresh_from_db()
    return study


def _read(study: Study, cases: CaseSet) -> None:
    readers = list(study.readers.select_related("study", "person"))
    key = read_key(cases.key).rows[["case", "arm", "pair"]]
    drawn = simulate_study(seed=7, readers=[reader.pseudonym for reader in readers], cases=key)
    rows = {(row["reader"], row["case"]): row for row in drawn.to_dict("records")}
    for reader in readers:
        while (current := place_of(reader).current) is not None:
            row = rows[reader.pseudonym, current.case.key]
            answers = {
                name: {"status": "answered", "value": int(row[name])}
                for name in ("agree", "quality", "difficulty")
            }
            save_answers(
                reader=reader, public_id=current.public_id, idempotency_key=uuid.uuid4(), revision=0,
                answers=answers, comment="", times={"visible_ms": 1000 * float(row["time_s"])}, display={},
            )  # fmt: skip


def _sweep(folder: Path) -> None:
    """Put the demo's sweep into the ledger as a finished one."""
    folder.mkdir()
    shutil.copy(HERE / "data" / "demo_metrics.csv", folder / "metrics.csv")
    metrics = pd.read_csv(folder / "metrics.csv")
    run = Run.objects.create(
        run_id="ff41532de728", name="Phantom radiographs (synthetic), toy models", folder=str(folder),
        spec={"models": {"architecture": "resnet18"}, "preprocess": {"size": 64}, "prune": {"method": "global_l1"}},
        synthetic=True, finished_at=timezone.now(),
    )  # fmt: skip
    names = [
        f"seed-{s}_sparsity-{k:.2f}" for s, k in metrics[["seed", "sparsity"]].drop_duplicates().to_numpy()
    ]
    Unit.objects.bulk_create(
        Unit(run=run, place=place, key=name, state=UnitState.DONE, artefacts={f"{name}.npy": "ab" * 32})
        for place, name in enumerate(names)
    )


def _running_sweep() -> None:
    """Put a sweep of published size into the ledger, as it is while three workers are at it."""
    run = Run.objects.create(
        run_id="0c5b7de1a943", name="thirty networks, global_l1", folder="", spec={}, synthetic=True
    )
    began = timezone.now() - timedelta(seconds=40 * DONE_UNITS)
    at_work = {DONE_UNITS: 11_800, DONE_UNITS + 13: 4_200, DONE_UNITS + 33: 17_350}
    for place in range(600):
        seed, share = divmod(place, 20)
        level = f"{share / 20:.2f}"
        unit = Unit(run=run, place=place, key=f"seed-{seed}_sparsity-{level}", member=seed, condition=level)
        if place < DONE_UNITS:
            unit.state, unit.artefacts = UnitState.DONE, {"scores.npy": "ab" * 32}
            unit.started_at = began + timedelta(seconds=40 * place)
            unit.finished_at = unit.started_at + timedelta(seconds=39)
        elif place in at_work:
            unit.state, unit.stage, unit.steps_done, unit.steps_total = (
                UnitState.WORKING, "images", at_work[place], 21_081,
            )  # fmt: skip
            unit.worker, unit.started_at = (
                f"host-{len(at_work)}:771:1",
                timezone.now() - timedelta(seconds=31),
            )
            unit.lease_until = timezone.now() + timedelta(hours=1)
        elif place == DONE_UNITS + 14:
            unit.state, unit.attempts, unit.worker = UnitState.FAILED, 5, "host-2:12:1"
            unit.error = (
                "CheckpointError: seed-15/chkpt.pt: expected a checkpoint, got the error 'Input/output error'"
            )
        unit.save()


def sign_in(page: Page, url: str, name: str) -> None:
    sign_in_as(page, url, f"{name}@example.org")


def open_sign_in(page: Page, url: str) -> None:
    page.goto(f"{url}/accounts/sign-in/")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def open_reading(page: Page, url: str) -> None:
    sign_in(page, url, "bob")
    page.goto(f"{url}/read/phantoms/")
    expect(page.locator("#case-title")).to_have_text(f"Case 1 of {2 * READING_PAIRS}")
    expect(page.locator("#answers")).to_be_visible()
    page.keyboard.press("y")
    page.keyboard.press("4")
    expect(page.get_by_text("Synthetic images: not patients")).to_be_visible()


def open_study(page: Page, url: str) -> None:
    sign_in(page, url, "alice")
    page.goto(f"{url}/studies/phantoms/")
    expect(page.get_by_role("heading", name="Next step")).to_be_visible()


def open_results(page: Page, url: str) -> None:
    sign_in(page, url, "alice")
    page.goto(f"{url}/results/simulated/")
    expect(page.get_by_role("heading", name="Primary comparison", exact=False)).to_be_visible()
    expect(
        page.get_by_text("Simulated readers: a program generated these answers", exact=False)
    ).to_be_visible()


def open_sweep(page: Page, url: str) -> None:
    sign_in(page, url, "rita")
    page.goto(f"{url}/runs/ff41532de728/")
    expect(page.get_by_text("finished")).to_be_visible()
    expect(page.get_by_text("Synthetic images and toy models", exact=False)).to_be_visible()


def open_progress(page: Page, url: str) -> None:
    sign_in(page, url, "rita")
    page.goto(f"{url}/runs/0c5b7de1a943/")
    expect(page.get_by_text("of 600")).to_be_visible()
    expect(page.locator(".unit-row [data-state=working]")).to_have_count(3)


def open_home(page: Page, url: str) -> None:
    sign_in(page, url, "bob")
    page.goto(f"{url}/")
    expect(page.get_by_role("link", name="Begin reading").first).to_be_visible()


def open_tools(page: Page, url: str) -> None:
    """The reading page with a window, a length, the lens, mirrored; marks are in the picture of kinds of questions."""
    open_reading(page, url)
    for key in ("Shift+Digit4", "h", "l"):
        page.keyboard.press(key)
    page.mouse.move(380, 560)
    page.mouse.down()
    page.mouse.move(760, 575, steps=4)
    page.mouse.up()
    page.keyboard.press("m")
    page.mouse.move(870, 330, steps=3)
    expect(page.locator(".view-marker")).to_have_text("mirrored left to right")
    page.wait_for_timeout(300)


def open_keys(page: Page, url: str) -> None:
    open_reading(page, url)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys and mouse")).to_be_visible()


def open_display(page: Page, url: str, name: str = "bella") -> None:
    sign_in(page, url, name)
    page.goto(f"{url}/read/checked/")
    expect(page.get_by_role("heading", name="Check your display")).to_be_visible()


def open_kinds(page: Page, url: str) -> None:
    open_display(page, url, "bob")
    for name in ("dark", "light", "ramp"):
        page.locator(f'[name="{name}"]').check()
    page.get_by_role("button", name="Go on").click()
    expect(page.locator("#answers")).to_be_visible()
    for key in ("n", "1"):
        page.keyboard.press(key)


def open_workstation(page: Page, url: str) -> None:
    sign_in(page, url, "alice")
    page.goto(f"{url}/workstation/")
    page.get_by_role("button", name="Measure").click()
    page.wait_for_selector("body[data-measured]", timeout=120_000)


PICTURES = {
    "sign-in": open_sign_in,
    "home": open_home,
    "reading": open_reading,
    "reading-tools": open_tools,
    "reading-keys": open_keys,
    "reading-display": open_display,
    "reading-kinds": open_kinds,
    "workstation": open_workstation,
    "study": open_study,
    "results": open_results,
    "sweep": open_sweep,
    "progress": open_progress,
}


@pytest.mark.parametrize("name", PICTURES)
def test_picture(page: Page, site: str, tmp_path: Path, name: str) -> None:
    page.set_viewport_size(SIZE)
    PICTURES[name](page, site)
    page.wait_for_load_state("networkidle")
    for image in page.locator("figure img").all():
        assert image.evaluate("image => image.complete && image.naturalWidth > 0")
    shown = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    page.goto("about:blank")
    assert shown.size == (SIZE["width"], SIZE["height"])
    assert len(np.unique(np.asarray(shown.convert("L")))) > FEWEST_LEVELS
    folder = IMAGES if os.environ.get("SCREENSHOTS") == "1" else tmp_path
    folder.mkdir(parents=True, exist_ok=True)
    # 256 colours are enough for greys and a few accents, at a third of the bytes.
    shown.quantize(256, dither=Image.Dither.NONE).save(folder / f"{name}.png", optimize=True)
    assert (folder / f"{name}.png").stat().st_size > 1_000


def test_results_page_prints_as_the_report(page: Page, site: str, tmp_path: Path) -> None:
    page.set_viewport_size(SIZE)
    open_results(page, site)
    page.wait_for_load_state("networkidle")
    page.pdf(path=tmp_path / "results.pdf", prefer_css_page_size=True)
    page.goto("about:blank")
    text = subprocess.run(
        ["pdftotext", "-layout", tmp_path / "results.pdf", "-"], capture_output=True, text=True, check=True
    ).stdout
    for title in ("Summary", "Protocol", "Primary comparison", "Sensitivity analyses", "Checklists"):
        assert len(re.findall(rf"^\s*{title}\s*$", text, re.M)) == 1, title
    assert "Simulated readers" in text
    assert "Do you fully agree with the label?" in text
    assert "Download the export" not in text
    shown = subprocess.run(
        ["pdftoppm", "-r", "40", "-png", "-f", "1", "-l", "1", tmp_path / "results.pdf", tmp_path / "first"],
        check=True, capture_output=True,
    )  # fmt: skip
    assert shown.returncode == 0
    (first,) = tmp_path.glob("first*.png")
    # Paper is white, whatever the page looks like on the screen.
    assert np.asarray(Image.open(first).convert("L")).mean() > 215
