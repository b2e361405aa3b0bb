"""What people do to runs: register one in the ledger, cancel it, resume it, retry a failed unit.

Each is atomic and sends `signals.changed` inside its transaction, so that the audit row is part of it. A finished RUN
folder made elsewhere (imported, or swept without a database) is verified before it is registered.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from django.db import transaction

from analysis.columns import FrameError
from analysis.errors import RefusedError
from analysis.models import Run, RunKind, Unit, UnitState
from analysis.selection import Run as Read
from analysis.selection import SelectionError, read_run
from analysis.services import ledger
from analysis.services.ledger import now
from analysis.signals import tell


class RunError(RefusedError):
    """A run cannot be changed as asked: what was expected, what was found, what to do."""


@transaction.atomic
def register_run(
    *, run_id: str, name: str, folder: Path, spec: Mapping[str, Any], synthetic: bool, units: Sequence[Unit],
    actor_id: int | None = None, **more: Any,
) -> Run:  # fmt: skip
    """Write a run and its units into the ledger; a run that is there already is returned as it is.

    `units`: unsaved, with key, seed (`member`) and, where there is but one, condition, in the order of the work.
    `more`: other fields of the run (kind, full_spec, requested_as, data_set, ensemble).
    """
    values = {
        "name": name,
        "folder": str(folder),
        "spec": dict(spec),
        "synthetic": synthetic,
        "created_by_id": actor_id,
        **more,
    }
    run, made = Run.objects.get_or_create(run_id=run_id, defaults=values)
    if made:
        add_units(run=run, units=units)
        tell("run.registered", run.run_id, actor_id, units=len(units), kind_of_run=run.kind)
    return run


def add_units(*, run: Run, units: Sequence[Unit]) -> None:
    """Write down the units of a run, in their order."""
    for place, unit in enumerate(units):
        unit.run, unit.place = run, place
    Unit.objects.bulk_create(units)


@transaction.atomic
def cancel(*, run: Run, actor_id: int | None = None) -> None:
    """Stop a run: no unit is claimed any more, and workers notice at their next heartbeat.

    Raises
    ------
    RunError: the run is finished.
    """
    if Run.objects.filter(pk=run.pk, finished_at__isnull=False).exists():
        raise RunError(f"run {run.run_id}: expected an unfinished run; there is nothing to cancel")
    if Run.objects.filter(pk=run.pk, cancelled_at__isnull=True).update(cancelled_at=now()):
        tell("run.cancelled", run.run_id, actor_id)


@transaction.atomic
def resume(*, run: Run, actor_id: int | None = None) -> None:
    """Take up a cancelled run, and give failed units another five attempts."""
    taken_up = Run.objects.filter(pk=run.pk, cancelled_at__isnull=False).update(cancelled_at=None)
    failed = Unit.objects.filter(run=run, state=UnitState.FAILED)
    again = failed.update(state=UnitState.TODO, attempts=0, error="")
    if taken_up or again:
        tell("run.resumed", run.run_id, actor_id, units=again)


@transaction.atomic
def retry(*, run: Run, key: str, actor_id: int | None = None) -> None:
    """Give one failed unit another five attempts.

    Raises
    ------
    RunError: the unit has not failed; nothing is changed.
    """
    failed = Unit.objects.filter(run=run, key=key, state=UnitState.FAILED)
    if not failed.update(state=UnitState.TODO, attempts=0, error=""):
        raise RunError(f"unit {key}: expected a failed unit; it is already being tried again")
    tell("run.unit_retried", run.run_id, actor_id, unit=key)


RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What a run may be called: its name is part of the addresses of its pages."""


def register_folder(*, folder: Path) -> Run:
    """Verify every file of a finished RUN folder against its provenance and write it down as a finished run.

    Raises
    ------
    RunError: no finished run there, a damaged file, or another folder of the same run in the ledger.
    """
    folder = folder.absolute()
    try:
        read = read_run(folder)
    except (SelectionError, FrameError) as error:
        raise RunError(f"{error}; use the whole folder as the sweep or the import wrote it") from error
    _refuse_strange(folder, read.provenance)
    there = Run.objects.filter(run_id=read.run_id).first()
    if there is None:
        return _write(read)
    if Path(there.folder) != folder:
        raise RunError(f"run {there.run_id}: expected a new run, the ledger already has it in {there.folder}")
    return there


def _refuse_strange(folder: Path, said: Mapping[str, Any]) -> None:
    """Refuse what would be shown on pages and is not what a sweep or an import writes."""
    path = folder / "provenance.json"
    if not isinstance(said["run_id"], str) or not RUN_ID.fullmatch(said["run_id"]):
        raise RunError(
            f"{path}: expected a run_id of 1 to 64 letters, digits, hyphens and underscores, "
            f"got {str(said['run_id'])[:80]!r}; use the folder as the sweep or the import wrote it"
        )
    for name in ("spec", "imported"):
        if not isinstance(said.get(name) or {}, dict):
            raise RunError(f"{path}: expected {name} as an object, got {type(said[name]).__name__}")


@transaction.atomic
def _write(read: Read) -> Run:
    said, imported = read.provenance, read.provenance.get("imported")
    dataset = (imported or {}).get("dataset") or (said.get("spec") or {}).get("data", {}).get("name", "")
    files = sorted(read.predictions.items(), key=lambda item: item[1].name)
    run = register_run(
        run_id=read.run_id, kind=RunKind.IMPORT if imported else RunKind.SWEEP, name=dataset or read.folder.name,
        folder=read.folder, spec=said.get("spec") or {"imported": {"dataset": dataset}},
        synthetic=read.synthetic,
        units=[Unit(key=path.stem, member=seed, condition=name) for (seed, name), path in files],
    )  # fmt: skip
    for _, path in files:
        artefacts = {path.name: said["predictions"][path.name]}
        Unit.objects.filter(run=run, key=path.stem).update(state=UnitState.DONE, artefacts=artefacts)
    ledger.mark_finished(run=run)
    run.refresh_from_db()
    return run
