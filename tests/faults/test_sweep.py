"""Faults 28 and 30 of a sweep: a bell rung twice, two last finishers.

21 to 27 and 29 are in tests/ledger and tests/drills, the clocks in test_clocks.py.
"""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from analysis import tasks
from analysis.models import Run
from analysis.services import finishing
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
