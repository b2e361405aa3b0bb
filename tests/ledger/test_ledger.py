"""The ledger: one claimant, fencing tokens, leases that run out, five attempts, cancel and resume."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from analysis.models import Run, Unit, UnitState
from analysis.services import ledger
from analysis.services.progress import progress_of

pytestmark = pytest.mark.django_db

LEASE = 60.0


@pytest.fixture
def run() -> Run:
    return ledger.register_run(
        run_id="r1", name="toy", folder=Path("/nowhere"), spec={"data": {"name": "toy"}}, synthetic=True,
        keys=[f"seed-0_sparsity-0.{n}0" for n in range(4)],
    )  # fmt: skip


def take(worker: str = "w1") -> ledger.Claim:
    claim = ledger.claim_next(worker=worker, lease_seconds=LEASE)
    assert claim is not None
    return claim


def age(claim: ledger.Claim) -> None:
    """Let the lease of a claim run out."""
    Unit.objects.filter(pk=claim.unit_id).update(lease_until=timezone.now() - timedelta(seconds=1))


def state(claim: ledger.Claim) -> str:
    return Unit.objects.get(pk=claim.unit_id).state


def test_registering_again_changes_nothing(run: Run) -> None:
    take()
    again = ledger.register_run(
        run_id="r1", name="other", folder=Path("/x"), spec={}, synthetic=False, keys=["a", "b"]
    )
    assert again.pk == run.pk
    assert again.name == "toy"
    assert run.units.count() == 4
    assert run.units.filter(state=UnitState.WORKING).count() == 1


def test_each_unit_is_claimed_once_in_order(run: Run) -> None:
    claims = [take(f"w{n}") for n in range(4)]
    assert [claim.key for claim in claims] == [f"seed-0_sparsity-0.{n}0" for n in range(4)]
    assert ledger.claim_next(worker="w9", lease_seconds=LEASE) is None


def test_lost_lease_goes_to_another_and_the_zombie_changes_nothing(run: Run) -> None:
    zombie = take("w1")
    age(zombie)
    heir = take("w2")
    assert heir.unit_id == zombie.unit_id
    assert heir.token == zombie.token + 1
    assert not ledger.keep(zombie, lease_seconds=LEASE)
    assert not ledger.finish(zombie, artefacts={"a.npy": "0" * 64})
    assert not ledger.fail(zombie, error="late")
    assert ledger.finish(heir, artefacts={"a.npy": "1" * 64})
    assert Unit.objects.get(pk=heir.unit_id).artefacts == {"a.npy": "1" * 64}
    assert not ledger.finish(heir, artefacts={"a.npy": "2" * 64})


def test_heartbeat_keeps_a_unit(run: Run) -> None:
    claim = take()
    age(claim)
    assert ledger.keep(claim, lease_seconds=LEASE)
    assert take("w2").unit_id != claim.unit_id


def test_five_errors_fail_a_unit_visibly(run: Run) -> None:
    first = take()
    for attempt in range(5):
        assert ledger.fail(first, error=f"boom {attempt}")
        if attempt < 4:
            assert state(first) == UnitState.TODO
            first = take()
    unit = Unit.objects.get(pk=first.unit_id)
    assert (unit.state, unit.error, unit.attempts) == (UnitState.FAILED, "boom 4", 5)
    assert progress_of(run).failed == 1


def test_five_dead_workers_fail_a_unit_visibly(run: Run) -> None:
    first = take().unit_id
    for _ in range(4):
        Unit.objects.filter(pk=first).update(lease_until=timezone.now() - timedelta(seconds=1))
        assert take().unit_id == first
    Unit.objects.filter(pk=first).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert take().unit_id != first
    assert "5 attempts" in Unit.objects.get(pk=first).error


def test_letting_go_is_no_attempt(run: Run) -> None:
    claim = take()
    assert ledger.let_go(claim)
    unit = Unit.objects.get(pk=claim.unit_id)
    assert (unit.state, unit.attempts) == (UnitState.TODO, 0)


def test_cancelled_run_gives_no_unit_until_resumed(run: Run) -> None:
    claim = take()
    ledger.cancel(run=run)
    assert ledger.claim_next(worker="w2", lease_seconds=LEASE) is None
    assert not ledger.keep(claim, lease_seconds=LEASE)
    ledger.resume(run=run)
    assert ledger.keep(claim, lease_seconds=LEASE)
    assert take("w2").unit_id != claim.unit_id


def test_resume_gives_failed_units_new_attempts(run: Run) -> None:
    claim = take()
    Unit.objects.filter(pk=claim.unit_id).update(attempts=5)
    ledger.fail(claim, error="boom")
    assert state(claim) == UnitState.FAILED
    ledger.resume(run=run)
    unit = Unit.objects.get(pk=claim.unit_id)
    assert (unit.state, unit.attempts, unit.error) == (UnitState.TODO, 0, "")


def test_run_is_complete_when_every_unit_is_done(run: Run) -> None:
    for _ in range(4):
        assert ledger.complete_runs() == []
        ledger.finish(take(), artefacts={"a": "0" * 64})
    assert ledger.complete_runs() == [run]
    assert ledger.mark_finished(run=run)
    assert not ledger.mark_finished(run=run)
    assert ledger.complete_runs() == []


def test_reopened_unit_reopens_the_run(run: Run) -> None:
    claims = [take() for _ in range(4)]
    for claim in claims:
        ledger.finish(claim, artefacts={"a": "0" * 64})
    ledger.mark_finished(run=run)
    assert ledger.reopen(run=run, keys=[claims[2].key]) == 1
    run.refresh_from_db()
    assert run.finished_at is None
    assert take().unit_id == claims[2].unit_id


def test_database_refuses_done_without_artefact_and_doubled_units(run: Run) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        run.units.update(state=UnitState.DONE)
    with pytest.raises(IntegrityError), transaction.atomic():
        Unit.objects.create(run=run, key="seed-0_sparsity-0.00", place=9)


def test_progress_counts(run: Run) -> None:
    ledger.finish(take(), artefacts={"a": "0" * 64})
    take()
    now = progress_of(run)
    assert (now.total, now.done, now.working, now.failed, now.finished) == (4, 1, 1, 0, False)
    assert now.rate is not None
    assert now.seconds_left == pytest.approx(3 / now.rate)
