"""The results page, also for studies in which readers could not assess something."""

import fcntl
import subprocess
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
    with pytest.raises(StudyError, match="the key of these cases is open"):
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
    begun = begun_by(monkeypatch)
    monkeypatch.setattr(computed, "AT_ONCE", 1)
    client = Client()
    client.force_login(opened.alice)
    for _ in range(2):  # the second visit begins nothing again
        answer = client.get("/results/chest/")
        assert answer.status_code == 202
        assert "20 readings are analysed" in answer.content.decode()
    assert [words for words, _ in begun] == [("compute_results", "chest")]
    for address in ("export.zip", "report.html"):
        assert client.get(f"/results/chest/{address}").headers["Location"] == "/results/chest/"
    call_command(*begun[0][0])
    begun[0][1].kill()
    begun[0][1].wait()
    answer = client.get("/results/chest/")
    assert answer.status_code == 200
    assert "<h3>Label agreement</h3>" in answer.content.decode()
    assert client.get("/results/chest/report.html").status_code == 200


def begun_by(monkeypatch: pytest.MonkeyPatch, seconds: int = 60) -> list[Any]:
    """Have a process sleep that holds what the computing one would; return a list of words and process, as begun."""
    begun: list[Any] = []

    def start(*words: str, holding: tuple[int, ...]) -> None:
        begun.append((words, subprocess.Popen(["sleep", str(seconds)], pass_fds=holding)))

    monkeypatch.setattr(computed, "start_apart", start)
    return begun


@pytest.mark.parametrize("killed", [True, False])
def test_a_computation_that_died_is_told_at_once_and_begun_again_when_asked(
    opened: Stock, monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path, killed: bool
) -> None:
    settings.EXPORTS_ROOT = tmp_path
    begun = begun_by(monkeypatch, 60 if killed else 0)
    monkeypatch.setattr(computed, "AT_ONCE", 1)
    client = Client()
    client.force_login(opened.alice)
    assert client.get("/results/chest/").status_code == 202
    if killed:
        assert client.get("/results/chest/").status_code == 202
        begun[0][1].kill()
    begun[0][1].wait()
    for _ in range(2):
        answer = client.get("/results/chest/")
        assert answer.status_code == 200
        assert "The results could not be computed" in answer.content.decode()
        assert "computing.mjs" not in answer.content.decode()
    assert len(begun) == 1
    assert client.get("/results/chest/?again").status_code == 202
    assert len(begun) == 2
    begun[1][1].kill()
    begun[1][1].wait()


def test_a_command_started_apart_outlives_who_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real process: it runs the program's own entry, in a session of its own."""
    monkeypatch.setenv("READERSTUDY_HOME", str(tmp_path / "site"))
    with (tmp_path / "held").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        start_apart("setup", holding=(file.fileno(),))
    with (tmp_path / "held").open("a") as again:
        with pytest.raises(BlockingIOError):
            fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(again, fcntl.LOCK_EX)  # it is let go when the command ends
    assert (tmp_path / "site" / "site.env").exists()
