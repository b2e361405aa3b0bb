"""Copy files of a run between hosts that share no folder: each computes in its own, a store has the rest.

Without RUNS_URL=s3://... nothing here does anything: the run's folder is shared, or there is one host. The
ledger's SHA-256 decides what counts: a file that was fetched is only kept when it is the one that was recorded.
"""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from django.conf import settings
from django.core.files import File
from django.core.files.storage import InvalidStorageError, Storage, storages

from analysis.durable import sha256_file, write_whole
from analysis.models import Run, RunKind

ALIAS = "runs"
MAY_LACK = ("custody.csv", "experts.csv")
PLAN = ("images.csv", "classes.csv", *MAY_LACK, "plan.json")
"""What a worker needs before it computes; the plan last, since its presence says that the run is prepared."""
TABLES = ("metrics.csv", "provenance.json")
SCORES = "predictions"


class MirrorError(Exception):
    """A file of a run could not be fetched: the store does not answer, or refuses."""


class MissingError(MirrorError):
    """The store answers, and does not hold the file."""


def store() -> Storage | None:
    """Return the store that RUNS_URL names; None when runs are files of a folder."""
    try:
        return storages[ALIAS]
    except InvalidStorageError:
        return None


def folder_of(run: Run) -> Path:
    """Return the run's folder on this host."""
    mirrored = store() is not None and run.kind == RunKind.SWEEP
    return settings.RUNS_ROOT / run.run_id if mirrored else Path(run.folder)


def at_hand(run: Run) -> Run:
    """Return the run as a page reads it: its tables are here, and `folder` names this host's (in memory only)."""
    if store() is not None and run.kind == RunKind.SWEEP:
        gather_tables(run)
        run.folder = str(folder_of(run))
    return run


def prepared_folder(run: Run) -> Path:
    """Return the run's folder on this host, with its plan fetched if this host has none.

    Raises
    ------
    MirrorError: the store does not hold the plan.
    """
    folder = folder_of(run)
    if not (folder / PLAN[-1]).exists():
        for name in MAY_LACK:  # none without expert labels, and none that version 0.1.0 prepared
            with suppress(MissingError):
                fetch(run, [name])
        fetch(run, [name for name in PLAN if name not in MAY_LACK])
    return folder


def send(run: Run, names: Iterable[str]) -> None:
    """Upload files of this host's folder, in their order."""
    objects = store()
    if objects is None:
        return
    folder = folder_of(run)
    for name in names:
        if (folder / name).exists():
            with (folder / name).open("rb") as stream:
                objects.save(f"{run.run_id}/{name}", File(stream))


def fetch(run: Run, names: Iterable[str]) -> None:
    """Download files into this host's folder, each whole or not at all.

    Raises
    ------
    MissingError: one is missing.
    MirrorError: the store does not answer; whether it holds the file is not known.
    """
    objects = store()
    if objects is None:
        return
    for name in names:
        try:
            with objects.open(f"{run.run_id}/{name}") as stream:
                content = stream.read()
        except FileNotFoundError as error:
            raise MissingError(f"run {run.run_id}: expected {name} in the store, got nothing") from error
        except Exception as error:  # the client library's own errors, of many kinds
            raise MirrorError(
                f"run {run.run_id}: expected {name} in the store, got {type(error).__name__}"
            ) from error
        write_whole(folder_of(run) / name, content)


def send_scores(run: Run, names: Iterable[str]) -> None:
    """Upload score files and, before each, the note with its digest and timing."""
    for name in names:
        send(run, [f"{SCORES}/{Path(name).with_suffix('.json')}", f"{SCORES}/{name}"])


def gather_scores(run: Run, recorded: Iterable[Mapping[str, str]]) -> None:
    """Fetch the score files that are not here as recorded: name to SHA-256, one mapping per unit.

    A host that was killed between the two files of a unit has good scores without their note, so both count.
    What the store does not hold stays away, and its unit is done again.

    Raises
    ------
    MirrorError: the store does not answer. Nothing is known to be lost then, and nothing is to be done again.
    """
    if store() is None:
        return
    folder = prepared_folder(run) / SCORES
    for name, sha256 in (pair for unit in recorded for pair in unit.items()):
        note = Path(name).with_suffix(".json").name
        here = (folder / name).exists() and sha256_file(folder / name) == sha256
        if here and _noted(folder / note) == sha256:
            continue
        try:
            fetch(run, [f"{SCORES}/{name}", f"{SCORES}/{note}"])
        except MissingError:
            (folder / note).unlink(missing_ok=True)


def gather_tables(run: Run) -> None:
    """Fetch the tables of a finished run that another host wrote."""
    missing = [name for name in TABLES if not (folder_of(run) / name).exists()]
    if store() is not None and run.finished_at is not None and missing:
        prepared_folder(run)
        fetch(run, missing)


def _noted(note: Path) -> str:
    """Return the digest that a score file's note tells; nothing when there is no such note."""
    try:
        return str(json.loads(note.read_text())["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
