"""What a worker does with a claimed unit: prepare a run, predict in a condition, train a network."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import transaction

from analysis.models import PREPARE, Run, RunKind, Unit
from analysis.services import ledger, mirror
from analysis.services.control import add_units
from analysis.sweep.spec import SweepSpec
from analysis.sweep.toml import spec_from


class WorkStoppedError(Exception):
    """The unit was taken away, the run was cancelled, or the worker shuts down."""


@dataclass
class Job:
    """A unit at hand. `report` and `guard` raise WorkStoppedError when it is no longer ours to finish."""

    claim: Unit
    lost: Callable[[], bool]
    lease_seconds: float
    steps: tuple[str, int, int] | None = None

    def report(self, stage: str, done: int, total: int) -> None:
        """Note how far the unit is; the next heartbeat writes it into the ledger."""
        self.steps = stage, done, total
        if self.lost():
            raise WorkStoppedError

    def guard(self) -> None:
        """Ask the ledger itself, right before a file is given its name: a late worker publishes nothing."""
        if self.lost() or not ledger.keep(self.claim, lease_seconds=self.lease_seconds):
            raise WorkStoppedError


@dataclass
class Desk:
    """What a worker keeps between units: the network, the images, the labels of the run at hand."""

    runs: Path
    image_cache: Path | None = None
    _kept: dict[int, Any] = field(default_factory=dict)

    def keep(self, run_id: int, make: Callable[[], Any]) -> Any:
        """Return what is kept for a run, made when absent; only one run's at a time, because of memory."""
        if run_id not in self._kept:
            self._kept.clear()
            self._kept[run_id] = make()
        return self._kept[run_id]


def do(job: Job, desk: Desk) -> bool:
    """Do a unit and record it; False when it was no longer ours at the end, and nothing was recorded."""
    run = Run.objects.get(pk=job.claim.run_id)
    if job.claim.key == PREPARE:
        return _PREPARE[RunKind(run.kind)](run, job, desk)
    return ledger.finish(job.claim, artefacts=_WORK[RunKind(run.kind)](run, job, desk))


def full_spec(run: Run) -> SweepSpec:
    """Return the specification with whole paths of a run that was asked for on a page."""
    return spec_from(run.full_spec, base=Path("/"), where=f"run {run.run_id}")


def _predict(run: Run, job: Job, desk: Desk) -> Mapping[str, str]:
    from analysis.sweep.run.prepare import open_run
    from analysis.sweep.run.units import Workspace, list_units, run_unit

    workspace = desk.keep(
        run.pk, lambda: Workspace(open_run(mirror.prepared_folder(run)), cache=desk.image_cache)
    )
    unit = next(unit for unit in list_units(workspace.run) if unit.key == job.claim.key)
    conditions = len(unit.conditions)
    finished = 0

    def step(done: int, total: int) -> None:
        nonlocal finished
        job.report("images", finished * total + done, conditions * total)
        finished += done == total

    made = run_unit(workspace.run, unit, workspace, step, job.guard)
    mirror.send_scores(run, [artefact.path.name for artefact in made])
    return {artefact.path.name: artefact.sha256 for artefact in made}


def _train(run: Run, job: Job, desk: Desk) -> Mapping[str, str]:
    from analysis.sweep.device import refuse_without_device
    from analysis.sweep.training.train import Training, open_training, train_member

    spec = full_spec(run)
    refuse_without_device(spec.train.device, f"run {run.run_id}")
    training: Training = desk.keep(run.pk, lambda: open_training(spec, Path(run.folder), progress=job.report))
    if job.claim.member is None:
        raise ValueError(f"unit {job.claim.key}: expected a seed, got none")
    made = train_member(training, job.claim.member, progress=job.report, guard=job.guard)
    return made.digests


def _experiment(run: Run, job: Job, desk: Desk) -> Mapping[str, str]:
    from analysis.experiment.plan import do_job, open_plan

    plan = desk.keep(run.pk, lambda: open_plan(Path(run.folder)))
    unit = next(one for one in plan.jobs if one.key == job.claim.key)
    return do_job(plan, unit, progress=job.report, guard=job.guard)


_WORK: Mapping[RunKind, Callable[[Run, Job, Desk], Mapping[str, str]]] = {
    RunKind.SWEEP: _predict,
    RunKind.TRAINING: _train,
    RunKind.RETRAIN: _experiment,
}


def _prepare_sweep(run: Run, job: Job, desk: Desk) -> bool:
    from analysis.services.runs import units_of
    from analysis.sweep.device import refuse_without_device
    from analysis.sweep.run.prepare import prepare_run
    from analysis.sweep.run.units import predict_first

    spec = full_spec(run)
    refuse_without_device(spec.infer.device, f"run {run.run_id}")
    prepared = prepare_run(
        spec, runs=desk.runs, cache=desk.image_cache, progress=job.report, meanwhile=predict_first
    )
    there = Run.objects.filter(run_id=prepared.run_id).first()
    values: dict[str, Any] = {
        "run_id": prepared.run_id, "folder": str(prepared.paths.root), "spec": prepared.spec.shown(),
    }  # fmt: skip
    if there is not None and there.pk != run.pk:
        return _replace_preparation(job, [], same_as=there, finished_at=ledger.now())
    # Before its units can be claimed: another host needs the plan for the first of them.
    mirror.send(Run(run_id=prepared.run_id, kind=run.kind), mirror.PLAN)
    return _replace_preparation(job, units_of(prepared), **values)


def _prepare_training(run: Run, job: Job, desk: Desk) -> bool:
    from analysis.sweep.device import refuse_without_device
    from analysis.sweep.training.train import open_training

    spec = full_spec(run)
    refuse_without_device(spec.train.device, f"run {run.run_id}")
    desk.keep(run.pk, lambda: open_training(spec, Path(run.folder), progress=job.report))
    return _replace_preparation(job, [Unit(key=f"seed-{seed}", member=seed) for seed in spec.train.seeds])


@transaction.atomic
def _replace_preparation(job: Job, units: list[Unit], **values: Any) -> bool:
    """Put the units in place of their preparation, if that is still ours."""
    if not ledger.finish(job.claim, artefacts={PREPARE: "done"}):
        return False
    Run.objects.filter(pk=job.claim.run_id).update(**values)
    run = Run.objects.get(pk=job.claim.run_id)
    Unit.objects.filter(pk=job.claim.pk).delete()
    add_units(run=run, units=units)
    return True


_PREPARE: Mapping[RunKind, Callable[[Run, Job, Desk], bool]] = {
    RunKind.SWEEP: _prepare_sweep,
    RunKind.TRAINING: _prepare_training,
}
