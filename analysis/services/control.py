"""What people do to runs: write one into the ledger, cancel it, take it up again, try a failed unit again.

Each is atomic and tells `signals.changed` inside its transaction, so that the audit row comes with it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import F

from analysis.models import Run, Unit, UnitState
from analysis.services.ledger import now
from analysis.signals import changed


class RunError(ValueError):
    """A run cannot be changed as asked: what was expected, what was found, what to do."""


@dataclass(frozen=True)
class NewUnit:
    """A unit to write into the ledger; `member` is the seed of its checkpoint."""

    key: str
    member: int | None = None


@transaction.atomic
def register_run(
    *, run_id: str, name: str, folder: Path, spec: Mapping[str, Any], synthetic: bool, units: Sequence[NewUnit],
    actor_id: int | None = None, **more: Any,
) -> Run:  # fmt: skip
    """Write a run and its units into the ledger; a run that is there already is returned as it is.

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
        tell("run.registered", run, actor_id, units=len(units), kind_of_run=run.kind)
    return run


def add_units(*, run: Run, units: Sequence[NewUnit]) -> None:
    """Write down the units of a run, in their order."""
    Unit.objects.bulk_create(
        Unit(run=run, place=place, key=unit.key, member=unit.member) for place, unit in enumerate(units)
    )


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
        tell("run.cancelled", run, actor_id)


@transaction.atomic
def resume(*, run: Run, actor_id: int | None = None) -> None:
    """Take up a cancelled run, and give failed units another five attempts."""
    taken_up = Run.objects.filter(pk=run.pk, cancelled_at__isnull=False).update(cancelled_at=None)
    failed = Unit.objects.filter(run=run, state=UnitState.FAILED)
    again = failed.update(state=UnitState.TODO, attempts=0, error="", token=F("token") + 1)
    if taken_up or again:
        tell("run.resumed", run, actor_id, units=again)


@transaction.atomic
def retry(*, run: Run, key: str, actor_id: int | None = None) -> None:
    """Give one failed unit another five attempts.

    Raises
    ------
    RunError: the unit has not failed; nothing is changed.
    """
    failed = Unit.objects.filter(run=run, key=key, state=UnitState.FAILED)
    if not failed.update(state=UnitState.TODO, attempts=0, error="", token=F("token") + 1):
        raise RunError(f"unit {key}: expected a failed unit; it is already being tried again")
    tell("run.unit_retried", run, actor_id, unit=key)


def tell(kind: str, run: Run, actor_id: int | None, **values: Any) -> None:
    """Tell who listens what was done to a run."""
    changed.send(sender=Run, kind=kind, subject=run.run_id, actor_id=actor_id, values=values)
