"""An admin loads a hand-over from the site's folder by name; nothing else can be named."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from readerstudy.ops.loading import offered_sets, start_load
from readerstudy.study import services
from readerstudy.study.models import Study
from readerstudy.study.phases import PhaseError
from readerstudy.study.protocol import Protocol
from readerstudy.study.services import StudyError
from tests.stock import Stock, make_case_set

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(settings: Any, tmp_path: Path) -> Path:
    """A folder of hand-overs: one set, its key by mistake, a damaged set, a link."""
    settings.CASE_SETS = tmp_path / "sets"
    settings.CASE_SETS.mkdir()
    written = make_case_set(tmp_path / "made", pairs=1, nonce=b"\x41" * 32)
    shutil.move(written.folder, settings.CASE_SETS / "chests")
    shutil.copy(written.key, settings.CASE_SETS / "key.csv")
    shutil.copytree(settings.CASE_SETS / "chests", settings.CASE_SETS / "damaged")
    (settings.CASE_SETS / "damaged" / "cases.csv").write_text("case\n")
    (settings.CASE_SETS / "linked").symlink_to(settings.CASE_SETS / "chests")
    return settings.CASE_SETS


@pytest.fixture
def study(stock: Stock) -> Study:
    return services.create_study(slug="fresh", title="Fresh", protocol=Protocol(), actor=stock.alice)


def test_whole_sets_are_offered_by_name(folder: Path, settings: Any) -> None:
    assert [(each.name, each.cases) for each in offered_sets()] == [("chests", 2)]
    settings.CASE_SETS = folder / "nowhere"
    assert offered_sets() == []


@pytest.mark.parametrize("name", ["damaged", "linked", "../sets/chests", "key.csv", ".", ""])
def test_nothing_else_can_be_loaded(
    folder: Path, study: Study, stock: Stock, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def begun(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("a process was begun")

    monkeypatch.setattr(subprocess, "Popen", begun)
    with pytest.raises(StudyError, match="is none"):
        start_load(study=study, name=name, practice=False, actor=stock.alice)
    client = Client()
    client.force_login(stock.alice)
    page = client.post("/studies/fresh/load/", {"name": name, "use": "cases"}, follow=True)
    assert "Choose a case set that is offered" in page.content.decode()


def test_a_study_that_has_its_cases_or_is_locked_is_refused(folder: Path, stock: Stock, study: Study) -> None:
    with pytest.raises(PhaseError, match="it is reading"):
        start_load(study=stock.study, name="chests", practice=False, actor=stock.alice)
    Study.objects.filter(pk=study.pk).update(practice_key=study.key)
    with pytest.raises(StudyError, match="practice cases"):
        start_load(study=Study.objects.get(pk=study.pk), name="chests", practice=True, actor=stock.alice)


def test_page_offers_or_says_what_to_do(folder: Path, stock: Stock, study: Study, settings: Any) -> None:
    client = Client()
    client.force_login(stock.alice)
    assert "chests, 2 cases" in client.get("/studies/fresh/load/").content.decode()
    assert "/studies/fresh/load/" in client.get("/studies/fresh/").content.decode()
    settings.CASE_SETS = folder / "nowhere"
    assert "No case set is here" in client.get("/studies/fresh/load/").content.decode()
    assert "do not change any more" in client.get("/studies/chest/load/").content.decode()
