"""Hostile RUN folders, backups and kept heads are refused by a named error at every command that reads them."""

import io
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from analysis.columns import FrameError
from analysis.models import Run
from analysis.selection import SelectionError, read_run
from analysis.services.control import RunError, register_folder
from readerstudy.ops.backup.manifest import BackupError, verify
from tests.hostile import folders

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _ends() -> Iterator[None]:
    """End what would wait for ever, as an open pipe makes a reader do."""

    def end(*_: object) -> None:
        raise AssertionError("it took longer than 30 s")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(30)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def test_the_honest_ones_are_taken(tmp_path: Path) -> None:
    run = folders.run_folder(tmp_path / "run")
    assert len(read_run(run).images) == 20
    assert register_folder(folder=run).units.count() == 2
    assert verify(folders.backup_folder(tmp_path / "backup"))["database"] == "database.sqlite3"


@pytest.mark.parametrize("name", [*folders.RUNS, *folders.NAMES])
def test_the_ledger_takes_no_false_run(name: str, tmp_path: Path) -> None:
    place = folders.run_folder(tmp_path / "run")
    (folders.RUNS | folders.NAMES)[name](place)
    with pytest.raises(RunError):
        register_folder(folder=place)
    with pytest.raises(CommandError):
        call_command("register_run", str(place))
    assert not Run.objects.exists()


@pytest.mark.parametrize("name", [*folders.RUNS, *folders.INSIDE])
def test_the_selection_takes_no_false_run(name: str, tmp_path: Path) -> None:
    place = folders.run_folder(tmp_path / "run")
    (folders.RUNS | folders.INSIDE)[name](place)
    with pytest.raises((SelectionError, FrameError)):
        _read_all(place)
    for command in (
        ("analyse_run", str(place), "--out", str(tmp_path / "out")),
        (
            "write_case_set", str(place), "--images", str(tmp_path), "--out", str(tmp_path / "out"),
            "--key-out", str(tmp_path / "key" / "key.csv"),
        ),
    ):  # fmt: skip
        with pytest.raises(CommandError):
            call_command(*command)
        assert not (tmp_path / "out").exists()


def _read_all(place: Path) -> None:
    run = read_run(place)
    for seed in run.seeds:
        for condition in run.conditions:
            run.scores(seed, condition)


@pytest.mark.parametrize("name", folders.BACKUPS)
def test_no_false_backup_is_verified_or_restored(name: str, tmp_path: Path, settings: Any) -> None:
    place = folders.backup_folder(tmp_path / "backup")
    folders.BACKUPS[name](place)
    for root in ("FRAMES_ROOT", "RUNS_ROOT", "EXPORTS_ROOT"):
        setattr(settings, root, tmp_path / "site" / root)
    with pytest.raises(BackupError):
        verify(place)
    for more in ((), ("--verify-only",)):
        with pytest.raises(CommandError):
            call_command("restore", str(place), *more)
    assert not (tmp_path / "site").exists()


@pytest.mark.parametrize("name", folders.PLACES)
def test_no_file_of_a_backup_is_put_where_none_belongs(name: str, tmp_path: Path, settings: Any) -> None:
    place = folders.backup_folder(tmp_path / "backup", name)
    settings.HOME = tmp_path / "site"
    for root in ("FRAMES_ROOT", "RUNS_ROOT", "EXPORTS_ROOT", "STATIC_ROOT", "BROKER_ROOT"):
        setattr(settings, root, settings.HOME / root.removesuffix("_ROOT").lower())
    settings.AUDIT_ANCHOR = settings.HOME / "audit-anchor.jsonl"
    with pytest.raises(CommandError, match="expected files of"):
        call_command("restore", str(place))
    assert not settings.HOME.exists()


HEADS = dict(folders.heads())


@pytest.mark.parametrize("name", HEADS)
def test_no_false_heads_are_believed(name: str, tmp_path: Path) -> None:
    (tmp_path / "heads.json").write_bytes(HEADS[name])
    with pytest.raises(CommandError):
        call_command(
            "verify_audit",
            "--heads",
            str(tmp_path / "heads.json"),
            stdout=io.StringIO(),
            stderr=io.StringIO(),
        )
