"""Faults 28 and 30 to 32 of a sweep: a bell rung twice, two last finishers, clocks that differ or go back.

21 to 27 and 29 are in tests/ledger and tests/drills.
"""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from analysis import tasks
from analysis.models import Run, UnitState
from analysis.services import control, finishing, ledger
from analysis.services.control import NewUnit
from analysis.services.runs import create_run
from analysis.services.work import Worker
from tests.browser.conftest import _empty_the_audit_trail
from tests.ledger.test_worker import files
from tests.sweep.tiny import TinySweep, make_tiny


@pytest.fixture
def tiny(tmp_path: Path) -> TinySweep:
    return make_tiny(tmp_path, seeds=(0,))


def of_tiny(tiny: TinySweep) -> Run:
    return create_run(spec=tiny.spec(), out=tiny.root / "run", runs=tiny.root)


def a_run(units: int) -> Run:
    return control.register_run(
        run_id="r", name="r", folder=Path("/nowhere"), spec={}, synthetic=True,
        units=[NewUnit(f"u{number}") for number in range(units)],
    )  # fmt: skip


@pytest.mark.django_db
def test_28_a_bell_delivered_twice_changes_nothing(tiny: TinySweep) -> None:
    run = of_tiny(tiny)
    tasks.work_through()
    tokens = list(run.units.values_list("token", flat=True))
    before = files(Path(run.folder))
    tasks.work_through()
    assert list(run.units.values_list("token", flat=True)) == tokens == [1, 1, 1]
    assert files(Path(run.folder)) == before


@pytest.fixture
def _shared_database(transactional_db: None) -> Iterator[None]:
    """Let two threads see the same rows; the audit trail is emptied before Django empties the rest."""
    yield
    _empty_the_audit_trail()


@pytest.mark.usefixtures("_shared_database")
def test_30_two_last_finishers_write_the_same_tables(tiny: TinySweep) -> None:
    run = of_tiny(tiny)
    Worker(lease_seconds=60, runs=tiny.root).work(run)
    before = files(Path(run.folder))
    Run.objects.filter(pk=run.pk).update(finished_at=None)
    together, faults = threading.Barrier(2), []

    def finisher() -> None:
        try:
            mine = Run.objects.get(pk=run.pk)
            together.wait(30)
            finishing.finish(mine)
        except Exception as error:
            faults.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=finisher) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert faults == []
    run.refresh_from_db()
    assert run.finished_at is not None
    assert files(Path(run.folder)) == before


@pytest.mark.django_db
def test_31_a_host_whose_clock_is_ahead_takes_nothing_on_postgresql(monkeypatch: pytest.MonkeyPatch) -> None:
    """There the database's clock decides. On SQLite there is one host and one clock."""
    a_run(1)
    claim = ledger.claim_next(worker="here", lease_seconds=60)
    assert claim
    ahead = timezone.now() + timedelta(hours=1)
    monkeypatch.setattr(timezone, "now", lambda: ahead)
    taken = ledger.claim_next(worker="ahead", lease_seconds=60)
    if connection.vendor == "postgresql":
        assert taken is None
        assert ledger.finish(claim, artefacts={"a": "0" * 64})
    else:
        assert taken is not None
        assert not ledger.finish(claim, artefacts={"a": "0" * 64})
        assert ledger.finish(taken, artefacts={"a": "0" * 64})


@pytest.mark.django_db
def test_32_a_clock_that_goes_back_loses_and_doubles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    run = a_run(2)
    claim = ledger.claim_next(worker="w", lease_seconds=60)
    assert claim
    back = timezone.now() - timedelta(hours=3)
    monkeypatch.setattr(timezone, "now", lambda: back)
    other = ledger.claim_next(worker="w2", lease_seconds=60)
    assert other is not None
    assert other.unit_id != claim.unit_id
    assert ledger.keep(claim, lease_seconds=60)
    assert ledger.finish(claim, artefacts={"a": "0" * 64})
    assert ledger.finish(other, artefacts={"a": "0" * 64})
    assert run.units.filter(state=UnitState.DONE).count() == 2
    assert ledger.complete_runs() == [run]
