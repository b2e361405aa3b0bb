"""What workers are called, and which of this host are dead."""

import os
import socket
from pathlib import Path

from analysis.models import Unit, UnitState
from analysis.services import ledger


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
