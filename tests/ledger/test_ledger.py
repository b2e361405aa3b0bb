"""The ledger: one claimant, fencing tokens, leases that run out, five attempts, cancel and resume."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from analysis.models import Run, Unit, UnitState
from analysis.services import control, ledger
from analysis.services.progress import progress_of
from analysis.signals import changed
from analysis.terminal import in_words

pytestmark = pytest.mark.django_db

LEASE = 60.0


@pytest.fixture
def run() -> Run:
    return control.register_run(
        run_id="r1", name="toy", folder=Path("/nowhere"), spec={"data": {"name": "toy"}}, synthetic=True,
        units=[Unit(key=f"seed-0_sparsity-0.{n}0", member=0) for n in range(4)],
    )  # fmt: skip


def take(worker: str = "w1") -> Unit:
    claim = ledger.claim_next(worker=worker, lease_seconds=LEASE)
    assert claim is not None
    return claim


def age(claim: Unit) -> None:
    """Let the lease of a claim run out."""
    Unit.objects.filter(pk=claim.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


def state(claim: Unit) -> str:
    return Unit.objects.get(pk=claim.pk).state


def test_registering_again_changes_nothing(run: Run) -> None:
    take()
    again = control.register_run(
        run_id="r1", name="other", folder=Path("/x"), spec={}, synthetic=False, units=[Unit(key="a")]
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
    run.units.exclude(place=0).delete()
    zombie = take("w1")
    age(zombie)
    heir = take("w2")
    assert heir.pk == zombie.pk
    assert heir.token == zombie.token + 1
    assert not ledger.keep(zombie, lease_seconds=LEASE)
    assert not ledger.finish(zombie, artefacts={"a.npy": "0" * 64})
    assert not ledger.fail(zombie, error="late")
    assert ledger.finish(heir, artefacts={"a.npy": "1" * 64})
    assert Unit.objects.get(pk=heir.pk).artefacts == {"a.npy": "1" * 64}
    assert not ledger.finish(heir, artefacts={"a.npy": "2" * 64})


def test_the_units_of_dead_workers_are_free_at_once_and_those_of_others_are_not(run: Run) -> None:
    dead, alive = take("w1"), take("w2")
    assert ledger.expire(workers=["w1"]) == 1
    assert [unit.pk for unit in ledger.open_units().filter(state=UnitState.WORKING)] == [dead.pk]
    assert ledger.keep(alive, lease_seconds=LEASE)


def test_heartbeat_keeps_a_unit(run: Run) -> None:
    run.units.exclude(place=0).delete()
    claim = take()
    age(claim)
    assert ledger.keep(claim, lease_seconds=LEASE)
    assert ledger.claim_next(worker="w2", lease_seconds=LEASE) is None


def test_five_errors_fail_a_unit_visibly(run: Run) -> None:
    run.units.exclude(place=0).delete()
    first = take()
    for attempt in range(5):
        assert ledger.fail(first, error=f"boom {attempt}")
        if attempt < 4:
            assert state(first) == UnitState.TODO
            first = take()
    unit = Unit.objects.get(pk=first.pk)
    assert (unit.state, unit.error, unit.attempts) == (UnitState.FAILED, "boom 4", 5)
    assert progress_of(run).failed == 1


def test_five_dead_workers_fail_a_unit_visibly(run: Run) -> None:
    run.units.exclude(place=0).delete()
    for _ in range(5):
        age(take("w7"))
    assert ledger.claim_next(worker="w8", lease_seconds=LEASE) is None
    unit = run.units.get()
    assert unit.state == UnitState.FAILED
    assert "5 attempts" in unit.error
    assert "w7" in unit.error


def test_a_unit_tried_in_vain_waits_behind_the_others(run: Run) -> None:
    first = take()
    ledger.fail(first, error="boom")
    order = [take().pk for _ in range(4)]
    assert order[-1] == first.pk
    assert len(set(order)) == 4


def test_an_error_that_must_be_fixed_first_is_final(run: Run) -> None:
    claim = take()
    assert ledger.fail(claim, error="no such file", final=True)
    unit = Unit.objects.get(pk=claim.pk)
    assert (unit.state, unit.attempts, unit.error) == (UnitState.FAILED, 1, "no such file")


def test_workers_keep_to_the_checkpoint_they_have_loaded() -> None:
    run = control.register_run(
        run_id="r2", name="toy", folder=Path("/nowhere"), spec={}, synthetic=True,
        units=[Unit(key=f"seed-{seed}_{k}", member=seed) for seed in range(3) for k in range(3)],
    )  # fmt: skip
    one = ledger.claim_next(worker="w1", lease_seconds=LEASE, run=run)
    two = ledger.claim_next(worker="w2", lease_seconds=LEASE, run=run)
    assert one
    assert two
    assert (one.member, two.member) == (0, 1)
    seen = []
    for _ in range(3):
        for claim, worker in ((one, "w1"), (two, "w2")):
            ledger.finish(claim, artefacts={"a": "0" * 64})
            seen.append((worker, claim.member))
        one = ledger.claim_next(worker="w1", lease_seconds=LEASE, run=run, near=one)
        two = ledger.claim_next(worker="w2", lease_seconds=LEASE, run=run, near=two)
        assert one
        assert two
    assert seen == [("w1", 0), ("w2", 1)] * 3
    assert (one.member, two.member) == (2, 2)


def test_a_worker_stays_though_nobody_works_at_an_earlier_checkpoint() -> None:
    run = control.register_run(
        run_id="r2", name="toy", folder=Path("/nowhere"), spec={}, synthetic=True,
        units=[Unit(key=f"seed-{seed}_{k}", member=seed) for seed in range(2) for k in range(2)],
    )  # fmt: skip
    claims = [take("w1"), take("w2")]
    for claim in claims:
        ledger.finish(claim, artefacts={"a": "0" * 64})
    stays = ledger.claim_next(worker="w2", lease_seconds=LEASE, run=run, near=claims[1])
    assert stays
    assert stays.member == claims[1].member == 1


def test_heartbeat_tells_how_far_a_unit_is(run: Run) -> None:
    claim = take()
    ledger.keep(claim, lease_seconds=LEASE, steps=("images", 30, 90))
    unit = Unit.objects.get(pk=claim.pk)
    assert (unit.stage, unit.steps_done, unit.steps_total) == ("images", 30, 90)
    ledger.keep(claim, lease_seconds=LEASE, steps=("x" * 99, 31, 90))
    unit.refresh_from_db()
    assert unit.stage == "x" * 30, "as long as the column is"
    ledger.let_go(claim)
    unit.refresh_from_db()
    assert (unit.stage, unit.steps_done) == ("", 0)


def test_one_failed_unit_is_tried_again_alone(run: Run) -> None:
    claims = [take(), take()]
    for claim in claims:
        ledger.fail(claim, error="boom", final=True)
    control.retry(run=run, key=claims[1].key)
    assert [state(claim) for claim in claims] == [UnitState.FAILED, UnitState.TODO]
    with pytest.raises(control.RunError, match="expected a failed unit"):
        control.retry(run=run, key=claims[1].key)


def test_a_finished_run_cannot_be_cancelled(run: Run) -> None:
    for _ in range(4):
        ledger.finish(take(), artefacts={"a": "0" * 64})
    ledger.mark_finished(run=run)
    with pytest.raises(control.RunError, match="nothing to cancel"):
        control.cancel(run=run)


def test_what_people_do_is_told_once() -> None:
    told = []

    def listen(kind: str, subject: str, actor_id: int | None, values: dict, **_: object) -> None:
        told.append((kind, subject, values))

    changed.connect(listen)
    try:
        run = control.register_run(
            run_id="r3", name="toy", folder=Path("/nowhere"), spec={}, synthetic=True, units=[Unit(key="a")]
        )
        for _ in range(2):
            control.resume(run=run)
            control.cancel(run=run)
        control.resume(run=run)
    finally:
        changed.disconnect(listen)
    assert [kind for kind, _, _ in told] == [
        "run.registered",
        "run.cancelled",
        "run.resumed",
        "run.cancelled",
        "run.resumed",
    ]


def test_letting_go_is_no_attempt(run: Run) -> None:
    claim = take()
    assert ledger.let_go(claim)
    unit = Unit.objects.get(pk=claim.pk)
    assert (unit.state, unit.attempts) == (UnitState.TODO, 0)


def test_cancelled_run_gives_no_unit_until_resumed(run: Run) -> None:
    claim = take()
    control.cancel(run=run)
    assert ledger.claim_next(worker="w2", lease_seconds=LEASE) is None
    assert not ledger.keep(claim, lease_seconds=LEASE)
    control.resume(run=run)
    assert ledger.keep(claim, lease_seconds=LEASE)
    assert take("w2").pk != claim.pk


def test_resume_gives_failed_units_new_attempts(run: Run) -> None:
    claim = take()
    Unit.objects.filter(pk=claim.pk).update(attempts=5)
    ledger.fail(claim, error="boom")
    assert state(claim) == UnitState.FAILED
    control.resume(run=run)
    unit = Unit.objects.get(pk=claim.pk)
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
    seen = [unit for unit in ledger.recorded(run) if unit.key == claims[2].key]
    assert ledger.reopen(run=run, units=seen) == 1
    run.refresh_from_db()
    assert run.finished_at is None
    assert ledger.reopen(run=run, units=seen) == 0
    assert not ledger.mark_finished(run=run)
    again = take()
    assert again.pk == claims[2].pk
    assert Unit.objects.get(pk=again.pk).attempts == 1
    ledger.finish(again, artefacts={"a": "1" * 64})
    assert ledger.mark_finished(run=run)
    assert ledger.reopen(run=run, units=seen) == 0, "it was done again since it was looked at"
    run.refresh_from_db()
    assert run.finished_at is not None


def test_database_refuses_done_without_artefact_and_doubled_units(run: Run) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        run.units.update(state=UnitState.DONE)
    with pytest.raises(IntegrityError), transaction.atomic():
        Unit.objects.create(run=run, key="seed-0_sparsity-0.00", place=9)


def test_progress_counts(run: Run) -> None:
    ledger.finish(take(), artefacts={"a": "0" * 64})
    take()
    now = progress_of(run)
    assert (now.total, now.done, now.working, now.failed, now.left) == (4, 1, 1, 0, 3)
    assert now.rate is not None
    assert now.left_text == f"about {in_words(3 / now.rate)}"
