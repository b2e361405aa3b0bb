"""Who works: what workers are called, which of this host are dead, their leases and rates, and what waits."""

import os
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.core.cache import cache
from django.db.models import Avg, Count, DurationField, ExpressionWrapper, F, Max, Min, QuerySet

from analysis.models import Unit, UnitState
from analysis.services import ledger

QUEUES = {
    "sweep": "trainings and sweeps",  # hours
    "cases": "the analysis of sweeps",  # minutes
    "quick": "mails",  # seconds
}
"""What workers listen to, and what comes that way: nothing else waits behind a training."""
HEARD_S = 120
"""Seconds for which a queue counts as listened to: its worker says so every 30."""
RECENT = timedelta(hours=1)
"""Rates and units done are counted over this time."""


@dataclass(frozen=True)
class WorkerRow:
    """One worker: host and process, the unit that it holds and whether its lease has run out, what it did lately.

    `seconds`: mean seconds per unit over the last hour, None when it finished none. `share`: its part of all
    units done in that time, in percent.
    """

    host: str
    process: str
    hand: Unit | None
    late: bool
    done: int
    seconds: float | None
    share: float
    last_done: datetime | None


@dataclass(frozen=True)
class Fleet:
    """All workers, units that wait, units per minute over the last hour, and the expected end.

    `minutes_left`: waiting and held units at the present rate; None while the rate is unknown.
    """

    workers: list[WorkerRow]
    waiting: int
    held: int
    per_minute: float
    minutes_left: float | None


def fleet() -> Fleet:
    """Count over the last hour; a worker that did nothing in that time and holds nothing is not shown."""
    now = ledger.now()
    working = Unit.objects.filter(state=UnitState.WORKING).select_related("run").order_by("started_at")
    held = {unit.worker: unit for unit in working}
    took = ExpressionWrapper(F("finished_at") - F("started_at"), output_field=DurationField())
    lately = Unit.objects.filter(
        state=UnitState.DONE, finished_at__gte=now - RECENT, started_at__isnull=False
    )
    sums = {
        row["worker"]: row
        for row in lately.values("worker")
        .annotate(n=Count("pk"), mean=Avg(took), last=Max("finished_at"))
        .order_by()
    }
    total = sum(row["n"] for row in sums.values())
    rows = [_row(name, held.get(name), sums.get(name), total, now) for name in sorted({*held, *sums})]
    waiting = ledger.open_units().count()
    rate = _per_minute(now, total, lately)
    in_time = sum(
        row.hand is not None and not row.late for row in rows
    )  # one that is late waits for another worker
    left = (waiting + in_time) / rate if rate else None
    return Fleet(rows, waiting, len(held), rate, left)


def _per_minute(now: datetime, total: int, lately: QuerySet[Unit]) -> float:
    """Return units per minute since the first unit of the last hour began."""
    if not total:
        return 0.0
    first, last = lately.aggregate(first=Min("started_at"), last=Max("finished_at")).values()
    going_on = Unit.objects.filter(state=UnitState.WORKING).exists()
    if first is None or last is None:
        return 0.0
    minutes = ((now if going_on else last) - max(first, now - RECENT)).total_seconds() / 60
    return total / minutes if minutes > 0 else 0.0


def _row(
    name: str, hand: Unit | None, sums: Mapping[str, Any] | None, total: int, now: datetime
) -> WorkerRow:
    host, _, process = name.partition(":")
    done = int(sums["n"]) if sums else 0
    mean = sums["mean"] if sums else None
    last = sums["last"] if sums else None
    return WorkerRow(
        host=host or name, process=process.partition(":")[0], hand=hand, done=done,
        late=hand is not None and hand.lease_until is not None and hand.lease_until < now,
        seconds=mean.total_seconds() if isinstance(mean, timedelta) else None,
        share=100 * done / total if total else 0.0,
        last_done=last if isinstance(last, datetime) else None,
    )  # fmt: skip


def note_listening(queues: Iterable[str]) -> None:
    """Note that this worker listens to queues; in the cache, which all hosts share and which may lose it."""
    cache.set_many({f"worker-of-{name}": True for name in queues}, HEARD_S)


def unheard() -> list[str]:
    """Return the queues that no worker has said to listen to lately: one of an older version never says so."""
    heard = cache.get_many([f"worker-of-{name}" for name in QUEUES])
    return [name for name in QUEUES if f"worker-of-{name}" not in heard]


def worker_name(host: str = "") -> str:
    """Return host:pid:start, by which a dead process of this host is told from a slow one elsewhere.

    `host` replaces the machine's own name, which two containers may share. `start` is when the process began,
    so that a process that got a dead one's number is not taken for it.
    """
    return f"{host or socket.gethostname()}:{os.getpid()}:{_started(os.getpid())}"


def free_dead_neighbours(host: str = "") -> int:
    """End the leases of workers of this host whose process is gone; return how many units that freed."""
    here = host or socket.gethostname()
    names = Unit.objects.filter(state=UnitState.WORKING).values_list("worker", flat=True).distinct()
    dead = [name for name in names if _is_dead(name, here)]
    return ledger.expire(workers=dead) if dead else 0


def _is_dead(name: str, here: str) -> bool:
    host, _, process = name.partition(":")
    pid, _, start = process.partition(":")
    return host == here and pid.isdigit() and _started(int(pid)) != start


def _started(pid: int) -> str:
    """Return when a process began, in the kernel's ticks; nothing when there is no such process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "" if Path("/proc/self").exists() else _answers(pid)
    return "" if fields[0] == "Z" else fields[19]


def _answers(pid: int) -> str:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        return "0"
    return "0"
