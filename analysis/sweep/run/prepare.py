"""Prepare a run: check everything first, then write the plan. Nothing is written before all checks have
passed.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from analysis.conditions import DENSE
from analysis.durable import json_bytes, sha256_bytes, sha256_file, write_whole
from analysis.frames import RUN_FORMAT
from analysis.picture.custody import DEFINITION
from analysis.sweep.data.arriving import Rows, beside
from analysis.sweep.data.image_cache import ImageCache, colour_notes, ensure_cache
from analysis.sweep.data.source import Source, read_source
from analysis.sweep.data.splits import locate_images
from analysis.sweep.device import library_versions, refuse_without_device
from analysis.sweep.errors import CheckpointError, SpecError, SweepError
from analysis.sweep.methods import find_method
from analysis.sweep.methods.own import method_digest
from analysis.sweep.methods.registry import refuse_levels
from analysis.sweep.networks.architectures import check_size, libraries_of, resolved
from analysis.sweep.networks.checkpoints import Checkpoint, read_member
from analysis.sweep.networks.factories import source_digest
from analysis.sweep.networks.layout import find_checkpoints
from analysis.sweep.run.choose import BATCHES, choose_engine
from analysis.sweep.run.paths import RunPaths
from analysis.sweep.run.recalibrate import sample_cache, sample_of
from analysis.sweep.spec import InferSpec, SweepSpec
from analysis.sweep.toml import spec_from
from analysis.terminal import Progress


@dataclass(frozen=True)
class Run:
    """A prepared run: its folder, its specification with every choice resolved, and its frozen plan."""

    paths: RunPaths
    spec: SweepSpec
    plan: Mapping[str, Any]

    @property
    def run_id(self) -> str:
        """Name of the run, from what can change its result."""
        return str(self.plan["run_id"])

    @property
    def seeds(self) -> list[int]:
        """The seeds of the run, in the order of its plan."""
        return list(dict.fromkeys(c["seed"] for c in self.plan["checkpoints"]))

    def checkpoint(self, seed: int, condition: str = "") -> tuple[Path, str]:
        """Return file and SHA-256 of the checkpoint of a seed in a condition."""
        found = {c.get("condition", ""): c for c in self.plan["checkpoints"] if c["seed"] == seed}
        own = found.get(condition, found[""])
        return Path(own["file"]), own["sha256"]

    def member(self, seed: int, condition: str = "") -> Checkpoint:
        """Read the checkpoint of a seed by the names of its architecture; refuse one that has changed."""
        file, digest = self.checkpoint(seed, condition)
        models = self.spec.models_of(condition) if condition else self.spec.models
        return read_member(file, models, len(self.spec.data.classes), digest)

    @property
    def warnings(self) -> list[str]:
        """What the user should know and what did not stop the run."""
        return list(self.plan["warnings"])


Publish = Callable[[], object]
Meanwhile = Callable[[Run, Rows], Publish]
"""Predicts while images are decoded, and returns what writes the scores (`analysis.sweep.run.units.predict_first`)."""


def prepare_run(
    spec: SweepSpec,
    out: Path | None = None,
    *,
    runs: Path = Path("var/runs"),
    cache: Path | None = None,
    progress: Progress = lambda *_: None,
    meanwhile: Meanwhile | None = None,
    ahead: bool | None = None,
) -> Run:
    """Check the whole input, decode the images once, and write the plan of a run; an existing one is opened.

    Parameters
    ----------
    out: the run's folder; `runs`/<run_id> by default.
    cache: folder of the image cache; beside the run's folder by default.
    progress: called as progress(stage, done, total) with the stages `checkpoints` and `decode`.
    ahead: whether the engine is chosen, and then `meanwhile` called with the images as they come, while others are
        decoded; None: on a GPU. A processor would be disturbed.

    The engine `auto` is measured here, once; the choice is frozen into the plan.

    Raises
    ------
    SweepError: with the file, the row, what was expected and what was found. A folder that holds another run is
        refused.
    """
    spec, said = resolved(checked_levels(spec))
    for architecture in {spec.models_of(name).architecture for name in spec.axis}:
        check_size(architecture, len(spec.data.classes), spec.preprocess.size)
    refuse_without_device(spec.infer.device, "[infer] device")
    source = read_source(spec.data)
    split = source.split
    files = locate_images(split, spec.data)
    sample, sampled = sample_of(spec, source.train)
    checkpoints, notes = _checked_checkpoints(spec, progress)
    plan = _first_plan(spec, source, files, checkpoints, sampled)
    paths = RunPaths((out or runs / plan["run_id"]).absolute())
    if paths.plan.exists():
        return _same(open_run(paths.root), plan["run_id"])
    _refuse_strangers(paths)
    ahead = spec.infer.device == "cuda" if ahead is None else ahead
    work = partial(_ahead, Run(paths, spec, plan), len(files) if ahead else 0, meanwhile)
    with beside(work) as (arrived, coming):
        place = cache or paths.default_cache
        pixels = ensure_cache(place, split.images, files, spec.preprocess, progress, arrived=arrived)
    engine, publish = coming.result()
    engine = engine or _engine_plan(spec, checkpoints, pixels.count, pixels.pixels())
    plan |= {
        "images": {k: getattr(pixels, k) for k in ("count", "content", "coloured")} | {"stored": DEFINITION},
        "cache": {"file": str(pixels.file), "digest": pixels.digest},
        "warnings": [*_warnings(source, pixels, spec), *said, *notes],
        "class_groups_from": "training split" if source.train else "test split",
    }
    if sample:
        plan["recalibration"] = {"images": sample, "digest": sample_cache(sample, spec, place).digest}
    run = _write(paths, plan | engine, source, pixels)
    publish()
    return run


def _ahead(run: Run, count: int, meanwhile: Meanwhile | None, rows: Rows) -> tuple[dict[str, Any], Publish]:
    """Choose the engine by the first of `count` images that arrive, and predict; {} where they do not come."""
    wanted = min(count, max(run.spec.infer.batch_size, *BATCHES))
    few = list(islice(rows, wanted))
    if not few or len(few) < wanted:
        return {}, lambda: None
    engine = _engine_plan(run.spec, run.plan["checkpoints"], count, np.stack(few))
    begun = Run(run.paths, replace(run.spec, infer=InferSpec(**engine["infer"])), {**run.plan, **engine})
    return engine, meanwhile(begun, chain(few, rows)) if meanwhile else lambda: None


def _first_plan(
    spec: SweepSpec, source: Source, files: Sequence[Path], checkpoints: list[dict[str, Any]],
    sampled: dict[str, str],
) -> dict[str, Any]:  # fmt: skip
    """Return what of a plan is known before the images are decoded; of them the names and sizes."""
    digests = {
        "-".join(["checkpoint", *(str(c[key]) for key in ("condition", "seed") if key in c)]): c["sha256"]
        for c in checkpoints
    }
    listing = json.dumps(
        [[name, file.stat().st_size] for name, file in zip(source.split.images, files, strict=True)]
    )
    digests |= source.digests | own_code(spec) | sampled | {"images": sha256_bytes(listing.encode())}
    known = {"spec": spec.as_dict(), "digests": digests, "checkpoints": checkpoints}
    return {"format": RUN_FORMAT, "run_id": spec.run_id(digests), **known}


def open_run(out: Path) -> Run:
    """Open a prepared run.

    Raises
    ------
    SweepError: no plan there, or one of another format.
    """
    paths = RunPaths(Path(out).absolute())
    try:
        plan = json.loads(paths.plan.read_text())
    except (OSError, json.JSONDecodeError) as error:
        raise SweepError(
            f"{paths.plan}: expected the plan of a prepared run, got the error '{error}'"
        ) from error
    if plan.get("format") not in (1, RUN_FORMAT):
        raise SweepError(f"{paths.plan}: expected format 1 or {RUN_FORMAT}, got {plan.get('format')!r}")
    spec = spec_from(plan["spec"], base=paths.root, where=str(paths.plan))
    return Run(paths, replace(spec, infer=InferSpec(**plan["infer"])), plan)


def _checked_checkpoints(spec: SweepSpec, progress: Progress) -> tuple[list[dict[str, Any]], list[str]]:
    """Read every checkpoint; say which there are, and what was chosen or left out in any."""
    found = [("", spec.models, seed, file) for seed, file in find_checkpoints(spec).items()]
    seeds = tuple(seed for _, _, seed, _ in found)
    for own in (one for one in spec.conditions if one.checkpoints):
        models = replace(spec.models_of(own.name), seeds=seeds)
        files = find_checkpoints(replace(spec, models=models))
        found += [(own.name, models, seed, file) for seed, file in files.items()]
    checked: list[dict[str, Any]] = []
    notes: list[str] = []
    for done, (name, models, seed, file) in enumerate(found, 1):
        checkpoint = read_member(file, models, len(spec.data.classes))
        notes += checkpoint.notes
        checkpoint.refuse_other_colour(spec.preprocess.colour, file)
        if checkpoint.classes is not None and checkpoint.classes != spec.data.classes:
            raise CheckpointError(_other_classes(file, checkpoint.classes, spec.data.classes))
        row = {"seed": seed, "file": str(file.absolute()), "sha256": checkpoint.sha256}
        checked.append(row | ({"condition": name} if name else {}))
        progress("checkpoints", done, len(found))
    return checked, list(dict.fromkeys(notes))


def checked_levels(spec: SweepSpec) -> SweepSpec:
    """Ask every method whether it has the levels, and put the only one of a method where none is given.

    Raises
    ------
    SpecError: an unknown method or level, with its place in the specification.
    """
    refuse_levels(find_method(spec.prune.method), spec.prune.sparsities, "[prune] sparsities")
    conditions = []
    for own in spec.conditions:
        key = f"[[conditions]] {own.name} level"
        method = find_method(own.method) if own.method else None
        if method and not own.level:
            if len(method.levels) != 1:
                raise SpecError(f"{key}: expected a level above 0 of {own.method}, got none")
            own = replace(own, level=method.levels[0])  # noqa: PLW2901
        if method:
            refuse_levels(method, (own.level,), key)
        conditions.append(own)
    return replace(spec, conditions=tuple(conditions))


def own_code(spec: SweepSpec) -> dict[str, str]:
    """Return the SHA-256 of each source file of the user's own code that a run needs, by what it is for."""
    found = {"factory": source_digest(spec.models.architecture)}
    for own in spec.conditions:
        found[f"factory-{own.name}"] = source_digest(own.architecture)
    for method in {spec.prune.method, *(own.method for own in spec.conditions)}:
        found[f"method-{method}"] = method_digest(method)
    return {name: digest for name, digest in found.items() if digest}


def _other_classes(file: Path, came: tuple[str, ...], wanted: tuple[str, ...]) -> str:
    place = next((i for i, pair in enumerate(zip(wanted, came, strict=False)) if pair[0] != pair[1]), None)
    if place is None:
        return f"{file}: expected {len(wanted)} classes, got {len(came)}"
    return f"{file}: expected class {place + 1} to be {wanted[place]!r}, got {came[place]!r}"


def _same(run: Run, run_id: str) -> Run:
    if run.run_id != run_id:
        raise SweepError(
            f"{run.paths.root}: expected an empty folder or run {run_id}, got run {run.run_id}; "
            f"the specification or its files have changed: choose another --out"
        )
    return run


def _refuse_strangers(paths: RunPaths) -> None:
    ours = {path.name for path in (paths.images, paths.classes, paths.custody, paths.experts)}
    there = sorted(p.name for p in paths.root.iterdir()) if paths.root.is_dir() else []
    strange = [name for name in there if name not in ours and not name.startswith(".")]
    if strange:
        raise SweepError(
            f"{paths.root}: expected an empty folder or a run, got {strange[0]!r}; choose another"
        )


def _engine_plan(
    spec: SweepSpec, checkpoints: Sequence[Mapping[str, Any]], count: int, pixels: NDArray[np.uint8]
) -> dict[str, Any]:
    """Choose engine and batch size, and freeze them with threads and the versions of what it is made of.

    `pixels`: the decoded images, or the first ones of all, whose number is `count`.
    """
    infer = replace(spec.infer, threads=spec.infer.threads or torch.get_num_threads())
    predictions = count * len(spec.axis) * len({c["seed"] for c in checkpoints})
    file = Path(checkpoints[0]["file"])
    choice = choose_engine(replace(spec, infer=infer), file, pixels, predictions)
    architectures = {spec.models_of(name).architecture for name in spec.axis}
    own = {library for name in architectures for library in libraries_of(name)}
    return {
        "infer": vars(replace(infer, engine=choice.engine, batch_size=choice.batch_size)),
        "engine": vars(choice),
        "versions": library_versions(*sorted(own)),
    }


def _warnings(source: Source, pixels: ImageCache, spec: SweepSpec) -> list[str]:
    found = source.warnings
    if len(spec.axis) == 1 or (spec.axis[0] != DENSE and not spec.prune.reference):
        found.append(
            "sparsity 0 and one above it are not both requested: findings compare them and cannot be computed"
        )
    return found + colour_notes(pixels, source.split.images)


def _write(paths: RunPaths, plan: dict[str, Any], source: Source, pixels: ImageCache) -> Run:
    """Write the tables that are known before a run is computed, then the plan: it says that the run is prepared."""
    tables = {getattr(paths, name): table for name, table in source.tables().items()}
    tables[paths.custody] = pd.DataFrame({"image": source.split.images, "stored_sha256": pixels.stored})
    for file, table in tables.items():
        write_whole(file, table.to_csv(index=False).encode())
    plan["tables"] = {file.name: sha256_file(file) for file in tables}
    paths.predictions.mkdir(parents=True, exist_ok=True)
    write_whole(paths.plan, json_bytes(plan))
    return open_run(paths.root)
