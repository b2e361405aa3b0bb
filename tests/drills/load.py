"""Readers under load: python -m tests.drills.load --readers 200 --seconds 60 --database sqlite

A site of its own, with a study of synthetic 12-bit frames, is served by gunicorn as it is shipped. locust plays
the readers as the reading page does: the state and two frames at the start, then a save and the frame after the next
every few seconds. Meanwhile an export of another study and a
backup of the database run again and again. At the end every acknowledged key is looked up among the rows.
Everything stays on the loopback address.

Afterwards anonymous connections post sign-ins (tests/drills/sign_ins.py).

The program ends with 1 if an acknowledged answer is lost or doubled, or if the server answered with 5xx. Speed is
printed beside its targets and decides nothing: whether a machine is fast enough is for its owner to say.
"""

import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.drills.sign_ins import run_storm
from tests.servers.postgresql import postgresql
from tests.servers.site import Site

ROOT = Path(__file__).resolve().parents[2]
TARGETS = {"requests per second": 80.0, "save p95, ms": 150.0, "save p99, ms": 500.0}
"""For 200 readers at one case per 5 s, frames of 0.9 MB, SQLite, 2 cores."""
ARRIVING = 30
"""Seconds over which the readers arrive; times are counted from then on, answers from the first one."""

STUDY = """
import json, sys
from pathlib import Path
import django
django.setup()
from tests.drills.crowd import make_crowd
readers, cases, side = map(int, sys.argv[2:5])
print(json.dumps(make_crowd(Path(sys.argv[1]), readers=readers, cases=cases, side=side)))
"""
KEYS = """
import json, django
django.setup()
from readerstudy.study.models import Rating
print(json.dumps([str(key) for key in Rating.objects.values_list("idempotency_key", flat=True)]))
"""


@dataclass(frozen=True)
class Outcome:
    """What was counted: acknowledged keys against rows, answers by status, times by kind of request."""

    acknowledged: int
    lost: int
    doubled: int
    errors: int
    exports: int
    rows: dict[str, dict[str, str]]
    frame_bytes: int
    seconds: float

    @property
    def clean(self) -> bool:
        """Whether nothing was lost, doubled or answered with 5xx, and something was tried at all."""
        return not (self.lost or self.doubled or self.errors) and self.acknowledged > 0

    def table(self, title: str) -> str:
        """Return what the drill prints."""
        total, save, frame = self.rows["Aggregated"], self.rows["save"], self.rows["frame"]
        measured = {
            "requests per second": float(total["Requests/s"]),
            "save p95, ms": float(save["95%"]),
            "save p99, ms": float(save["99%"]),
        }
        lines = [title]
        lines += [
            f"  {name:34}{value:>10.1f}   target {TARGETS[name]:.0f}" for name, value in measured.items()
        ]
        for name, row in (("save", save), ("frame", frame), ("state", self.rows["state"])):
            lines.append(
                f"  {name}: {row['Request Count']} requests, median {row['50%']} ms, p95 {row['95%']} ms, "
                f"p99 {row['99%']} ms, longest {float(row['Max Response Time']):.0f} ms"
            )
        rate = float(frame["Requests/s"]) * self.frame_bytes / 1e6
        lines += [
            f"  frames of {self.frame_bytes / 1e6:.2f} MB: {rate:.1f} MB/s",
            f"  exports and backups meanwhile: {self.exports}",
            f"  answers acknowledged {self.acknowledged}, lost {self.lost}, doubled {self.doubled}, 5xx {self.errors}",
        ]
        return "\n".join(lines)


def run_load(
    site: Site, folder: Path, *, readers: int, seconds: int, cases: int, side: int, pace: float
) -> Outcome:
    """Make the crowd, serve, let locust play, count."""
    site.manage("setup")
    made = json.loads(
        site.run("-c", STUDY, str(folder), str(readers), str(cases), str(side)).stdout.splitlines()[-1]
    )
    (folder / "crowd.json").write_text(json.dumps({**made, "pace": pace}))
    address = site.serve(workers=None)
    try:
        with disturbances(site, folder) as count:
            began = time.monotonic()
            locust(folder, address, readers, seconds)
            took = time.monotonic() - began
    finally:
        site.stop()
    acknowledged = json.loads((folder / "acknowledged.json").read_text())
    stored = json.loads(site.run("-c", KEYS).stdout.splitlines()[-1])
    with (folder / "load_stats.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["Name"]: row for row in csv.DictReader(file)}
    return Outcome(
        acknowledged=len(acknowledged["keys"]), lost=len(set(acknowledged["keys"]) - set(stored)),
        doubled=len(stored) - len(set(stored)), errors=acknowledged["errors"], exports=count[0],
        rows=rows, frame_bytes=int(made["frame_bytes"]), seconds=took,
    )  # fmt: skip


def locust(folder: Path, address: str, readers: int, seconds: int) -> None:
    """Run the readers of tests/drills/locustfile.py."""
    command = [
        sys.executable, "-m", "locust", "-f", "tests/drills/locustfile.py", "--headless", "--host", f"http://{address}",
        "--users", str(readers), "--spawn-rate", str(readers / ARRIVING), "--run-time", f"{seconds + ARRIVING}s",
        "--reset-stats", "--stop-timeout", "20", "--csv", str(folder / "load"), "--loglevel", "WARNING",
        "--only-summary",
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "LOAD_CROWD": str(folder / "crowd.json")}, capture_output=True,
        text=True, check=False, timeout=seconds + ARRIVING + 120,
    )  # fmt: skip
    if not (folder / "acknowledged.json").exists():
        raise RuntimeError(f"locust wrote no result:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")


@contextmanager
def disturbances(site: Site, folder: Path) -> Iterator[list[int]]:
    """Export the finished study and back the database up, again and again, while the block runs."""
    over, count = threading.Event(), [0]

    def disturb() -> None:
        while not over.is_set():
            out = folder / "disturbance"
            commands: tuple[tuple[str, ...], ...] = (
                ("export_results", "done", "--out", str(out)), ("backup", "--database-only", "--out", str(out)),
            )  # fmt: skip
            for command in commands:
                shutil.rmtree(out, ignore_errors=True)
                site.manage(*command, own_session=True)  # as from a timer
                count[0] += 1
            over.wait(2.0)

    thread = threading.Thread(target=disturb, daemon=True)
    thread.start()
    try:
        yield count
    finally:
        over.set()
        thread.join(60)


def main() -> int:
    """Run the load and print its table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--readers", type=int, default=200)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--pace", type=float, default=4.9, help="seconds from one case to the next")
    parser.add_argument("--cases", type=int, default=40)
    parser.add_argument("--connections", type=int, default=24, help="that post sign-ins afterwards")
    parser.add_argument("--side", type=int, default=770, help="pixels; 770 gives frames of about 0.9 MB")
    asked: Any = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="load-")))
        site = Site(folder / "site")
        if asked.database == "postgresql":
            site.environment["DATABASE_URL"] = stack.enter_context(postgresql(durable=True)).url
        outcome = run_load(
            site,
            folder,
            readers=asked.readers,
            seconds=asked.seconds,
            cases=asked.cases,
            side=asked.side,
            pace=asked.pace,
        )
        print(
            outcome.table(
                f"Load, {asked.database}: {asked.readers} readers, one case per {asked.pace:g} s, {asked.seconds} s"
            )
        )
        storm = run_storm(site, connections=asked.connections, seconds=30)
        print(storm.table(asked.connections))
    return 0 if outcome.clean and storm.clean else 1


if __name__ == "__main__":
    sys.exit(main())
