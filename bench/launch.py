"""Run a command and say how long it took and how much memory its largest process held: python -S bench/launch.py CMD...

A child's `ru_maxrss` begins at what its parent held when it forked, so a bench that has torch loaded cannot measure
a smaller child. This program is small (about 10 MiB) and starts the command from there. It prints one JSON line.
"""

import json
import os
import subprocess
import sys
import time
from typing import NamedTuple

TUNED = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1), "MALLOC_TOP_PAD_": str(64 << 20)}
"""glibc keeps what is freed: the tuned allocator of the reference's second line."""


class Launched(NamedTuple):
    """Wall seconds, MiB of the largest of the command's processes, and what it printed."""

    seconds: float
    mib: float
    output: str


def launch(command: list[str], environment: dict[str, str] | None = None) -> Launched:
    """Run a command by the small program.

    Raises
    ------
    RuntimeError: it failed; the message is what it said.
    """
    small = [sys.executable, "-S", __file__, *command]
    done = subprocess.run(
        small, env=os.environ | (environment or {}), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr or done.stdout)
    said, _, line = done.stdout.rstrip("\n").rpartition("\n")
    measured = json.loads(line)
    return Launched(measured["seconds"], measured["mib"], said)


def main() -> int:
    """Start, wait, print."""
    began = time.perf_counter()
    child = subprocess.Popen(sys.argv[1:])
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - began
    print("\n" + json.dumps({"seconds": seconds, "mib": usage.ru_maxrss / 1024}), flush=True)
    return child.returncode


if __name__ == "__main__":
    sys.exit(main())
