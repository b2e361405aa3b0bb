"""Faults 31 and 32: clocks that differ or go back. `make test-servers` runs them on PostgreSQL, whose clock counts."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from analysis.models import Run, Unit, UnitState
from analysis.services import control, ledger


def a_run(units: int) -> Run:
    return control.register_run(
        run_id="r", name="r", folder=Path("/nowhere"), spec={}, synthetic=True,
        units=[Unit(key=f"u{number}") for number in range(units)],
    )  # fmt: skip


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
    assert other.pk != claim.pk
    assert ledger.keep(claim, lease_seconds=60)
    assert ledger.finish(claim, artefacts={"a": "0" * 64})
    assert ledger.finish(other, artefacts={"a": "0" * 64})
    assert run.units.filter(state=UnitState.DONE).count() == 2
    assert ledger.complete_runs() == [run]
