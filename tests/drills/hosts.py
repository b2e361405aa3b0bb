"""The sweep drill over several hosts: python -m tests.drills.hosts --broker redis --units 600

Each "host" is a Celery worker of its own with a name, a scratch folder and an image cache of its own; they share
PostgreSQL, a broker and an S3 store, and no folder of results. The program starts all servers itself. While the
sweep runs, one host is killed again and again, one is stopped past its lease and woken as a zombie, one computes
at a third of the time, and database and broker are restarted. The result must be, byte for byte, that of the
embedded default: one process, SQLite, files alone.

It prints how the work was shared, how long the tail was, and how many images each host decoded. With
--speed-up it runs the sweep undisturbed with one host and with two instead, and prints the ratio.
"""

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.servers import brokers, object_store, postgresql
from tests.servers.process import Server

ROOT = Path(__file__).resolve().parents[2]
SPARSITIES = 20
LEASE_SECONDS = 6
PATIENCE = 240.0
BUCKET = "runs"


@dataclass(frozen=True)
class Plan:
    """How much work, on how many hosts, and how many faults of each kind."""

    units: int
    hosts: int = 4
    kills: int = 10
    pauses: int = 3
    restarts: int = 2
    seed: int = 1


@dataclass
class Shared:
    """What the hosts share: database, broker, store; `environment` names them to a site."""

    database: Server
    broker: Server
    environment: dict[str, str]


@dataclass
class Outcome:
    """What was counted."""

    units: int
    seconds: float = 0.0
    tail: float = 0.0
    shares: dict[str, int] = field(default_factory=dict)
    faults: Counter[str] = field(default_factory=Counter)
    attempts: int = 0
    decoded: dict[str, int] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether every unit counts once and every file is that of the embedded run."""
        return not (self.lost or self.doubled or self.silent) and sum(self.shares.values()) == self.units

    def table(self, title: str) -> str:
        """Return what the drill prints."""
        shares = ", ".join(f"{host} {count}" for host, count in sorted(self.shares.items()))
        caches = ", ".join(f"{host} {count}" for host, count in sorted(self.decoded.items()))
        lines = [
            title,
            f"  units {self.units}, attempts {self.attempts}, faults {dict(sorted(self.faults.items()))}",
            f"  lost {len(self.lost)}, doubled {len(self.doubled)}, silent {len(self.silent)}",
            f"  seconds {self.seconds:.1f}, of which tail (first host without work to the end) {self.tail:.1f}",
            f"  units by host: {shares}",
            f"  image caches built: {caches}",
        ]
        for name in ("lost", "doubled", "silent"):
            lines += [f"  {name}: {what}" for what in getattr(self, name)[:10]]
        return "\n".join([*lines, *(f"  {line}" for line in self.said)])


class Host:
    """One worker with a name and folders of its own."""

    def __init__(self, name: str, folder: Path, environment: dict[str, str]) -> None:
        self.name = name
        self.home = folder / name
        self.home.mkdir()
        self.environment = {
            **environment, "READERSTUDY_HOME": str(self.home), "WORKER_HOST": name,
            "IMAGE_CACHE": str(self.home / "cache"),
        }  # fmt: skip
        self.process: subprocess.Popen[bytes] | None = None
        self.gate = threading.Lock()

    def start(self) -> None:
        """Start the worker with the command of docs/production.md."""
        command = [
            sys.executable, "-W", "ignore", "-m", "celery", "-A", "readerstudy", "worker", "-Q", "sweep",
            "--pool", "solo", "--without-gossip", "--without-mingle", "--loglevel", "WARNING",
        ]  # fmt: skip
        with (self.home / "log.txt").open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=self.environment, start_new_session=True, stdout=log, stderr=log
            )

    def signal(self, number: int) -> None:
        """Send a signal to the worker and its children, if it lives."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, number)

    def kill(self) -> None:
        """Take it away at once, and start another in its place."""
        with self.gate:
            self.signal(signal.SIGKILL)
            assert self.process is not None
            self.process.wait()
            self.start()

    def pause(self, seconds: float) -> None:
        """Stop it for longer than its lease, then let it go on as a zombie."""
        with self.gate:
            self.signal(signal.SIGSTOP)
            time.sleep(seconds)
            self.signal(signal.SIGCONT)

    def slow_down(self, over: threading.Event) -> None:
        """Let it compute a third of the time until told otherwise."""
        while not over.is_set():
            with self.gate:
                self.signal(signal.SIGSTOP)
                over.wait(0.2)
                self.signal(signal.SIGCONT)
            over.wait(0.1)

    def stop(self) -> None:
        """Ask it to end; kill it when it does not."""
        if self.process is None:
            return
        self.signal(signal.SIGCONT)
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
            self.process.wait()

    def said(self) -> list[str]:
        """Return the end of what it logged, for a drill that found something."""
        lines = (self.home / "log.txt").read_text(errors="replace").splitlines()
        return [f"{self.name}: {line}" for line in lines[-15:]]

    def caches(self) -> int:
        """Return how many image caches it has built."""
        return len(list((self.home / "cache").glob("*.u8")))


def share(stack: ExitStack, broker: str) -> Shared:
    """Start PostgreSQL, a broker and a store."""
    database = stack.enter_context(postgresql.postgresql())
    bell = stack.enter_context(brokers.redis() if broker == "redis" else brokers.rabbitmq())
    store = stack.enter_context(object_store.object_store(BUCKET))
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("READERSTUDY", "TEST_"))},
        "DATABASE_URL": postgresql.new_database(database), "BROKER_URL": bell.url, "CACHE_URL": "",
        **object_store.environment(store), "RUNS_URL": f"s3://{BUCKET}/sweeps", "SECRET_KEY": "drill" * 12,
        "AUDIT_KEY": "0123456789abcdef" * 4, "LEASE_SECONDS": str(LEASE_SECONDS), "OMP_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "PASSIVE", "DJANGO_SETTINGS_MODULE": "readerstudy.settings",
    }  # fmt: skip
    return Shared(database, bell, environment)


def enter(folder: Path, shared: Shared) -> None:
    """Make this process the web host of the shared site."""
    home = folder / "web"
    home.mkdir()
    os.environ.update(
        {**shared.environment, "READERSTUDY_HOME": str(home), "IMAGE_CACHE": str(home / "cache")}
    )

    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0, interactive=False)


def run_hosts(plan: Plan, folder: Path, shared: Shared) -> Outcome:
    """Run the sweep over the hosts while faults happen, and compare with the embedded run."""
    from analysis.services import ledger, mirror
    from analysis.services.runs import create_run
    from analysis.sweep.run.finish import run_sweep
    from analysis.tasks import ring
    from tests.drills.site import files_of, sweep_of
    from tests.drills.sweep import start_log

    spec = sweep_of(folder, seeds=max(1, plan.units // SPARSITIES), sparsities=SPARSITIES)
    alone = run_sweep(spec, folder / "alone")
    from django.conf import settings

    run = create_run(spec=spec, out=None, runs=settings.RUNS_ROOT, image_cache=settings.IMAGE_CACHE)
    start_log()
    outcome = Outcome(run.units.count())
    hosts = [Host(f"host{number}", folder, shared.environment) for number in range(plan.hosts)]
    began = time.monotonic()
    try:
        for host in hosts:
            host.start()
        ring(plan.hosts)
        _disturb(run, plan, hosts, shared, outcome)
    finally:
        for host in hosts:
            host.stop()
    outcome.seconds = time.monotonic() - began
    run.refresh_from_db()
    mirror.gather_tables(run)
    mirror.gather_scores(run, [unit.artefacts for unit in ledger.recorded(run)])
    _count(run, outcome, files_of(alone.paths.root), files_of(mirror.folder_of(run)))
    outcome.decoded = {host.name: host.caches() for host in hosts}
    if not outcome.clean:
        outcome.said = [line for host in hosts for line in host.said()]
    return outcome


def _disturb(run: Any, plan: Plan, hosts: list[Host], shared: Shared, outcome: Outcome) -> None:
    """Bring each fault when its share of the work is done; wait for the end; time the tail."""
    chance = random.Random(plan.seed)
    faults = ["kill"] * plan.kills + ["pause"] * plan.pauses + ["database", "broker"] * plan.restarts
    chance.shuffle(faults)
    over = threading.Event()
    slow = threading.Thread(target=hosts[-1].slow_down, args=(over,), daemon=True)
    if plan.kills + plan.pauses:
        slow.start()
        outcome.faults["slow host"] += 1
    step = outcome.units / (len(faults) + 1)
    changed, last, idle_since = time.monotonic(), -1, 0.0
    try:
        while not _finished(run):
            done, busy = _state(run)
            if done != last:
                last, changed = done, time.monotonic()
            if time.monotonic() - changed > PATIENCE:
                raise TimeoutError(f"no unit was done for {PATIENCE:.0f} s; {done} of {outcome.units} are")
            if done + busy >= outcome.units and busy < plan.hosts and not idle_since:
                idle_since = time.monotonic()
            brought = sum(outcome.faults[name] for name in ("kill", "pause", "database", "broker"))
            if brought < len(faults) and done >= (brought + 1) * step - plan.hosts:
                _bring(faults[brought], hosts, shared, chance)
                outcome.faults[faults[brought]] += 1
            time.sleep(0.1)
    finally:
        over.set()
    outcome.tail = time.monotonic() - idle_since if idle_since else 0.0


def _bring(fault: str, hosts: list[Host], shared: Shared, chance: random.Random) -> None:
    if fault == "kill":
        chance.choice(hosts[:-2] or hosts).kill()
    elif fault == "pause":
        threading.Thread(target=hosts[-2].pause, args=(LEASE_SECONDS * 1.5,), daemon=True).start()
    elif fault == "database":
        shared.database.restart()
    else:
        shared.broker.restart()


def _finished(run: Any) -> bool:
    from django.db import Error, connection

    try:
        run.refresh_from_db()
    except Error:  # the database is being restarted
        connection.close()
        return False
    return run.finished_at is not None


def _state(run: Any) -> tuple[int, int]:
    """Return units done and at hand; (-1, 0) while the database is away."""
    from django.db import Error, connection

    from analysis.models import UnitState

    try:
        states = Counter(run.units.values_list("state", flat=True))
    except Error:
        connection.close()
        return -1, 0
    return states[UnitState.DONE], states[UnitState.WORKING]


def _count(run: Any, outcome: Outcome, expected: dict[str, bytes], came: dict[str, bytes]) -> None:
    """Compare the database's own log of acknowledgements, the ledger, and all files."""
    from django.db import connection

    from analysis.durable import sha256_bytes
    from analysis.models import UnitState

    with connection.cursor() as cursor:
        cursor.execute("SELECT key, token, artefacts FROM drill_log")
        log = [(key, token, json.loads(artefacts)) for key, token, artefacts in cursor.fetchall()]
    times: dict[str, list[int]] = {}
    for key, token, _ in log:
        times.setdefault(key, []).append(token)
    outcome.doubled = sorted(f"{key}, tokens {tokens}" for key, tokens in times.items() if len(tokens) > 1)
    for unit in run.units.all():
        outcome.attempts += unit.attempts
        if unit.state != UnitState.DONE or unit.key not in times:
            outcome.lost.append(unit.key)
    outcome.shares = dict(Counter(unit.worker.partition(":")[0] for unit in run.units.all()))
    for *_, artefacts in log:
        outcome.silent += [
            name for name, sha in artefacts.items() if sha256_bytes(came.get(name, b"")) != sha
        ]
    outcome.silent += [name for name in sorted({*expected, *came}) if expected.get(name) != came.get(name)]


def speed_up(broker: str, units: int) -> int:
    """Run the sweep undisturbed with one host and with two, each from its start to its last unit; print the ratio."""
    seconds = []
    for hosts in (1, 2):
        command = [
            sys.executable, "-W", "ignore", "-m", "tests.drills.hosts", f"--broker={broker}", f"--units={units}",
            f"--hosts={hosts}", "--kills=0", "--pauses=0", "--restarts=0",
        ]  # fmt: skip
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        print(done.stdout, end="")
        found = re.search(r"seconds ([0-9.]+)", done.stdout)
        if done.returncode or found is None:
            print(done.stderr[-2000:])
            return 1
        seconds.append(float(found[1]))
    print(f"speed-up from one host to two: {seconds[0] / seconds[1]:.2f}")
    return 0


def main() -> int:
    """Run the drill and print its table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--broker", choices=("redis", "rabbitmq"), default="redis")
    for name, number in (
        ("units", 600),
        ("hosts", 4),
        ("kills", 10),
        ("pauses", 3),
        ("restarts", 2),
        ("seed", 1),
    ):
        parser.add_argument(f"--{name}", type=int, default=number)
    parser.add_argument(
        "--speed-up", action="store_true", help="undisturbed, one host and then two; the ratio"
    )
    asked = vars(parser.parse_args())
    broker = asked.pop("broker")
    if asked.pop("speed_up"):
        return speed_up(broker, asked["units"])
    plan = Plan(**asked)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hosts-drill-")))
        shared = share(stack, broker)
        enter(folder, shared)
        outcome = run_hosts(plan, folder, shared)
        from django.db import connections

        connections.close_all()
    print(outcome.table(f"Hosts drill, PostgreSQL and {broker}, {plan.hosts} hosts, seed {plan.seed}"))
    return 0 if outcome.clean else 1


if __name__ == "__main__":
    sys.exit(main())
