"""Claim, keep, finish and give back units of work.

A claim is a conditional update: of many workers exactly one gets the unit. It raises the fencing token, and
every later write asks for that token, so that a worker that was thought dead can change nothing any more.

Own code: a task queue gives a task again when its worker falls silent, without a token that keeps the first one from
writing. With it 2,100 attempts under 100 kills and 30 wipes of the broker lost and doubled nothing (docs/evidence.md).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, When
from django.utils import timezone

from analysis.models import Run, Unit, UnitState

MAX_ATTEMPTS = 5
"""A unit that was tried this often without a result is left alone and shown as failed."""

BLANK: Mapping[str, Any] = {"stage": "", "steps_done": 0, "steps_total": 0}


def now() -> datetime:
    """Return the time by which leases are counted: the database's, so that hosts need not agree on theirs.

    SQLite serves one host, and that host's clock is the database's.
    """
    if connection.vendor != "postgresql":
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp()")
        found: datetime
        (found,) = cursor.fetchone()
        return found


def open_units(when: datetime | None = None) -> QuerySet[Unit]:
    """Return the units that anybody may claim: to do, or working under a lease that has run out."""
    return Unit.objects.filter(run__cancelled_at__isnull=True).filter(
        Q(state=UnitState.TODO) | Q(state=UnitState.WORKING, lease_until__lt=when or now())
    )


def claim_next(
    *,
    worker: str,
    lease_seconds: float,
    run: Run | None = None,
    near: Unit | None = None,
    unfit: Collection[int] = (),
) -> Unit | None:
    """Take the next open unit, of one run or of any; None when nothing is open.

    It is ours until its lease runs out, as long as nobody raised its token above the one that it has here.

    `unfit`: runs (primary keys) that this worker's host cannot compute; they are left to others.

    Runs are served in the order in which they came. In a run, a unit that was tried in vain waits behind those
    that were not, so that a disk that is full for a moment does not use up its attempts within a second. A worker
    stays with the checkpoint it has loaded (`near`, its last unit), and otherwise prefers one at which nobody works,
    so that each checkpoint is loaded by as few workers as possible.
    """
    while True:
        when = now()
        units = open_units(when).exclude(run__in=unfit)
        unit = _in_order(units if run is None else units.filter(run=run), near).first()
        if unit is None:
            return None
        if unit.attempts >= MAX_ATTEMPTS:
            _give_up(unit, when)
            continue
        taken = (
            open_units(when)
            .filter(pk=unit.pk, token=unit.token)
            .update(
                state=UnitState.WORKING,
                token=unit.token + 1,
                attempts=unit.attempts + 1,
                lease_until=when + timedelta(seconds=lease_seconds),
                worker=worker,
                started_at=when,
                error="",
                **BLANK,
            )
        )
        if taken:
            unit.token += 1
            return unit


def _in_order(units: QuerySet[Unit], near: Unit | None) -> QuerySet[Unit]:
    others = Unit.objects.filter(state=UnitState.WORKING, run=OuterRef("run"), member=OuterRef("member"))
    ours = Q(run=near.run_id, member=near.member) if near else Q(pk__isnull=True)
    return units.annotate(
        distance=Case(When(ours, then=0), When(~Exists(others), then=1), default=2)
    ).order_by("run__created_at", "run", "attempts", "distance", "place")


def keep(claim: Unit, *, lease_seconds: float, steps: tuple[str, int, int] | None = None) -> bool:
    """Prolong the lease and note how far the unit is: `steps`, a stage with steps done of a total (images, epochs).

    False when the unit is no longer ours or the run was cancelled: stop working, publish nothing.
    """
    far = {"stage": steps[0][:30], "steps_done": steps[1], "steps_total": steps[2]} if steps else {}
    until = now() + timedelta(seconds=lease_seconds)
    return bool(_ours(claim).filter(run__cancelled_at__isnull=True).update(lease_until=until, **far))


def finish(claim: Unit, *, artefacts: Mapping[str, str]) -> bool:
    """Record the files of a unit, name to SHA-256; False when it is no longer ours, and nothing changed."""
    values = {"artefacts": dict(artefacts), "lease_until": None, "finished_at": now(), **BLANK}
    return bool(_ours(claim).update(state=UnitState.DONE, **values))


def fail(claim: Unit, *, error: str, final: bool = False) -> bool:
    """Give a unit back after an error: to do again, or failed for good after the last attempt.

    `final`: trying again is useless until the input is fixed.
    """
    ours = _ours(claim)
    last = ours if final else ours.filter(attempts__gte=MAX_ATTEMPTS)
    values = {"lease_until": None, "error": error, **BLANK}
    if last.update(state=UnitState.FAILED, **values):
        return True
    return bool(ours.update(state=UnitState.TODO, **values))


def let_go(claim: Unit, *, why: str = "") -> bool:
    """Put a unit back that was stopped by a cancel or a shutdown, or that this host cannot compute (`why`).

    It does not count as an attempt.
    """
    values = {"lease_until": None, "attempts": F("attempts") - 1, "error": why, **BLANK}
    return bool(_ours(claim).update(state=UnitState.TODO, **values))


def expire(*, workers: Sequence[str]) -> int:
    """End the leases of workers that are known to be dead; return how many units that freed."""
    working = Unit.objects.filter(state=UnitState.WORKING, worker__in=workers)
    return working.update(lease_until=now())


def recorded(run: Run) -> list[Unit]:
    """Return the units that are done as they are now, in their order: by whose claim, and the SHA-256 of each file."""
    return list(run.units.filter(state=UnitState.DONE).only("key", "token", "artefacts"))


def reopen(*, run: Run, units: Iterable[Unit]) -> int:
    """Put done units back to do whose files are gone or damaged; return how many.

    A unit that was opened and done again since it was looked at has another token, and stays done.
    """
    reopened = sum(
        Unit.objects.filter(run=run, state=UnitState.DONE, key=unit.key, token=unit.token).update(
            state=UnitState.TODO, artefacts={}, attempts=0
        )
        for unit in units
    )
    if reopened:
        Run.objects.filter(pk=run.pk).update(finished_at=None)
    return reopened


def complete_runs() -> list[Run]:
    """Return the runs whose units are all done and that still want finishing."""
    unfinished = Unit.objects.exclude(state=UnitState.DONE).values("run")
    waiting = Run.objects.filter(finished_at__isnull=True, cancelled_at__isnull=True, same_as__isnull=True)
    return list(waiting.exclude(pk__in=unfinished))


def mark_finished(*, run: Run) -> bool:
    """Note that the run's tables are written.

    False when another worker was first, which does no harm, or has opened a unit again meanwhile.
    """
    left = Unit.objects.filter(run=OuterRef("pk")).exclude(state=UnitState.DONE)
    mine = Run.objects.filter(~Exists(left), pk=run.pk, finished_at__isnull=True)
    return bool(mine.update(finished_at=now()))


def _ours(claim: Unit) -> QuerySet[Unit]:
    return Unit.objects.filter(pk=claim.pk, token=claim.token, state=UnitState.WORKING)


def _give_up(unit: Unit, when: datetime) -> None:
    open_units(when).filter(pk=unit.pk, token=unit.token).update(
        state=UnitState.FAILED,
        lease_until=None,
        error=f"given up: {MAX_ATTEMPTS} attempts ended without a result; the last worker was {unit.worker}",
        **BLANK,
    )
