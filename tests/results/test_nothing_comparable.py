"""A study closed early: what was saved is always shown and exported, also when nothing can be compared."""

import io
import json
import re
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from django.core.management import call_command
from django.test import Client

from readerstudy.results.services import open_key
from readerstudy.study.design import lifecycle
from tests.results.readings import ANSWERS, read_by_rule
from tests.stock import Stock

pytestmark = pytest.mark.django_db

WHY = "case was answered, and two are needed"


@pytest.fixture(params=[0, 1], ids=["nothing read", "one case read"])
def early(request: pytest.FixtureRequest, stock: Stock) -> Stock:
    """Bob has read at most one case, Bella nothing; reading is closed and the key open."""
    total = stock.readers[0].assignments.count()
    read_by_rule(stock.readers[0], ANSWERS["R01"], leave=total - request.param)
    study = lifecycle.close(study=stock.study, actor=stock.alice, reason="cut short")
    open_key(study=study, key=stock.case_set.key, reason="cut short", actor=stock.alice)
    study.refresh_from_db()
    return replace(stock, study=study)


def saved(early: Stock) -> int:
    return early.readers[0].assignments.filter(ratings__isnull=False).distinct().count()


def test_page_says_why_and_offers_the_export(early: Stock) -> None:
    client = Client()
    client.force_login(early.alice)
    answer = client.get("/results/chest/")
    assert answer.status_code == 200
    text = answer.content.decode()
    assert "Nothing can be compared" in text
    assert WHY in text
    assert "/results/chest/export.zip" in text
    assert f"{saved(early)} of 20 planned first readings were saved, by {saved(early)} of 2 readers" in text
    assert "Flow of readers and cases" in text
    assert "Primary comparison" not in text
    assert "Sensitivity analyses" not in text
    source = re.search(r'src="(/results/chest/figures/flow.svg[^"]+)"', text)
    assert source
    assert b"<svg" in client.get(source[1]).content
    report = client.get("/results/chest/report.html")
    assert WHY in report.content.decode()


def test_zip_holds_the_answers_and_recomputes(early: Stock, tmp_path: Path) -> None:
    client = Client()
    client.force_login(early.alice)
    response = client.get("/results/chest/export.zip")
    assert response["Content-Type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        archive.extractall(tmp_path)
    folder = tmp_path / "chest"
    ratings = pd.read_csv(folder / "ratings.csv")
    assert len(ratings) == sum(reader.assignments.count() for reader in early.readers)
    assert (ratings["agree_status"] != "missing").sum() == saved(early)
    results = json.loads((folder / "results.json").read_text())
    assert "expected answers to at least 2" in results["study"]["not_comparable"]
    assert all(row["estimate"] is None and WHY in row["note"] for row in results["comparisons"])
    assert results["missing"]
    assert (folder / "figures" / "flow.svg").exists()
    again = subprocess.run(
        [sys.executable, "recompute.py"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert (again.returncode, again.stdout[-9:]) == (0, "0 differ\n"), again.stdout + again.stderr


def test_command_writes_the_same(early: Stock, tmp_path: Path) -> None:
    call_command("export_results", "chest", out=tmp_path / "out")
    assert WHY in (tmp_path / "out" / "report.html").read_text()
    assert len(pd.read_csv(tmp_path / "out" / "order.csv").dropna(subset=["first_saved_at"])) == saved(early)
