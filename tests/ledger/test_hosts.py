"""Two hosts without a common folder: one dies in the middle of handing in a unit and later finishes the run.

The store is a folder of its own, reached through Django's storage interface as an S3 store is; tests.drills.hosts
does the same with real processes and a real S3 server.
"""

from pathlib import Path

import pytest
from django.core.files.storage import FileSystemStorage
from pytest_django import Settings

from analysis.models import Run, Unit, UnitState
from analysis.services import finishing, jobs, ledger, mirror
from analysis.services.runs import create_run
from analysis.services.work import Worker
from analysis.sweep.run import units
from tests.sweep.tiny import TinySweep, make_tiny

pytestmark = pytest.mark.django_db

WEB, FIRST, SECOND = "web", "first", "second"


class Killed(BaseException):
    """Where the process ends: nothing of the product catches it."""


class Hosts:
    """Hosts that share a database and a store; `at` makes this process one of them."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder, self.settings = folder, settings
        settings.STORAGES = {
            **settings.STORAGES,
            "runs": {
                "BACKEND": "django.core.files.storage.FileSystemStorage",
                "OPTIONS": {"location": folder / "store", "allow_overwrite": True},
            },
        }

    def at(self, host: str) -> Worker:
        self.settings.RUNS_ROOT = self.folder / host / "runs"
        cache = self.folder / host / "cache"
        return Worker(lease_seconds=60, runs=self.settings.RUNS_ROOT, host=host, image_cache=cache)

    def scores(self, run: Run, host: str) -> Path:
        self.at(host)
        return mirror.folder_of(run) / mirror.SCORES


@pytest.fixture
def tiny(tmp_path: Path) -> TinySweep:
    return make_tiny(tmp_path, seeds=(0,))


@pytest.fixture
def hosts(tmp_path: Path, settings: Settings) -> Hosts:
    return Hosts(tmp_path / "hosts", settings)


@pytest.fixture
def run(tiny: TinySweep, hosts: Hosts) -> Run:
    hosts.at(WEB)
    return create_run(spec=tiny.spec(), out=None, runs=hosts.settings.RUNS_ROOT)


def compute(run: Run, hosts: Hosts, host: str) -> None:
    """Compute every open unit at a host, without finishing the run."""
    worker = hosts.at(host)
    while claim := ledger.claim_next(worker=host, lease_seconds=60, run=run):
        assert worker._compute(claim)


def die_while_writing(run: Run, hosts: Hosts, monkeypatch: pytest.MonkeyPatch, nth: int) -> Unit:
    """Let the first host be killed right before the nth file of its first unit; its lease then runs out."""
    hosts.at(FIRST)
    claim = ledger.claim_next(worker=FIRST, lease_seconds=-1, run=run)
    assert claim is not None
    real, written = units.write_whole, []

    def write(path: Path, content: bytes) -> None:
        written.append(path)
        if len(written) == nth:
            raise Killed
        real(path, content)

    with monkeypatch.context() as patched:
        patched.setattr(units, "write_whole", write)
        job = jobs.Job(claim, lost=lambda: False, lease_seconds=-1)
        with pytest.raises(Killed):
            jobs.do(job, jobs.Desk(hosts.settings.RUNS_ROOT, hosts.folder / FIRST / "cache"))
    return run.units.get(pk=claim.pk)


@pytest.mark.parametrize("nth", [1, 2])
def test_who_died_between_two_files_finishes_the_run_without_doing_it_again(
    run: Run, hosts: Hosts, monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    """The scores lie in its folder without their note: good bytes, which nobody must compute a second time."""
    broken = die_while_writing(run, hosts, monkeypatch, nth)
    assert len(list(hosts.scores(run, FIRST).glob("*.npy"))) == nth - 1
    assert list(hosts.scores(run, FIRST).glob("*.json")) == []
    compute(run, hosts, SECOND)
    tokens = dict(run.units.values_list("key", "token"))
    assert tokens[broken.key] == 2  # the claim of the dead, and that of the second host
    assert hosts.at(FIRST).work(run) == 0  # nothing was left to compute
    run.refresh_from_db()
    assert run.finished_at is not None
    assert dict(run.units.values_list("key", "token")) == tokens


def test_a_file_that_was_damaged_here_is_fetched_again(run: Run, hosts: Hosts) -> None:
    compute(run, hosts, FIRST)
    tokens = dict(run.units.values_list("key", "token"))
    folder = hosts.scores(run, FIRST)
    before = {name.name: name.read_bytes() for name in folder.iterdir()}
    for number, name in enumerate(sorted(folder.iterdir())):
        name.write_bytes(name.read_bytes()[: 10 * number])
    hosts.at(FIRST).work(run)
    run.refresh_from_db()
    assert run.finished_at is not None
    assert dict(run.units.values_list("key", "token")) == tokens
    assert {name.name: name.read_bytes() for name in folder.iterdir()} == before


def test_what_the_store_lost_is_done_again(run: Run, hosts: Hosts) -> None:
    compute(run, hosts, FIRST)
    lost = next((hosts.folder / "store" / run.run_id / mirror.SCORES).glob("*.npy"))
    lost.unlink()
    assert hosts.at(SECOND).work(run) == 0
    assert run.units.exclude(state=UnitState.DONE).count() == 1
    assert hosts.at(SECOND).work(run) == 1
    run.refresh_from_db()
    assert run.finished_at is not None


class AwayStorage(FileSystemStorage):
    """A store whose host does not answer."""

    def _open(self, name: str, mode: str = "rb") -> None:
        raise ConnectionError("no route to the store")


def test_a_store_that_is_away_makes_nobody_compute_again(run: Run, hosts: Hosts) -> None:
    compute(run, hosts, FIRST)
    tokens = dict(run.units.values_list("key", "token"))
    there = hosts.settings.STORAGES
    hosts.scores(run, SECOND)
    mirror.prepared_folder(run)
    away = {**there["runs"], "BACKEND": f"{__name__}.{AwayStorage.__name__}"}
    hosts.settings.STORAGES = {**there, "runs": away}
    with pytest.raises(mirror.MirrorError, match="ConnectionError"):
        hosts.at(SECOND).work(run)
    assert dict(run.units.values_list("key", "token")) == tokens
    hosts.settings.STORAGES = there
    hosts.at(SECOND).work(run)
    run.refresh_from_db()
    assert run.finished_at is not None


def test_a_unit_that_was_done_again_meanwhile_is_not_opened_a_third_time(
    run: Run, hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two finishers: while one reads its files, the other opens a unit and a third does it again."""
    compute(run, hosts, FIRST)
    gather = mirror.gather_scores
    unit = run.units.get(place=1)

    def slowly(*given: object) -> None:
        gather(*given)  # type: ignore[arg-type]
        for name in hosts.scores(run, FIRST).glob(f"{next(iter(unit.artefacts)).removesuffix('.npy')}.*"):
            name.unlink()  # as if it had been gathered while the unit was open
        ledger.reopen(run=run, units=[seen for seen in ledger.recorded(run) if seen.key == unit.key])
        compute(run, hosts, SECOND)
        hosts.at(FIRST)

    worker = hosts.at(FIRST)
    with monkeypatch.context() as patched:
        patched.setattr(mirror, "gather_scores", slowly)
        finishing.finish(run)
    run.refresh_from_db()
    assert run.finished_at is None
    assert run.units.get(pk=unit.pk).token == unit.token + 1  # claimed once more
    assert worker.work(run) == 0
    run.refresh_from_db()
    assert run.finished_at is not None
    assert run.units.get(pk=unit.pk).token == unit.token + 1
