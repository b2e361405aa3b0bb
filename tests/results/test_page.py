"""The results page, also for studies in which readers could not assess something."""

import os
import time
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from readerstudy.commands import start_apart
from readerstudy.results import computed
from readerstudy.results.services import open_key
from readerstudy.study.design import lifecycle
from readerstudy.study.models import Study
from readerstudy.study.phases import Phase, StudyError
from readerstudy.study.protocol import Protocol
from tests.stock import Stock

pytestmark = pytest.mark.django_db

TITLES = ("Label agreement", "Image quality", "Difficulty")


def page(stock: Stock) -> str:
    client = Client()
    client.force_login(stock.alice)
    answer = client.get("/results/chest/")
    assert answer.status_code == 200
    return answer.content.decode()


def test_page_names_each_question_once_as_primary(opened: Stock) -> None:
    """The stock readers could not assess some cases; rows about that are no questions of their own."""
    text = page(opened)
    for title in TITLES:
        assert text.count(f"<h3>{title}</h3>") == 1
    assert text.count("<h3>") == len(TITLES)
    assert "Download the export" in text


def test_forgotten_draft_does_not_hold_a_key_back_and_can_never_be_read(closed: Stock) -> None:
    draft = lifecycle.create_study(slug="draft", title="Draft", protocol=Protocol(), actor=closed.alice)
    Study.objects.filter(pk=draft.pk).update(
        sealed_sha256=closed.study.sealed_sha256, cases_sha256=closed.study.cases_sha256
    )
    open_key(study=closed.study, key=closed.case_set.key, reason="reading is over", actor=closed.alice)
    with pytest.raises(StudyError, match="has been opened"):
        lifecycle.lock(study=draft, actor=closed.alice)
    draft.refresh_from_db()
    assert draft.phase == Phase.DRAFT


def test_short_name_of_a_page_is_refused(stock: Stock) -> None:
    with pytest.raises(StudyError, match="'new' is a page of the site"):
        lifecycle.create_study(slug="new", title="New", protocol=Protocol(), actor=stock.alice)
    client = Client()
    client.force_login(stock.alice)
    answer = client.post("/studies/new/", {"title": "New", "slug": "new"})
    assert "is a page of the site" in answer.content.decode()
    assert not Study.objects.filter(slug="new").exists()


def test_a_large_study_is_computed_apart_and_the_page_says_how_far_it_is(
    opened: Stock, monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path
) -> None:
    settings.EXPORTS_ROOT = tmp_path
    begun: list[tuple[str, ...]] = []
    monkeypatch.setattr(computed, "AT_ONCE", 1)
    monkeypatch.setattr(computed, "start_apart", lambda *words: begun.append(words))
    client = Client()
    client.force_login(opened.alice)
    for _ in range(2):  # the second visit begins nothing again
        answer = client.get("/results/chest/")
        assert answer.status_code == 202
        assert "20 readings are analysed" in answer.content.decode()
    assert begun == [("compute_results", "chest")]
    for address in ("export.zip", "report.html"):
        assert client.get(f"/results/chest/{address}").headers["Location"] == "/results/chest/"
    call_command(*begun[0])
    answer = client.get("/results/chest/")
    assert answer.status_code == 200
    assert "<h3>Label agreement</h3>" in answer.content.decode()
    assert client.get("/results/chest/report.html").status_code == 200


def test_a_computation_that_died_is_begun_again(
    opened: Stock, monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path
) -> None:
    settings.EXPORTS_ROOT = tmp_path
    begun: list[tuple[str, ...]] = []
    monkeypatch.setattr(computed, "start_apart", lambda *words: begun.append(words))
    made = computed.computed(opened.study)
    made.begin()
    made.begin()
    assert len(begun) == 1
    old = time.time() - computed.FORGOTTEN.total_seconds() - 1
    os.utime(made.folder / computed.BEGUN, (old, old))
    made.begin()
    assert len(begun) == 2


def test_a_command_started_apart_outlives_who_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real process: it runs the program's own entry, in a session of its own."""
    monkeypatch.setenv("READERSTUDY_HOME", str(tmp_path / "site"))
    start_apart("setup")
    for _ in range(600):
        if (tmp_path / "site" / "site.env").exists():
            return
        time.sleep(0.1)
    raise AssertionError("expected the command to make the site's folder within a minute")
