"""Claim, keep, finish and give back units of work; ring again for what is left.

A claim is a conditional update: of many workers exactly one gets the unit. It raises the fencing token, and
every later write asks for that token, so that a worker that was thought dead can change nothing any more.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from analysis.models import Run, Unit, UnitState

MAX_ATTEMPTS = 5
"""A unit that failed this often is left alone and shown as failed."""


@dataclass(frozen=True)
class Claim:
    """A unit that is ours until `lease_until`, as long as nobody raised its token."""

    unit_id: int
    token: int
    lease_until: datetime


@transaction.atomic
def register_run(
    *, run_id: str, name: str, folder: Path, spec: dict[str, object], synthetic: bool,
    units: Iterable[tuple[int, float]], actor_id: int | None = None,
) -> Run:  # fmt: skip
    """Write a run and its units into the ledger; a run that is there already is returned as it is."""
    run, made = Run.objects.get_or_create(
        run_id=run_id,
        defaults={
            "name": name, "folder": str(folder), "spec": spec, "synthetic": synthetic,
            "created_by_id": actor_id,
        },
    )  # fmt: skip
    if made:
        Unit.objects.bulk_create(
            Unit(run=run, seed=seed, sparsity=Decimal(f"{sparsity:.3f}")) for seed, sparsity in units
        )
    return run


def open_units(now: datetime | None = None) -> QuerySet[Unit]:
    """Return the units that anybody may claim: to do, or working under a lease that has run out."""
    now = now or timezone.now()
    return Unit.objects.filter(run__cancelled_at__isnull=True).filter(
        Q(state=UnitState.TODO) | Q(state=UnitState.WORKING, lease_until__lt=now)
    )


def claim(*, unit_id: int, worker: str, lease_seconds: float) -> Claim | None:
    """Take a unit; None when it is done, failed, cancelled or somebody else's."""
    now = timezone.now()
    until = now + timedelta(seconds=lease_seconds)
    taken = (
        open_units(now)
        .filter(pk=unit_id, attempts__lt=MAX_ATTEMPTS)
        .update(
            state=UnitState.WORKING,
            token=F("token") + 1,
            attempts=F("attempts") + 1,
            lease_until=until,
            worker=worker,
            started_at=now,
            error="",
        )
    )
    if not taken:
        _give_up(unit_id, now)
        return None
    return Claim(unit_id, Unit.objects.values_list("token", flat=True).get(pk=unit_id), until)


def keep(claim: Claim, *, lease_seconds: float) -> bool:
    """Prolong the lease; False when the unit is no longer ours and the work should stop."""
    until = timezone.now() + timedelta(seconds=lease_seconds)
    return bool(_ours(claim).filter(run__cancelled_at__isnull=True).update(lease_until=until))


def finish(claim: Claim, *, artefact: str, sha256: str) -> bool:
    """Record the artefact of a unit; False when the unit is no longer ours, and nothing changed."""
    return bool(
        _ours(claim).update(
            state=UnitState.DONE,
            artefact=artefact,
            sha256=sha256,
            lease_until=None,
            finished_at=timezone.now(),
        )
    )


def fail(claim: Claim, *, error: str) -> bool:
    """Give a unit back after an error: to do again, or failed for good at the last attempt."""
    last = Q(attempts__gte=MAX_ATTEMPTS)
    ours = _ours(claim)
    failed = ours.filter(last).update(state=UnitState.FAILED, lease_until=None, error=error)
    return bool(failed or ours.update(state=UnitState.TODO, lease_until=None, error=error))


@transaction.atomic
def cancel(*, run: Run) -> None:
    """Stop a run: no unit is claimed any more, and workers notice at their next heartbeat."""
    Run.objects.filter(pk=run.pk, finished_at__isnull=True).update(cancelled_at=timezone.now())


@transaction.atomic
def resume(*, run: Run) -> None:
    """Take up a cancelled run, or give failed units another five attempts."""
    Run.objects.filter(pk=run.pk).update(cancelled_at=None)
    Unit.objects.filter(run=run, state=UnitState.FAILED).update(state=UnitState.TODO, attempts=0)


def reopen(*, unit_id: int, sha256: str) -> bool:
    """Put a done unit back to do when its file no longer has the recorded digest."""
    return bool(
        Unit.objects.filter(pk=unit_id, state=UnitState.DONE, sha256=sha256).update(
            state=UnitState.TODO, artefact="", sha256="", attempts=0, token=F("token") + 1
        )
    )


def _ours(claim: Claim) -> QuerySet[Unit]:
    return Unit.objects.filter(pk=claim.unit_id, token=claim.token, state=UnitState.WORKING)


def _give_up(unit_id: int, now: datetime) -> None:
    """A unit whose workers died at every attempt is failed, visibly, rather than tried for ever."""
    open_units(now).filter(pk=unit_id, attempts__gte=MAX_ATTEMPTS).update(
        state=UnitState.FAILED,
        lease_until=None,
        error=f"given up after {MAX_ATTEMPTS} attempts without a result",
    )
