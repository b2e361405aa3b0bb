"""Claim, keep, finish and give back units of work.

A claim is a conditional update: of many workers exactly one gets the unit. It raises the fencing token, and
every later write asks for that token, so that a worker that was thought dead can change nothing any more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from analysis.models import Run, Unit, UnitState

MAX_ATTEMPTS = 5
"""A unit that was tried this often without a result is left alone and shown as failed."""


@dataclass(frozen=True)
class Claim:
    """A unit that is ours until its lease runs out, as long as nobody raised its token."""

    unit_id: int
    run_id: int
    key: str
    token: int


@transaction.atomic
def register_run(
    *, run_id: str, name: str, folder: Path, spec: Mapping[str, Any], synthetic: bool, keys: Sequence[str],
    actor_id: int | None = None,
) -> Run:  # fmt: skip
    """Write a run and its units into the ledger; a run that is there already is returned as it is."""
    values = {
        "name": name,
        "folder": str(folder),
        "spec": dict(spec),
        "synthetic": synthetic,
        "created_by_id": actor_id,
    }
    run, made = Run.objects.get_or_create(run_id=run_id, defaults=values)
    if made:
        Unit.objects.bulk_create(Unit(run=run, place=place, key=key) for place, key in enumerate(keys))
    return run


def open_units(now: datetime | None = None) -> QuerySet[Unit]:
    """Return the units that anybody may claim: to do, or working under a lease that has run out."""
    now = now or timezone.now()
    return Unit.objects.filter(run__cancelled_at__isnull=True).filter(
        Q(state=UnitState.TODO) | Q(state=UnitState.WORKING, lease_until__lt=now)
    )


def claim_next(*, worker: str, lease_seconds: float, run: Run | None = None) -> Claim | None:
    """Take the first open unit, of one run or of any; None when nothing is open.

    Neighbouring units share a checkpoint, so a worker takes them in their order.
    """
    while True:
        now = timezone.now()
        units = open_units(now) if run is None else open_units(now).filter(run=run)
        unit = units.order_by("run__created_at", "place").first()
        if unit is None:
            return None
        if unit.attempts >= MAX_ATTEMPTS:
            _give_up(unit, now)
            continue
        taken = (
            open_units(now)
            .filter(pk=unit.pk, token=unit.token)
            .update(
                state=UnitState.WORKING,
                token=unit.token + 1,
                attempts=unit.attempts + 1,
                lease_until=now + timedelta(seconds=lease_seconds),
                worker=worker,
                started_at=now,
                error="",
            )
        )
        if taken:
            return Claim(unit.pk, unit.run_id, unit.key, unit.token + 1)


def keep(claim: Claim, *, lease_seconds: float) -> bool:
    """Prolong the lease; False when the unit is no longer ours or the run was cancelled: stop working."""
    until = timezone.now() + timedelta(seconds=lease_seconds)
    return bool(_ours(claim).filter(run__cancelled_at__isnull=True).update(lease_until=until))


def finish(claim: Claim, *, artefacts: Mapping[str, str]) -> bool:
    """Record the files of a unit, name to SHA-256; False when it is no longer ours, and nothing changed."""
    values = {"artefacts": dict(artefacts), "lease_until": None, "finished_at": timezone.now()}
    return bool(_ours(claim).update(state=UnitState.DONE, **values))


def fail(claim: Claim, *, error: str) -> bool:
    """Give a unit back after an error: to do again, or failed for good after the last attempt."""
    ours = _ours(claim)
    last = ours.filter(attempts__gte=MAX_ATTEMPTS)
    if last.update(state=UnitState.FAILED, lease_until=None, error=error):
        return True
    return bool(ours.update(state=UnitState.TODO, lease_until=None, error=error))


def let_go(claim: Claim) -> bool:
    """Put a unit back that was stopped by a cancel or a shutdown; it does not count as an attempt."""
    return bool(_ours(claim).update(state=UnitState.TODO, lease_until=None, attempts=F("attempts") - 1))


def expire(*, workers: Sequence[str]) -> int:
    """End the leases of workers that are known to be dead; return how many units that freed."""
    working = Unit.objects.filter(state=UnitState.WORKING, worker__in=workers)
    return working.update(lease_until=timezone.now() - timedelta(seconds=1))


@transaction.atomic
def cancel(*, run: Run) -> None:
    """Stop a run: no unit is claimed any more, and workers notice at their next heartbeat."""
    Run.objects.filter(pk=run.pk, finished_at__isnull=True).update(cancelled_at=timezone.now())


@transaction.atomic
def resume(*, run: Run) -> None:
    """Take up a cancelled run, and give failed units another five attempts."""
    Run.objects.filter(pk=run.pk).update(cancelled_at=None)
    Unit.objects.filter(run=run, state=UnitState.FAILED).update(state=UnitState.TODO, attempts=0, error="")


def reopen(*, run: Run, keys: Sequence[str]) -> int:
    """Put done units back to do whose files are gone or damaged; return how many."""
    reopened = Unit.objects.filter(run=run, state=UnitState.DONE, key__in=keys).update(
        state=UnitState.TODO, artefacts={}, attempts=0, token=F("token") + 1
    )
    if reopened:
        Run.objects.filter(pk=run.pk).update(finished_at=None)
    return reopened


def complete_runs() -> list[Run]:
    """Return the runs whose units are all done and that still want finishing."""
    unfinished = Unit.objects.exclude(state=UnitState.DONE).values("run")
    return list(
        Run.objects.filter(finished_at__isnull=True, cancelled_at__isnull=True).exclude(pk__in=unfinished)
    )


def mark_finished(*, run: Run) -> bool:
    """Note that the run's tables are written; False when another worker was first, which does no harm."""
    return bool(Run.objects.filter(pk=run.pk, finished_at__isnull=True).update(finished_at=timezone.now()))


def _ours(claim: Claim) -> QuerySet[Unit]:
    return Unit.objects.filter(pk=claim.unit_id, token=claim.token, state=UnitState.WORKING)


def _give_up(unit: Unit, now: datetime) -> None:
    """A unit whose workers died at every attempt is failed, visibly, rather than tried for ever."""
    open_units(now).filter(pk=unit.pk, token=unit.token).update(
        state=UnitState.FAILED,
        lease_until=None,
        error=f"given up: {MAX_ATTEMPTS} attempts ended without a result",
    )
