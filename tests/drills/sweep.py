"""The sweep drill: a real sweep by real Celery workers while they are killed and their broker is spoiled.

    python -m tests.drills.sweep --units 2000 --kills 100 --wipes 30 --torn 30 --seed 1

A sweep of tiny networks is run undisturbed, then again through the ledger with several workers. Faults come in
a seeded order, spread over the work: kill -9 of a worker that holds a unit, the broker's messages wiped, a torn
message among them. A trigger in the database writes down every acknowledgement of a unit, so that none is
overlooked. The program ends with 1 if anything was lost, doubled, or different from the undisturbed run.

It runs on the site that the environment names (READERSTUDY_HOME, BROKER_URL ...), or on one of its own.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 300.0
"""Seconds without any unit done after which the drill gives up: something is stuck, and that is a finding."""
SPARSITIES = 20


@dataclass(frozen=True)
class Plan:
    """How much work, and how many faults of each kind; the seed decides their order and their victims."""

    units: int
    kills: int
    wipes: int
    torn: int
    workers: int
    seed: int

    def faults(self) -> list[str]:
        """Return the faults in a seeded order."""
        faults = ["kill"] * self.kills + ["wipe"] * self.wipes + ["tear"] * self.torn
        random.Random(self.seed).shuffle(faults)
        return faults


@dataclass
class Outcome:
    """What the drill counted."""

    units: int
    acknowledged: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    attempts: int = 0
    seconds: float = 0.0

    @property
    def clean(self) -> bool:
        """Whether everything was acknowledged once, and is as in the undisturbed run."""
        bad = self.lost or self.doubled or self.silent or self.failed
        return not bad and self.acknowledged == self.units

    def table(self, plan: Plan) -> str:
        """Return the table that the drill prints."""
        rows = {
            "units": self.units,
            "worker kills (each while it held a unit)": self.faults["kill"],
            "broker wipes": self.faults["wipe"],
            "torn messages": self.faults["tear"],
            "attempts": self.attempts,
            "acknowledged": self.acknowledged,
            "lost": len(self.lost),
            "doubled": len(self.doubled),
            "silent (differs from the undisturbed run)": len(self.silent),
            "failed": len(self.failed),
        }
        head = f"Sweep drill, seed {plan.seed}, {plan.workers} workers, {self.seconds:.0f} s"
        lines = [head, *(f"  {name:44}{value:>8}" for name, value in rows.items())]
        for name in ("lost", "doubled", "silent", "failed"):
            lines += [f"  {name}: {what}" for what in getattr(self, name)[:10]]
        return "\n".join(lines)


class Workers:
    """The site's workers, each a process group of its own that can be killed."""

    def __init__(self, count: int) -> None:
        from readerstudy.ops.serve.supervisor import worker_command

        self.command = worker_command()
        self.alive = [self._start() for _ in range(count)]

    def _start(self) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(self.command, cwd=ROOT, start_new_session=True, stdout=subprocess.DEVNULL)

    def kill_one(self, chance: random.Random) -> bool:
        """Kill one of those that hold a unit, and start another; False when none holds one just now.

        The victim is stopped first and asked for again, so that it dies with the unit in its hands.
        """
        busy = [process for process in self.alive if process.pid in self._holders()]
        if not busy:
            return False
        victim = chance.choice(busy)
        os.killpg(victim.pid, signal.SIGSTOP)
        if victim.pid not in self._holders():
            os.killpg(victim.pid, signal.SIGCONT)
            return False
        os.killpg(victim.pid, signal.SIGKILL)
        victim.wait()
        self.alive[self.alive.index(victim)] = self._start()
        return True

    def _holders(self) -> set[int]:
        """Return the processes that hold a unit; none while a stopped one keeps SQLite locked."""
        from django.db import OperationalError

        from analysis.models import Unit, UnitState

        try:
            names = list(Unit.objects.filter(state=UnitState.WORKING).values_list("worker", flat=True))
        except OperationalError:
            return set()
        return {int(name.split(":")[1]) for name in names}

    def restart_dead(self) -> None:
        """Start again what ended by itself; the drill would otherwise wait for it in vain."""
        self.alive = [p if p.poll() is None else self._start() for p in self.alive]

    def stop(self) -> None:
        """Ask all to end, and kill what does not."""
        for process in self.alive:
            process.terminate()
        deadline = time.monotonic() + 20
        for process in self.alive:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def wipe() -> None:
    """Lose every message."""
    from django.conf import settings

    from readerstudy.celery import app

    if settings.CELERY_BROKER_URL.startswith("atomicfs"):
        shutil.rmtree(settings.BROKER_ROOT, ignore_errors=True)
    else:
        with app.connection_for_write() as connection:
            connection.default_channel.queue_purge("sweep")


def tear() -> None:
    """Leave a message that ends in its middle, in front of all others; also ring, so that it is met."""
    from django.conf import settings

    from analysis.tasks import ring
    from readerstudy.celery import app

    if settings.CELERY_BROKER_URL.startswith("atomicfs"):
        settings.BROKER_ROOT.mkdir(exist_ok=True, mode=0o700)
        torn = settings.BROKER_ROOT / f"{0:020d}_{random.getrandbits(64):016x}.sweep.msg"
        torn.write_text('{"body": "W1tdLCB7fSwgeyJjYWxsYmFja3', encoding="utf-8")
    else:
        with app.connection_for_write() as connection:
            connection.Producer().publish(
                b'{"body": "W1td',
                routing_key="sweep",
                content_type="application/json",
                content_encoding="utf-8",
            )
    ring()


FAULTS: dict[str, Callable[[], None]] = {"wipe": wipe, "tear": tear}

LOG = {
    "sqlite": [
        "CREATE TABLE drill_log (unit integer, key text, token integer, artefacts text)",
        """CREATE TRIGGER drill_done AFTER UPDATE ON analysis_unit WHEN NEW.state = 'done'
           BEGIN INSERT INTO drill_log VALUES (NEW.id, NEW.key, NEW.token, NEW.artefacts); END""",
    ],
    "postgresql": [
        "CREATE TABLE drill_log (unit bigint, key text, token integer, artefacts text)",
        """CREATE FUNCTION drill_note() RETURNS trigger LANGUAGE plpgsql AS $$
           BEGIN INSERT INTO drill_log VALUES (NEW.id, NEW.key, NEW.token, NEW.artefacts::text); RETURN NEW; END $$""",
        """CREATE TRIGGER drill_done AFTER UPDATE ON analysis_unit FOR EACH ROW WHEN (NEW.state = 'done')
           EXECUTE FUNCTION drill_note()""",
    ],
}
"""The witness of the drill: every acknowledgement of a unit, by any worker."""


def start_log() -> None:
    """Let the database write down every acknowledgement."""
    from django.db import connection

    with connection.cursor() as cursor:
        for statement in LOG[connection.vendor]:
            cursor.execute(statement)


def run_drill(plan: Plan, folder: Path) -> Outcome:
    """Make the sweep, run it undisturbed, run it under faults, and compare.

    Raises
    ------
    TimeoutError: no unit was done for PATIENCE seconds.
    """
    from analysis.services.runs import create_run
    from analysis.sweep.run.finish import run_sweep
    from analysis.tasks import ring
    from tests.drills.site import files_of, sweep_of

    began = time.monotonic()
    spec = sweep_of(folder, seeds=plan.units // SPARSITIES, sparsities=SPARSITIES)
    undisturbed = run_sweep(spec, folder / "undisturbed")
    run = create_run(spec=spec, out=folder / "drilled", runs=folder)
    start_log()
    workers = Workers(plan.workers)
    outcome = Outcome(run.units.count())
    try:
        ring(plan.workers)
        _disturb(run, plan, workers, outcome)
    finally:
        workers.stop()
    _count(run, outcome, files_of(undisturbed.paths.root), files_of(Path(run.folder)))
    outcome.seconds = time.monotonic() - began
    return outcome


def _disturb(run: Any, plan: Plan, workers: Workers, outcome: Outcome) -> None:
    """Bring each fault when its share of the work is done, and wait for the end."""
    from analysis.models import UnitState

    chance, faults = random.Random(plan.seed + 1), plan.faults()
    step = outcome.units / (len(faults) + 1)
    done, changed_at = 0, time.monotonic()
    while run.finished_at is None:
        now_done = run.units.filter(state=UnitState.DONE).count()
        if now_done != done:
            done, changed_at = now_done, time.monotonic()
        if time.monotonic() - changed_at > PATIENCE:
            raise TimeoutError(f"no unit was done for {PATIENCE:.0f} s; {done} of {outcome.units} are")
        brought = sum(outcome.faults.values())
        if brought < len(faults) and done >= (brought + 1) * step - plan.workers:
            fault = faults[brought]
            if fault != "kill":
                FAULTS[fault]()
                outcome.faults[fault] += 1
            elif workers.kill_one(chance):
                outcome.faults[fault] += 1
        workers.restart_dead()
        time.sleep(0.02)
        run.refresh_from_db()


def _count(run: Any, outcome: Outcome, expected: dict[str, bytes], came: dict[str, bytes]) -> None:
    """Compare the log of acknowledgements with the ledger, and the files with both."""
    from django.db import connection

    from analysis.durable import sha256_bytes
    from analysis.models import UnitState

    with connection.cursor() as cursor:
        cursor.execute("SELECT key, artefacts FROM drill_log")
        log = [(key, json.loads(artefacts)) for key, artefacts in cursor.fetchall()]
    times = Counter(key for key, _ in log)
    outcome.acknowledged = len(times)
    outcome.doubled = sorted(key for key, count in times.items() if count > 1)
    for unit in run.units.all():
        outcome.attempts += unit.attempts
        if unit.state == UnitState.FAILED:
            outcome.failed.append(f"{unit.key}: {unit.error}")
        elif unit.state != UnitState.DONE or unit.key not in times:
            outcome.lost.append(unit.key)
    for _, artefacts in log:
        for name, digest in artefacts.items():
            if name not in came:
                outcome.lost.append(name)
            elif sha256_bytes(came[name]) != digest:
                outcome.silent.append(name)
    outcome.silent += [name for name in sorted({*expected, *came}) if expected.get(name) != came.get(name)]


def main() -> int:
    """Run the drill and print its table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, number in (
        ("units", 2000),
        ("kills", 100),
        ("wipes", 30),
        ("torn", 30),
        ("workers", 3),
        ("seed", 1),
    ):
        parser.add_argument(f"--{name}", type=int, default=number)
    plan = Plan(**vars(parser.parse_args()))
    if plan.units % SPARSITIES:
        parser.error(f"--units: expected a multiple of {SPARSITIES}, got {plan.units}")
    with tempfile.TemporaryDirectory(prefix="sweep-drill-") as folder:
        from tests.drills.site import open_site

        open_site(Path(folder))
        outcome = run_drill(plan, Path(folder))
    print(outcome.table(plan))
    return 0 if outcome.clean else 1


if __name__ == "__main__":
    sys.exit(main())
