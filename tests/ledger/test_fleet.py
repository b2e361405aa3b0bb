"""Who is at work is counted from the ledger alone."""

import threading
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from analysis import tasks
from analysis.models import Run, Unit
from analysis.services import control, ledger
from analysis.services.fleet import at_work

pytestmark = pytest.mark.django_db


@pytest.fixture
def run() -> Run:
    units = [Unit(key=f"u{n}") for n in range(10)]
    return control.register_run(
        run_id="r1", name="toy", folder=Path("/nowhere"), spec={}, synthetic=True, units=units
    )


def done(worker: str, seconds: float, ago: float) -> None:
    """Let a worker have finished its next unit `ago` seconds before now, after `seconds` of work."""
    claim = ledger.claim_next(worker=worker, lease_seconds=60)
    assert claim is not None
    ledger.finish(claim, artefacts={f"{claim.key}.npy": "0" * 64})
    end = timezone.now() - timedelta(seconds=ago)
    Unit.objects.filter(pk=claim.pk).update(started_at=end - timedelta(seconds=seconds), finished_at=end)


def test_who_is_at_work(run: Run) -> None:
    assert at_work() == (0, 10)
    done("fast:11:1", 10, 10)
    done("gone:33:1", 5, 7200)  # two hours ago
    assert at_work() == (1, 8)
    ledger.claim_next(worker="slow:22:1", lease_seconds=60)
    late = ledger.claim_next(worker="lost:44:1", lease_seconds=60)
    assert late is not None
    Unit.objects.filter(pk=late.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert at_work() == (2, 8)


def test_an_idle_worker_rings_past_those_that_are_busy(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker hands a busy worker one message ahead: as many bells as those could swallow are not enough."""
    from analysis import tasks

    rung: list[int] = []
    monkeypatch.setattr(tasks, "ring", rung.append)
    for host in ("a", "b"):
        ledger.claim_next(worker=f"{host}:1:1", lease_seconds=60)
    assert tasks.reconcile()
    assert rung == [3]


def test_units_go_on_where_the_shared_cache_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(queues: object) -> None:
        raise RuntimeError("no table")

    done: list[str] = []
    stop = threading.Event()
    stop.set()
    monkeypatch.setattr(tasks, "_shutting_down", stop)
    monkeypatch.setattr(tasks, "note_listening", away)
    monkeypatch.setattr(tasks, "reconcile", lambda: done.append("reconciled"))
    tasks._reconcile_for_ever(["sweep"])
    assert done == ["reconciled"]
