"""The page of workers counts from the ledger alone."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone

from analysis.models import Run, Unit, UnitState
from analysis.services import control, ledger
from analysis.services.fleet import fleet
from tests.stock import Stock

pytestmark = pytest.mark.django_db


@pytest.fixture
def run() -> Run:
    units = [control.NewUnit(f"u{n}") for n in range(10)]
    return control.register_run(
        run_id="r1", name="toy", folder=Path("/nowhere"), spec={}, synthetic=True, units=units
    )


def done(worker: str, seconds: float, ago: float) -> None:
    """Let a worker have finished its next unit `ago` seconds before now, after `seconds` of work."""
    claim = ledger.claim_next(worker=worker, lease_seconds=60)
    assert claim is not None
    ledger.finish(claim, artefacts={f"{claim.key}.npy": "0" * 64})
    end = timezone.now() - timedelta(seconds=ago)
    Unit.objects.filter(pk=claim.unit_id).update(started_at=end - timedelta(seconds=seconds), finished_at=end)


def test_rates_shares_and_leases(run: Run) -> None:
    for ago in (30, 20, 10):
        done("fast:11:1", 10, ago)
    done("slow:22:1", 30, 10)
    done("gone:33:1", 5, 7200)  # two hours ago: no part of the last hour
    ledger.claim_next(worker="slow:22:1", lease_seconds=60)
    late = ledger.claim_next(worker="lost:44:1", lease_seconds=60)
    assert late is not None
    Unit.objects.filter(pk=late.unit_id).update(lease_until=timezone.now() - timedelta(seconds=1))
    seen = fleet()
    rows = {row.host: row for row in seen.workers}
    assert set(rows) == {"fast", "slow", "lost"}
    assert (rows["fast"].done, rows["fast"].seconds, rows["fast"].share) == (3, 10.0, 75.0)
    assert (rows["slow"].done, rows["slow"].seconds, rows["slow"].process) == (1, 30.0, "22")
    assert rows["fast"].hand is None
    assert rows["slow"].hand is not None
    assert not rows["slow"].late
    assert rows["lost"].hand is not None
    assert rows["lost"].late
    assert seen.held == 2
    assert seen.waiting == 4  # three to do, and the one whose lease has run out
    assert seen.per_minute == pytest.approx(4 / (40 / 60), rel=0.05)
    assert seen.minutes_left == pytest.approx(5 / seen.per_minute)


def test_nobody_is_no_worker() -> None:
    seen = fleet()
    assert (seen.workers, seen.waiting, seen.per_minute, seen.minutes_left) == ([], 0, 0.0, None)


def test_the_page_shows_them(stock: Stock, client: Client, run: Run) -> None:
    client.force_login(stock.rita, backend="django.contrib.auth.backends.ModelBackend")
    assert "No worker was seen" in client.get("/runs/workers/").content.decode()
    done("gpu-host:11:1", 10, 5)
    ledger.claim_next(worker="gpu-host:11:1", lease_seconds=60)
    page = client.get("/runs/workers/").content.decode()
    assert "gpu-host" in page
    assert "until" in page
    assert run.units.filter(state=UnitState.WORKING).get().key in page


def test_an_idle_worker_rings_past_those_that_are_busy(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker hands a busy worker one message ahead: as many bells as those could swallow are not enough."""
    from analysis import tasks

    rung: list[int] = []
    monkeypatch.setattr(tasks, "ring", rung.append)
    for host in ("a", "b"):
        ledger.claim_next(worker=f"{host}:1:1", lease_seconds=60)
    assert tasks.reconcile()
    assert rung == [3]
