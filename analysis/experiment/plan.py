"""An experiment as a list of jobs (train a network, predict with it), frozen under one digest before the first."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from analysis.durable import json_bytes, sha256_bytes, sha256_file, write_whole
from analysis.selection import Run, read_run
from analysis.sweep.errors import SpecError, SweepError
from analysis.sweep.spec import SweepSpec
from analysis.sweep.toml import spec_from
from analysis.terminal import Progress

FORMAT = 1


@dataclass(frozen=True)
class Job:
    """One network: how it is trained ([train] with one seed) and which images it predicts in which conditions.

    `arm`: what it is called among the networks of its seed.
    """

    arm: str
    seed: int
    spec: SweepSpec

    @property
    def key(self) -> str:
        """Its name in the ledger and of its folders."""
        return f"{self.arm}_seed-{self.seed}"


@dataclass(frozen=True)
class Plan:
    """A frozen experiment in its folder: `plan.json`, then `networks`, `runs` and what comes of them.

    `said`: format, kind, name, digest, synthetic, images (count, of the training split), choices, digests and versions.
    """

    folder: Path
    said: Mapping[str, Any]
    jobs: tuple[Job, ...]

    @property
    def run_id(self) -> str:
        """Its name in the ledger."""
        return f"{self.said['kind']}-{self.said['digest'][:12]}"

    def run(self, job: Job) -> Run:
        """Read the RUN folder of a job that is done."""
        return read_run(self.folder / "runs" / job.key)


def one_network(spec: SweepSpec, seed: int, levels: tuple[float, ...], **train: Any) -> SweepSpec:
    """Return the specification of a job: one seed, the plain engine for all, no other conditions.

    All epochs are run, so that every network takes the same number of steps; the weights of the lowest validation loss
    are kept.

    Raises
    ------
    SpecError: a recipe that fine-tunes or amends already, or other conditions.
    """
    choice = spec.train
    if choice.method or choice.sample_weights or choice.relabel or spec.conditions:
        raise SpecError("expected [train] without method, sample_weights and relabel, and no [[conditions]]")
    plain = "torch" if spec.infer.device == "cpu" else "graph"
    return replace(
        spec,
        models=replace(spec.models, seeds=(seed,), checkpoints=()),
        prune=replace(spec.prune, sparsities=levels, reference=""),
        infer=replace(spec.infer, engine=plain if spec.infer.engine == "auto" else spec.infer.engine),
        train=replace(choice, seeds=(seed,), patience=choice.epochs, **train),
    )


def freeze(folder: Path, said: Mapping[str, Any], jobs: Sequence[Job]) -> Plan:
    """Write plan.json, once; the same experiment in the same folder is opened.

    Parameters
    ----------
    said: kind, name, synthetic, images, choices and digests (name to SHA-256 of whatever decides the result).

    Raises
    ------
    SweepError: the folder holds another experiment.
    """
    from analysis.sweep.device import library_versions

    recipes = [{"key": j.key, **j.spec.choices(), "train": j.spec.shown()["train"]} for j in jobs]
    digest = sha256_bytes(json.dumps({**said, "jobs": recipes}, sort_keys=True).encode())
    if (folder / "plan.json").exists():
        there = open_plan(folder)
        if there.said["digest"] != digest:
            raise SweepError(
                f"{folder}: expected an empty folder or the experiment {digest[:12]}, got {there.said['digest'][:12]}, "
                f"which was frozen before its first training; choose another folder"
            )
        return there
    listed = [{"arm": job.arm, "seed": job.seed, "spec": job.spec.as_dict()} for job in jobs]
    content = {"format": FORMAT, **said, "digest": digest, "versions": library_versions(), "jobs": listed}
    write_whole(folder / "plan.json", json_bytes(content))
    return open_plan(folder)


def open_plan(folder: Path) -> Plan:
    """Read plan.json; raise SweepError where there is none."""
    file = folder / "plan.json"
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
        listed = said.pop("jobs")
    except (OSError, ValueError, KeyError) as error:
        raise SweepError(f"{file}: expected the plan of an experiment, got the error '{error}'") from error
    jobs = [
        Job(one["arm"], one["seed"], spec_from(one["spec"], base=folder, where=str(file))) for one in listed
    ]
    return Plan(folder, said, tuple(jobs))


def do_job(
    plan: Plan, job: Job, *, progress: Progress = lambda *_: None, guard: Callable[[], None] = lambda: None
) -> dict[str, str]:
    """Train the network of a job and predict with it; what is done and verified is kept.

    Returns
    -------
    SHA-256 of the provenance of its RUN folder, by its path in the experiment's.

    Raises
    ------
    SweepError: as of a training and of a sweep.
    """
    from analysis.sweep.run.finish import run_sweep
    from analysis.sweep.training.train import open_training, train_member

    cache = plan.folder / ".image-cache"
    training = open_training(job.spec, plan.folder / "networks" / job.arm, cache=cache, progress=progress)
    made = train_member(training, job.seed, progress=progress, guard=guard)
    spec = job.spec.with_checkpoints(made.checkpoint)
    done = run_sweep(spec, plan.folder / "runs" / job.key, cache=cache, progress=progress)
    file = done.paths.provenance
    return {file.relative_to(plan.folder).as_posix(): sha256_file(file)}


def cost(plan: Plan) -> tuple[int, int, float]:
    """Return how many networks are trained, over how many images each, and about how many seconds that takes here.

    One batch is trained and timed; validation and prediction are reckoned at a third of a trained image.
    """
    from analysis.sweep.training.epochs import Examples, Trainer

    spec = plan.jobs[0].spec
    rows = min(spec.train.batch_size, 64)
    drawn = Examples(
        np.zeros((rows, *spec.preprocess.shape), np.uint8),
        np.zeros((rows, len(spec.data.classes)), np.float32),
    )
    trainer = Trainer(replace(spec, train=replace(spec.train, pretrained=None)), 0, "")
    for _ in range(2):  # the first batch takes longer than any other
        began = time.perf_counter()
        trainer.run_epoch(drawn, Examples(drawn.pixels[:2], drawn.labels[:2]), lambda done: None)
        per_image = (time.perf_counter() - began) / rows
    images = spec.train.epochs * int(plan.said["images"]["count"])
    return len(plan.jobs), images, per_image * images * len(plan.jobs) * 4 / 3
