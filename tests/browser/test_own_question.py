"""A question that an admin writes in the browser is read, analysed, exported, computed again and planned for."""

import csv
import io
import json
import random
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from analysis.caseset import read_key
from readerstudy.results.services import open_key
from readerstudy.study.design import lifecycle
from readerstudy.study.models import Study
from readerstudy.study.protocol import Protocol
from readerstudy.study.reading.answering import save_answers
from readerstudy.study.reading.stages import place_of
from readerstudy.study.reading.visits import begin
from tests import stock
from tests.browser.conftest import _empty_the_audit_trail, lock, sign_in_as
from tests.results.readings import given
from tests.results.test_export import recomputed

pytestmark = [pytest.mark.browser, pytest.mark.django_db]

ASKED = "How much motion blur is there?"


@pytest.fixture(scope="module")
def site(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, stock.Stock]]:
    """Serve a draft study with its cases and two readers."""
    with django_db_blocker.unblock():
        people = stock.make_stock(tmp_path_factory.mktemp("own"), pairs=6, reading=False, locked=False)
        server = LiveServer("127.0.0.1")
        yield server.url, people
        server.stop()
        _empty_the_audit_trail()
        call_command("flush", verbosity=0, interactive=False)


def test_a_fourth_question_goes_the_whole_way(
    page: Page, site: tuple[str, stock.Stock], tmp_path: Path
) -> None:
    url, people = site
    sign_in_as(page, url, people.alice.email)
    _add_the_question(page, url)
    _plan_for_it(page, url)
    _lock_and_read(page, url, people)
    page.goto(f"{url}/results/chest/")
    expect(page.get_by_text("had more motion blur than").first).to_be_visible()
    expect(page.get_by_role("heading", name="Motion blur").first).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the export").click()
    _check_export(Path(download.value.path()).read_bytes(), tmp_path)
    page.goto("about:blank")


def _add_the_question(page: Page, url: str) -> None:
    page.goto(f"{url}/studies/chest/protocol/")
    page.get_by_text("Add a question").click()
    page.get_by_role("link", name="Scale").click()
    page.get_by_label("Question", exact=True).fill(ASKED)
    page.get_by_label("Name in exports").fill("blur")
    page.get_by_label("Levels").fill("1 = none\n2 = little\n3 = some\n4 = much\n5 = all")
    page.get_by_label("Analyse this question as an endpoint").check()
    page.get_by_label("Title in results").fill("Motion blur")
    page.get_by_label("The highest").check()
    page.get_by_label("Lower answers mean").fill("less motion blur")
    page.get_by_label("Higher answers mean").fill("more motion blur")
    page.get_by_role("button", name="Save the question").click()
    expect(page.locator(".question-text", has_text=ASKED)).to_be_visible()
    assert Protocol.from_json(Study.objects.get(slug="chest").protocol).endpoints[-1] == "blur"


def _plan_for_it(page: Page, url: str) -> None:
    page.goto(f"{url}/studies/chest/planning/")
    page.get_by_label("Endpoint").select_option(label=ASKED)
    page.get_by_role("button", name="Compute").click()
    expect(page.get_by_text("are “much” or “all”")).to_be_visible()


def _lock_and_read(page: Page, url: str, people: stock.Stock) -> None:
    page.goto(f"{url}/studies/chest/")
    lock(page)
    page.get_by_role("button", name="Open the reading room").click()
    expect(page.get_by_role("heading", name="Next step")).to_be_visible()
    rows = read_key(people.case_set.key).rows
    arms = dict(zip(rows["case"], rows["arm"], strict=True))
    study = Study.objects.get(slug="chest")
    for reader in study.readers.select_related("study", "person"):
        begin(reader=reader)
        while (current := place_of(reader).current) is not None:
            drawn = random.Random(f"{current.case.key} {reader.pseudonym}")
            answers = {
                "agree": drawn.randint(0, 1), "quality": drawn.randint(1, 5), "difficulty": drawn.randint(1, 5),
                "blur": drawn.randint(1, 3) + 2 * arms[current.case.key],
            }  # fmt: skip
            save_answers(
                reader=reader, public_id=current.public_id, idempotency_key=uuid.uuid4(), revision=0,
                answers={name: given(value) for name, value in answers.items()}, comment="",
                times={"visible_ms": 5000.0}, display={},
            )  # fmt: skip
    study = lifecycle.close(study=study, actor=None, reason="everybody has finished")
    open_key(study=study, key=people.case_set.key, reason="to see", actor=None)


def _check_export(data: bytes, folder: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        archive.extractall(folder)
    (out,) = folder.iterdir()
    rows = list(csv.DictReader((out / "ratings.csv").read_text(encoding="utf-8").splitlines()))
    assert {row["blur_status"] for row in rows} == {"answered"}
    asked = json.loads((out / "endpoints.json").read_text(encoding="utf-8"))["questions"]
    assert asked[3]["question"] == ASKED
    assert (asked[3]["worse"], asked[3]["more"]) == ("high", "more motion blur")
    imrmc = (out / "imrmc" / "ratings.imrmc").read_text(encoding="utf-8")
    assert imrmc.count(",blur,") == len(rows)
    assert "NM: 4" in imrmc
    report = (out / "report.html").read_text(encoding="utf-8")
    assert "PIEs had more motion blur than controls" in report
    done = recomputed(out)
    assert done.stdout.endswith(" 0 differ\n"), done.stdout + done.stderr
