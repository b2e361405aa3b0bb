"""Real sweeps through the ledger: in one process, and through a real Celery worker that is killed."""

import json
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
from analysis.services import control, ledger
from analysis.services.findings import Choices
from analysis.services.finishing import verify_files
from analysis.services.fleet import free_dead_neighbours, worker_name
from analysis.services.runs import create_run
from analysis.services.work import Worker
from analysis.sweep.errors import UnitError
from analysis.sweep.run.finish import run_sweep
from analysis.tasks import ask_for_findings, ring
from readerstudy.celery import app
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


def worker(**choices: object) -> Worker:
    return Worker(lease_seconds=60, runs=Path("/nowhere"), **choices)


def registered(tiny: TinySweep, name: str) -> Run:
    return create_run(spec=tiny.spec(), out=tiny.root / name, runs=tiny.root)


@pytest.mark.django_db
def test_ledger_run_equals_the_run_from_files_alone(tiny: TinySweep) -> None:
    run = registered(tiny, "ledger")
    seen = []
    assert worker().work(run, lambda: seen.append(1)) == 6
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
    worker().work(run)
    before = files(Path(run.folder))
    damaged = next(Path(run.folder).glob("predictions/*.npy"))
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"\0")
    assert verify_files(run) == 1
    assert worker().work(run) == 1
    assert files(Path(run.folder)) == before


@pytest.mark.django_db
def test_a_run_that_cannot_be_finished_keeps_no_other_one_waiting(tmp_path: Path) -> None:
    runs = []
    for name, seed in (("spoiled", 0), ("sound", 1)):
        (tmp_path / name).mkdir()
        runs.append(registered(make_tiny(tmp_path / name, seeds=(seed,)), "ledger"))
    newest_first = sorted(runs, key=lambda run: run.created_at, reverse=True)
    with (Path(newest_first[0].folder) / "images.csv").open("a") as stream:
        stream.write("\n")
    with pytest.raises(UnitError, match=r"images\.csv"):
        worker().work()
    for run in runs:
        run.refresh_from_db()
    assert [run.finished_at is not None for run in newest_first] == [False, True]


@pytest.mark.django_db
def test_a_unit_that_cannot_be_done_fails_after_five_attempts_and_says_why(tiny: TinySweep) -> None:
    run = registered(tiny, "ledger")
    tiny.checkpoint(1).write_bytes(b"not a checkpoint any more")
    worker().work(run)
    states = dict(run.units.values_list("key", "state"))
    assert {key: state for key, state in states.items() if key.startswith("seed-0")} == {
        f"seed-0_sparsity-{k}": UnitState.DONE for k in ("0.00", "0.50", "0.90")
    }
    failed = run.units.filter(state=UnitState.FAILED)
    assert [unit.attempts for unit in failed] == [5, 5, 5]
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

    worker(stopped=stopped).work(run)
    assert run.units.filter(state=UnitState.WORKING).count() == 0
    assert run.units.filter(attempts__gt=1).count() == 0
    worker().work(run)
    run.refresh_from_db()
    assert run.finished_at is not None


@pytest.mark.django_db
def test_dead_neighbour_is_told_from_a_live_one(tiny: TinySweep) -> None:
    run = registered(tiny, "ledger")
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    host, pid, _ = worker_name().split(":")
    names = {
        "dead": f"{host}:{gone.pid}:77",
        "another got its number": f"{host}:{pid}:1",
        "alive": worker_name(),
        "elsewhere": f"other-host:{gone.pid}:77",
        "drilled": worker_name("host-b"),
    }
    claims = {who: ledger.claim_next(worker=name, lease_seconds=600, run=run) for who, name in names.items()}
    assert all(claims.values())
    assert free_dead_neighbours() == 2
    lost = {who for who, claim in claims.items() if not ledger.open_units().filter(pk=claim.pk)}
    assert set(claims) - lost == {"dead", "another got its number"}
    assert free_dead_neighbours("other-host") == 1


class LateWorker(Worker):
    """A worker that loses its unit to another while it computes, and does not hear of it in time."""

    def _heartbeat(self, claim):  # type: ignore[no-untyped-def]
        run = Run.objects.get(pk=claim.run_id)
        run.units.filter(pk=claim.pk).update(token=claim.token + 1)
        return super()._heartbeat(claim)


@pytest.mark.django_db
def test_a_late_worker_publishes_nothing(tiny: TinySweep) -> None:
    run = registered(tiny, "ledger")
    run.units.exclude(place=0).delete()
    late = LateWorker(lease_seconds=60, runs=Path("/nowhere"))
    assert late.work(run) == 0
    assert list(Path(run.folder).glob("predictions/*")) == []
    assert run.units.get().state == UnitState.WORKING


@pytest.mark.django_db
def test_a_file_that_is_not_the_recorded_one_is_done_again(tiny: TinySweep) -> None:
    """A late worker of another machine wrote a good file of its own after the unit was recorded."""
    run = registered(tiny, "ledger")
    worker().work(run)
    before = files(Path(run.folder))
    unit = run.units.get(place=3)
    (name,) = unit.artefacts
    run.units.filter(pk=unit.pk).update(artefacts={name: "f" * 64})
    assert verify_files(run) == 1
    assert worker().work(run) == 1
    assert files(Path(run.folder)) == before


@pytest.mark.django_db
def test_a_host_that_cannot_match_the_run_leaves_it_to_others(tiny: TinySweep) -> None:
    run = registered(tiny, "ledger")
    plan = Path(run.folder) / "plan.json"
    frozen = plan.read_text()
    said = json.loads(frozen)
    said["versions"]["torch"] = "0.0"
    plan.write_text(json.dumps(said))
    other = worker()
    assert other.work() == 0
    assert set(run.units.values_list("state", "attempts")) == {(UnitState.TODO, 0)}
    assert "expected torch 0.0" in run.units.exclude(error="").get().error
    tokens = list(run.units.values_list("token", flat=True))
    assert other.work() == 0
    assert list(run.units.values_list("token", flat=True)) == tokens  # not even tried again
    plan.write_text(frozen)
    assert worker().work() == 6
    assert set(run.units.values_list("state", "error")) == {(UnitState.DONE, "")}


@pytest.mark.django_db
@pytest.mark.parametrize("after", [1, 4])
def test_cancelled_and_resumed_run_is_byte_equal(tiny: TinySweep, after: int) -> None:
    run = registered(tiny, "ledger")
    seen = []

    def cancel_in_time() -> None:
        seen.append(1)
        if len(seen) == after:
            control.cancel(run=run)

    assert worker().work(run, cancel_in_time) == after
    run.refresh_from_db()
    assert run.cancelled_at is not None
    assert run.finished_at is None
    assert not (Path(run.folder) / "metrics.csv").exists()
    control.resume(run=run)
    assert worker().work(run) == 6 - after
    run.refresh_from_db()
    assert run.finished_at is not None
    run_sweep(tiny.spec(), tiny.root / "alone")
    assert files(Path(run.folder)) == files(tiny.root / "alone")


class Site:
    """A throw-away site of its own, with a real database file, broker folder and worker."""

    def __init__(self, home: Path) -> None:
        self.home = home
        # Left over in the environment of the tests: they would win over the site's own secrets.
        self.environment = {
            **os.environ, "READERSTUDY_HOME": str(home), "LEASE_SECONDS": "2", "OMP_NUM_THREADS": "1",
        }  # fmt: skip
        self.worker: subprocess.Popen[bytes] | None = None

    def manage(self, *command: str) -> str:
        command = (sys.executable, "manage.py", *command)
        return subprocess.run(
            command, cwd=ROOT, env=self.environment, check=True, stdout=subprocess.PIPE, text=True
        ).stdout

    def start_worker(self, queue: str = "sweep") -> None:
        from readerstudy.ops.serve.supervisor import worker_command

        self.worker = subprocess.Popen(
            worker_command(queue), cwd=ROOT, env=self.environment, start_new_session=True
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


@pytest.mark.django_db
def test_the_analysis_of_a_sweep_waits_behind_no_training() -> None:
    """It goes to a queue to which no worker of trainings listens."""
    folder = Path(app.conf.broker_transport_options["data_folder"])
    before = set(folder.glob("*.msg"))
    run = Run.objects.create(run_id="r1", name="sweep", folder="/nowhere", spec={}, synthetic=True)
    ring()
    ask_for_findings(run=run, choices=Choices())
    new = sorted(set(folder.glob("*.msg")) - before)
    assert [path.name.split(".")[-2] for path in new] == ["sweep", "cases"]
    for path in new:
        path.unlink()


def test_a_worker_says_what_it_listens_to_and_takes_nothing_else(site: Site) -> None:
    """The worker of one queue is heard by the doctor, and leaves the work of another one alone."""
    broker = site.home / "broker"
    broker.mkdir(mode=0o700, exist_ok=True)
    (broker / f"{1:020d}_of-a-training.sweep.msg").write_text("{}")
    site.start_worker("cases")
    listening = "none listens to sweep (trainings and sweeps), quick (mails)"
    site.wait_for("the worker to be heard", lambda: listening in site.manage("doctor"))
    assert [path.name for path in broker.glob("*.sweep.msg")] == [f"{1:020d}_of-a-training.sweep.msg"]


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
engine = "torch"
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
