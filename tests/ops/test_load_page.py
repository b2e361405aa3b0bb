"""An admin loads a handover from the site's folder by name; nothing else can be named."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from readerstudy.cases import loader
from readerstudy.cases.loader import AlreadyLoadedError
from readerstudy.cases.loading import SILENT_FOR
from readerstudy.cases.models import Loading
from readerstudy.ops import loading
from readerstudy.ops.loading import load_into_study, offered_sets, start_load
from readerstudy.study.design import lifecycle
from readerstudy.study.models import Study
from readerstudy.study.phases import PhaseError, StudyError
from readerstudy.study.protocol import Protocol
from tests.stock import Stock, make_case_set

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(settings: Any, tmp_path: Path) -> Path:
    """A folder of handovers: one set, its key by mistake, a damaged set, a link."""
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
    return lifecycle.create_study(slug="fresh", title="Fresh", protocol=Protocol(), actor=stock.alice)


def test_whole_sets_are_offered_by_name(folder: Path, settings: Any) -> None:
    assert [(each.folder.name, len(each.cases)) for each in offered_sets()] == [("chests", 2)]
    settings.CASE_SETS = folder / "nowhere"
    assert offered_sets() == []


@pytest.mark.parametrize("name", ["damaged", "linked", "../sets/chests", "key.csv", ".", ""])
def test_nothing_else_can_be_loaded(
    folder: Path, study: Study, stock: Stock, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def begun(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("a process was begun")

    monkeypatch.setattr(subprocess, "Popen", begun)
    with pytest.raises(StudyError, match="folder of handovers, got"):
        start_load(study=study, name=name, practice=False, actor=stock.alice)
    client = Client()
    client.force_login(stock.alice)
    page = client.post("/studies/fresh/load/", {"name": name, "use": "cases"}, follow=True)
    assert "Choose a case set that is offered" in page.content.decode()


def test_a_study_that_has_its_cases_or_is_locked_is_refused(folder: Path, stock: Stock, study: Study) -> None:
    with pytest.raises(PhaseError, match="it is reading"):
        start_load(study=stock.study, name="chests", practice=False, actor=stock.alice)
    Study.objects.filter(pk=study.pk).update(practice_key=study.key)
    with pytest.raises(AlreadyLoadedError, match="practice cases"):
        start_load(study=Study.objects.get(pk=study.pk), name="chests", practice=True, actor=stock.alice)


def test_page_offers_or_says_what_to_do(folder: Path, stock: Stock, study: Study, settings: Any) -> None:
    client = Client()
    client.force_login(stock.alice)
    assert "chests, 2 cases" in client.get("/studies/fresh/load/").content.decode()
    assert "/studies/fresh/load/" in client.get("/studies/fresh/").content.decode()
    settings.CASE_SETS = folder / "nowhere"
    assert "No case set found" in client.get("/studies/fresh/load/").content.decode()
    assert "can no longer change" in client.get("/studies/chest/load/").content.decode()


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that were begun; none of them runs."""
    commands: list[list[str]] = []
    monkeypatch.setattr(loading, "start_apart", lambda *words: commands.append(list(words)))
    return commands


def test_a_second_press_does_nothing_until_the_load_is_over_or_silent(
    folder: Path, stock: Stock, study: Study, begun: list[list[str]]
) -> None:
    client = Client()
    client.force_login(stock.alice)

    def press(use: str = "cases") -> str:
        page = client.post("/studies/fresh/load/", {"name": "chests", "use": use}, follow=True)
        return page.content.decode()

    assert "has started" in press()
    Loading.objects.filter(study=study.key).update(done=1, total=2)
    before = list(Loading.objects.values())
    assert "already running" in press()
    assert list(Loading.objects.values()) == before
    assert len(begun) == 1
    assert "has started" in press("practice"), "practice cases are another load"
    Loading.objects.update(told_at=timezone.now() - 2 * SILENT_FOR)
    assert "has started" in press(), "a load that was killed holds nobody up"
    Loading.objects.update(state=Loading.State.REFUSED)
    assert "has started" in press()
    assert len(begun) == 4


def test_a_set_whose_key_is_open_is_refused_at_the_press_and_before_decoding(
    folder: Path, stock: Stock, study: Study, begun: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed = offered_sets()[0].key_digest
    other = lifecycle.create_study(slug="opened", title="Opened", protocol=Protocol(), actor=None)
    Study.objects.filter(pk=other.pk).update(sealed_sha256=sealed, unblinded_at=timezone.now())
    with pytest.raises(StudyError, match="the study 'opened' has opened it"):
        start_load(study=study, name="chests", practice=False, actor=stock.alice)
    assert begun == []
    assert not Loading.objects.filter(study=study.key).exists()
    monkeypatch.setattr(loader, "decode_confined", lambda *_, **__: pytest.fail("an image was decoded"))
    with pytest.raises(StudyError, match="the study 'opened' has opened it"):
        load_into_study(study=study, folder=folder / "chests", actor=stock.alice)
    assert Loading.objects.get(study=study.key).state == Loading.State.REFUSED
    assert not (settings.FRAMES_ROOT / str(study.key)).exists()


def test_practice_cases_that_are_the_study_s_own_are_refused_before_decoding(
    folder: Path, stock: Stock, study: Study, begun: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    Study.objects.filter(pk=study.pk).update(sealed_sha256=offered_sets()[0].key_digest)
    monkeypatch.setattr(loader, "decode_confined", lambda *_, **__: pytest.fail("an image was decoded"))
    with pytest.raises(StudyError):
        start_load(study=study, name="chests", practice=True, actor=stock.alice)
    with pytest.raises(StudyError):
        load_into_study(practice=True, study=study, folder=folder / "chests", actor=stock.alice)
    assert begun == []
