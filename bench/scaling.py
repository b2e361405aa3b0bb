"""What the ledger itself costs, and what it predicts: python -m bench.scaling [--units 600] [--workers 1 2 4 8]

Claims and finishes units that need no computing, by 1 to 8 processes at once, on SQLite and on a PostgreSQL that
this program starts: units a second, statements per unit, the size of a unit's row. Then it prints the model of
docs/scaling.md for a sweep of 257,018 images x 30 seeds x 20 sparsities on 1, 8 and 64 GPUs.

Timings of a machine that does other work are no facts; the program prints the load average beside them.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from readerstudy.environment import BASE
from tests.servers.postgresql import postgresql
from tests.servers.site import Site

IMAGES, SEEDS, SPARSITIES, CLASSES = 257_018, 30, 20, 26
FLOATS, CACHED = 4, 65_536
"""Bytes of a score, and of a decoded image at 256 x 256."""

MAKE = """
import sys, django
django.setup()
from pathlib import Path
from analysis.models import Unit
from analysis.services import control
units = [Unit(key=f"seed-{n // 20}_sparsity-{n % 20}", member=n // 20) for n in range(int(sys.argv[1]))]
control.register_run(run_id=sys.argv[2], name="bench", folder=Path("/nowhere"), spec={}, synthetic=True, units=units)
"""
WORK = """
import sys, time, django
django.setup()
from django.db import connection
from analysis.services import ledger
connection.force_debug_cursor = True
sys.stdin.readline()
done, last, began = 0, None, time.perf_counter()
while True:
    connection.queries_log.clear()
    claim = ledger.claim_next(worker=f"bench:{sys.argv[1]}:1", lease_seconds=60, near=last)
    if claim is None:
        break
    ledger.keep(claim, lease_seconds=60)
    ledger.finish(claim, artefacts={f"{claim.key}.npy": "0" * 64})
    done, last, statements = done + 1, claim, len(connection.queries_log)
print(done, time.perf_counter() - began, statements if done else 0)
"""


def measure(site: Site, workers: int, units: int) -> tuple[float, float]:
    """Return units per second over all workers, and statements per unit of the last one."""
    site.run("-c", MAKE, str(units), f"bench{workers}")
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WORK, str(number)], cwd=BASE, env=site.environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )
        for number in range(workers)
    ]  # fmt: skip
    time.sleep(4.0)  # all have imported Django and wait for the word
    began = time.perf_counter()
    said = [process.communicate("go\n")[0].split() for process in processes]
    seconds = time.perf_counter() - began
    done = sum(int(row[0]) for row in said)
    if done != units:
        raise RuntimeError(f"expected {units} units done once, got {done}")
    return done / seconds, max(float(row[2]) for row in said)


def model(images_per_second: float, gpus: int) -> dict[str, float]:
    """Return what the model says of the sweep at full scale.

    Parameters
    ----------
    images_per_second: forward passes of one GPU, dense or pruned alike; the caller's figure.
    """
    passes = IMAGES * SEEDS * SPARSITIES
    units = SEEDS  # on a GPU a unit is one checkpoint at all sparsities
    rounds = -(-units // gpus)
    unit_seconds = IMAGES * SPARSITIES / images_per_second
    return {
        "hours": rounds * unit_seconds / 3600,
        "used, percent": 100 * units / (rounds * gpus),
        "scores, GB": passes * CLASSES * FLOATS / 1e9,
        "MB/s of scores": min(gpus, units) * images_per_second * CLASSES * FLOATS / 1e6,
        "writes a minute": min(gpus, units) * (60 / 3.0 + 2 * 60 / unit_seconds),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--units", type=int, default=600)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument(
        "--images-per-second", type=float, default=2000.0, help="of one GPU; take it from bench.gpu"
    )
    asked = parser.parse_args()
    print(f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(postgresql(durable=True))
        for name, url in (("sqlite", ""), ("postgresql", server.url)):
            site = Site(folder / name, {"DATABASE_URL": url})
            site.manage("setup")
            for workers in asked.workers:
                rate, statements = measure(site, workers, asked.units)
                print(
                    f"{name:10} {workers:2} workers {rate:8.1f} units/s   {statements:.0f} statements a unit"
                )
    print(f"cache of decoded images {IMAGES * CACHED / 1e9:.1f} GB a host")
    for gpus in (1, 8, 64):
        said = ", ".join(
            f"{name} {value:,.1f}" for name, value in model(asked.images_per_second, gpus).items()
        )
        print(f"{gpus:2} GPUs at {asked.images_per_second:g} images/s: {said}")


if __name__ == "__main__":
    main()
