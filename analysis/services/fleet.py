"""Workers: their names, which of this host's are dead, how many are at work, and what is waiting."""

import os
import socket
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

from django.core.cache import cache

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
"""A worker that finished a unit within this time counts as at work."""


def at_work() -> tuple[int, int]:
    """Count the workers that hold a unit in time or finished one lately, and the units that wait or are held."""
    now = ledger.now()
    working = Unit.objects.filter(state=UnitState.WORKING)
    lately = Unit.objects.filter(state=UnitState.DONE, finished_at__gte=now - RECENT)
    late = working.filter(lease_until__lt=now).values_list("worker", flat=True)
    seen = {*working.values_list("worker", flat=True), *lately.values_list("worker", flat=True)}
    return len(seen - {*late, ""}), Unit.objects.filter(state=UnitState.TODO).count() + working.count()


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
        return ""
    return "" if fields[0] == "Z" else fields[19]
