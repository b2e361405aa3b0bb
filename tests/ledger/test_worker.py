"""Real sweeps through the ledger: in one process, and through a real Celery worker that is killed."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from analysis.models import Run, UnitState
from analysis.services import ledger, work
from analysis.services.runs import create_run
from analysis.sweep.run import run_sweep
from tests.sweep.tiny import SMALL, TinySweep, make_tiny

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 120.0


@pytest.fixture
def tiny(tmp_path: Path) -> TinySweep:
    return make_tiny(tmp_path)


def files(folder: Path) -> dict[str, bytes]:
    """Return what a run found, without timings."""
    kept = [*folder.glob("predictions/*.npy"), *folder.glob("*.csv"), folder / "provenance.json"]
    return {path.name: path.read_bytes() for path in kept}


def registered(tiny: TinySweep, name: str) -> Run:
    return create_run(spec=tiny.spec(), out=tiny.root / name, runs=tiny.root)


@pytest.mark.django_db
def test_ledger_run_equals_the_run_from_files_alone(tiny: TinySweep) -> None:
    run = registered(tiny, "ledger")
    seen = []
    assert work.Worker(lease_seconds=60).work(run, lambda: seen.append(1)) == 6
    run.refresh_from_db()
    assert run.finished_at is not None
    assert len(seen) == 6
    run_sweep(tiny.spec(), tiny.root / "alone")
    assert files(Path(run.folder)) == files(tiny.root / "alone")
    digests = {name: sha for unit in run.units.all() for name, sha in unit.artefacts.items()}
    assert len(digests) == 6


@pytest.mark.django_db
def test_flipped_byte_is_found_and_only_its_unit_redone(tiny: TinySweep) -> None:
    run = registered(tiny, "ledger")
    work.Worker(lease_seconds=60).work(run)
    before = files(Path(run.folder))
    damaged = next(Path(run.folder).glob("predictions/*.npy"))
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"\0")
    assert work.verify_files(run) == 1
    assert work.Worker(lease_seconds=60).work(run) == 1
    assert files(Path(run.folder)) == before


@pytest.mark.django_db
def test_a_unit_that_cannot_be_done_fails_after_five_attempts_and_says_why(tiny: TinySweep) -> None:
    run = registered(tiny, "ledger")
    tiny.checkpoint(1).write_bytes(b"not a checkpoint any more")
    work.Worker(lease_seconds=60).work(run)
    states = dict(run.units.values_list("key", "state"))
    assert {key: state for key, state in states.items() if key.startswith("seed-0")} == {
        f"seed-0_sparsity-{k}": UnitState.DONE for k in ("0.00", "0.50", "0.90")
    }
    failed = run.units.filter(state=UnitState.FAILED)
    assert failed.count() == 3
    assert all("expected" in unit.error for unit in failed)
    run.refresh_from_db()
    assert run.finished_at is None


@pytest.mark.django_db
def test_stopped_worker_puts_its_unit_back(tiny: TinySweep) -> None:
    run = registered(tiny, "ledger")
    asked = []

    def stopped() -> bool:
        asked.append(1)
        return len(asked) > 3

    work.Worker(lease_seconds=60, stopped=stopped).work(run)
    assert run.units.filter(state=UnitState.WORKING).count() == 0
    assert run.units.filter(attempts__gt=1).count() == 0
    work.Worker(lease_seconds=60).work(run)
    run.refresh_from_db()
    assert run.finished_at is not None


@pytest.mark.django_db
def test_dead_neighbour_is_told_from_a_live_one(tiny: TinySweep) -> None:
    run = registered(tiny, "ledger")
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    host = work.worker_name().rpartition(":")[0]
    dead = ledger.claim_next(worker=f"{host}:{gone.pid}", lease_seconds=600, run=run)
    alive = ledger.claim_next(worker=f"{host}:{os.getppid()}", lease_seconds=600, run=run)
    elsewhere = ledger.claim_next(worker=f"other-host:{gone.pid}", lease_seconds=600, run=run)
    assert dead
    assert alive
    assert elsewhere
    assert work.free_dead_neighbours() == 1
    freed = ledger.claim_next(worker="w", lease_seconds=600, run=run)
    assert freed is not None
    assert freed.unit_id == dead.unit_id


class Site:
    """A throw-away site of its own, with a real database file, broker folder and worker."""

    def __init__(self, home: Path) -> None:
        self.home = home
        # Left over in the environment of the tests: they would win over the site's own secrets.
        self.environment = {
            **os.environ, "READERSTUDY_HOME": str(home), "LEASE_SECONDS": "2", "OMP_NUM_THREADS": "1",
        }  # fmt: skip
        self.worker: subprocess.Popen[bytes] | None = None

    def manage(self, *command: str) -> None:
        subprocess.run([sys.executable, "manage.py", *command], cwd=ROOT, env=self.environment, check=True)

    def start_worker(self) -> None:
        from readerstudy.ops.supervisor import worker_command

        self.worker = subprocess.Popen(
            worker_command(), cwd=ROOT, env=self.environment, start_new_session=True
        )

    def kill_worker(self) -> None:
        assert self.worker is not None
        os.killpg(self.worker.pid, signal.SIGKILL)
        self.worker.wait()

    def count(self, state: str) -> int:
        with sqlite3.connect(f"file:{self.home}/db.sqlite3?mode=ro", uri=True, timeout=20) as database:
            query = "SELECT count(*) FROM analysis_unit WHERE state = ?"
            return int(database.execute(query, [state]).fetchone()[0])

    def finished(self) -> bool:
        with sqlite3.connect(f"file:{self.home}/db.sqlite3?mode=ro", uri=True, timeout=20) as database:
            return database.execute("SELECT finished_at FROM analysis_run").fetchone()[0] is not None

    def wait_for(self, what: str, reached: "object") -> None:
        deadline = time.monotonic() + PATIENCE
        while not reached():  # type: ignore[operator]
            assert time.monotonic() < deadline, f"waited {PATIENCE:.0f} s for {what}"
            time.sleep(0.05)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path / "site")
    site.manage("setup")
    yield site
    if site.worker is not None and site.worker.poll() is None:
        site.kill_worker()


def test_worker_killed_with_its_bell_lost_and_torn(tiny: TinySweep, site: Site) -> None:
    """kill -9 in mid-sweep, the broker's folder emptied, a torn message left: the next worker finishes."""
    spec = tiny.root / "sweep.toml"
    spec.write_text(
        f"""[data]
name = "tiny"
images = "images"
labels_test = "labels/{tiny.labels_test.name}"
head = 0.5
tail = 0.25
[preprocess]
size = 32
[models]
architecture = "{SMALL}"
checkpoints = "trained_models"
[prune]
sparsities = [0.0, 0.5, 0.9]
[infer]
batch_size = 3
threads = 1
"""
    )
    site.manage("run_sweep", str(spec), "--out", str(tiny.root / "queued"), "--queue")
    site.start_worker()
    site.wait_for("the first finished unit", lambda: site.count("done") >= 1)
    site.kill_worker()
    broker = site.home / "broker"
    for message in broker.glob("*.msg"):
        message.unlink()
    (broker / "00000000000000000001_torn.sweep.msg").write_text('{"body": "abc')
    site.start_worker()
    site.wait_for("the end of the run", site.finished)
    assert (site.count("done"), site.count("todo"), site.count("failed")) == (6, 0, 0)
    run_sweep(tiny.spec(), tiny.root / "alone")
    assert files(tiny.root / "queued") == files(tiny.root / "alone")
