"""The units of a run: one member in some conditions. Each writes verified, atomic score files.

On a CPU a unit is one member in one condition; on a GPU one member in all of them, so that loading pays
off. There the next member is read, and its cuts are found, while this one predicts; score files are written while the
next condition is predicted. Finished work is known by its files alone: a score file counts only when its sidecar names
this run and its digest.
"""

import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.durable import json_bytes, sha256_bytes, write_whole
from analysis.frames import RUN_FORMAT
from analysis.sweep.data.arriving import Rows
from analysis.sweep.data.image_cache import ImageCache, ensure_cache, open_cache
from analysis.sweep.data.splits import locate
from analysis.sweep.device import card_of, library_versions, named_faults, on_device, refuse_without_device
from analysis.sweep.engines.backend import Step
from analysis.sweep.errors import HostError, SweepError, UnitError
from analysis.sweep.methods import Compressed
from analysis.sweep.networks.checkpoints import State
from analysis.sweep.run.engine import Engine
from analysis.sweep.run.paths import npy_bytes, prediction_name
from analysis.sweep.run.prepare import Run, own_code
from analysis.sweep.run.recalibrate import Recalibration, sample_cache
from analysis.sweep.spec import ModelsSpec, PruneSpec


@dataclass(frozen=True)
class Unit:
    """One member in some conditions, by their names; `key` is its name in a ledger."""

    seed: int
    conditions: tuple[str, ...]

    @property
    def key(self) -> str:
        """`seed-3_sparsity-0.90` or `seed-3_student` for one condition, `seed-3` for all of them."""
        return f"seed-{self.seed}" if self.condition is None else prediction_name(self.seed, self.condition)

    @property
    def condition(self) -> str | None:
        """The only condition, None for several."""
        return self.conditions[0] if len(self.conditions) == 1 else None


@dataclass(frozen=True)
class Artefact:
    """One score file: where it lies, its SHA-256, and whether it was there already."""

    path: Path
    sha256: str
    reused: bool


def list_units(run: Run) -> list[Unit]:
    """Return all units in the order in which they are best done: conditions of one checkpoint together."""
    axis = run.spec.axis
    if run.spec.infer.device == "cuda":
        return [Unit(seed, axis) for seed in run.seeds]
    return [Unit(seed, (name,)) for seed in run.seeds for name in axis]


def verified(run: Run, seed: int, condition: str) -> tuple[dict[str, Any], bytes] | None:
    """Read one score file once against its digest; None if missing or damaged.

    Returns
    -------
    What its sidecar says (sha256, seconds; removed, prunable and parameters, but for files of format 1; the card of a
    GPU), and its bytes.
    """
    try:
        said = json.loads(run.paths.sidecar(seed, condition).read_text())
        content = run.paths.prediction(seed, condition).read_bytes()
        good = said["run_id"] == run.run_id and said["sha256"] == sha256_bytes(content)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return (said, content) if good else None


def find_artefact(run: Run, seed: int, condition: str) -> Artefact | None:
    """Return a finished score file after reading all its bytes against its digest, else None."""
    if (found := verified(run, seed, condition)) is None:
        return None
    return Artefact(run.paths.prediction(seed, condition), found[0]["sha256"], True)


Wanted = tuple[int, PruneSpec, ModelsSpec]
"""What a checkpoint is loaded for: its seed, how it is compressed, and of which networks it is."""


@dataclass
class Workspace:
    """What consecutive units of one process share: the networks, the loaded checkpoint, the decoded images.

    `cache`: the folder of this host's decoded images; None takes the place that the plan names. `ahead`: whether the
    next seed's checkpoint is read while one predicts; None: on a GPU, whose processor is idle meanwhile.
    """

    run: Run
    cache: Path | None = None
    ahead: bool | None = None
    _engines: dict[ModelsSpec, Engine] = field(default_factory=dict)
    _loaded: Wanted | None = None
    _coming: dict[Wanted, Future[tuple[State, Compressed]]] = field(default_factory=dict)
    _reader: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "read"))
    _compressed: Compressed | None = None
    _again: dict[ModelsSpec, Recalibration] = field(default_factory=dict)
    _pixels: Any = field(default=None, repr=False)

    def member(self, seed: int, condition: str) -> tuple[Engine, Compressed, float]:
        """Return the engine with the checkpoint of a seed loaded for a condition, and the level to ask for."""
        spec = self.run.spec
        models, own = spec.models_of(condition), spec.condition(condition)
        if not self._engines:
            _refuse_other_host(self.run)
        if models not in self._engines:
            self._engines[models] = Engine.of(spec, models=models)
        prune = spec.prune
        if condition in {one.name for one in spec.conditions}:
            levels = (0.0, own.level) if own.level else (0.0,)
            prune = replace(prune, method=own.method, sparsities=levels, recalibrate=own.recalibrate)
        wanted, engine = (seed, prune, models), self._engines[models]
        if self._loaded != wanted or self._compressed is None:
            self._loaded = None
            coming = self._coming.pop(wanted, None)
            state, compressed = coming.result() if coming else self._read(wanted, condition)
            again = self._recalibration(models) if own.recalibrate else None
            self._compressed = engine.load(state, prune, seed, again, compressed)
            self._loaded = wanted
            self._look_ahead(wanted, condition)
        return engine, self._compressed, own.level

    def _read(self, wanted: Wanted, condition: str) -> tuple[State, Compressed]:
        """Read a checkpoint and find its cuts, by the processor alone."""
        seed, prune, models = wanted
        state = self.run.member(seed, condition).state
        return state, self._engines[models].compressed(state, prune, seed)

    def _look_ahead(self, loaded: Wanted, condition: str) -> None:
        """Begin to read what the next seed needs for a condition; forget what was read for others and not needed."""
        seed, prune, models = loaded
        seeds = [*self.run.seeds, -1]
        wanted = (seeds[seeds.index(seed) + 1], prune, models)
        self._coming = {key: read for key, read in self._coming.items() if key[0] in (seed, wanted[0])}
        here = self.run.spec.infer.device == "cuda" if self.ahead is None else self.ahead
        if here and wanted[0] >= 0 and wanted not in self._coming:
            self._coming[wanted] = self._reader.submit(self._read, wanted, condition)

    def _recalibration(self, models: ModelsSpec) -> Recalibration:
        """Return what computes statistics for an architecture, from the training images that the plan names."""
        if models not in self._again:
            spec, said = self.run.spec, self.run.plan["recalibration"]
            folder = self.cache or Path(self.run.plan["cache"]["file"]).parent
            found = sample_cache(tuple(said["images"]), spec, folder)
            _refuse_other_pixels(found, said["digest"])
            self._again[models] = Recalibration(spec, models, found.pixels())
        return self._again[models]

    def pixels(self) -> Any:
        """Return the decoded test split: a memory map, or a tensor on the GPU, put there once."""
        if self._pixels is None:
            self._pixels = on_device(run_cache(self.run, self.cache).pixels(), self.run.spec.infer.device)
        return self._pixels


def run_unit(
    run: Run,
    unit: Unit,
    workspace: Workspace | None = None,
    step: Step = lambda *_: None,
    guard: Callable[[], None] = lambda: None,
) -> list[Artefact]:
    """Compute what is missing of a unit and write it; what is there and verified is kept.

    Parameters
    ----------
    workspace: shared by the units of one process to load each checkpoint once.
    step: called with (done, total) images of the condition at hand; raising in it stops the unit, nothing torn.
    guard: called right before a score file is published; raising in it keeps a late worker from writing.

    Returns
    -------
    One artefact per condition of the unit.

    Raises
    ------
    UnitError: scores that are no numbers; a device without enough memory.
    HostError: other library versions or another device than the run has frozen; a device that stopped working.
    CheckpointError, DataError: a checkpoint or an image that changed since the run was prepared.
    """
    workspace = workspace or Workspace(run)
    made: list[Artefact | Future[Artefact]] = []
    with ThreadPoolExecutor(1, "write") as writer:  # while the next condition is predicted
        for condition in unit.conditions:
            if there := find_artefact(run, unit.seed, condition):
                made.append(there)
                continue
            note, scores = _predict(workspace, unit.seed, condition, step)
            guard()
            made.append(writer.submit(_publish, run, note, scores))
    return [one if isinstance(one, Artefact) else one.result() for one in made]


def _predict(
    workspace: Workspace, seed: int, condition: str, step: Step
) -> tuple[dict[str, Any], NDArray[np.float32]]:
    """Predict a condition; return what its sidecar says and the scores."""
    run, began = workspace.run, time.perf_counter()
    with named_faults(f"run {run.run_id}", run.spec.infer.batch_size):
        engine, _, level = workspace.member(seed, condition)
        scores = engine.predict(level, workspace.pixels(), step)
    return _noted(workspace, seed, condition, scores, time.perf_counter() - began), scores


AHEAD_BATCHES = 16
"""Batches of images that are predicted in all conditions before the next ones, while images are decoded."""


def predict_first(run: Run, rows: Rows) -> Callable[[], object]:
    """Predict the first member in all conditions as the images arrive; return what writes the scores.

    Batches are those of `run_unit`, and so are the scores. Nothing is done for conditions that need other networks or
    statistics of their own, which would be loaded again for every few images; what fails will be told by the unit.

    Parameters
    ----------
    run: a run whose plan is not written yet.
    rows: its images in order, as they are decoded.
    """
    seed, workspace = run.seeds[0], Workspace(run, ahead=False)
    if run.spec.conditions or run.spec.prune.recalibrate:
        return lambda: None
    scores: dict[str, list[NDArray[np.float32]]] = {name: [] for name in run.spec.axis}
    seconds = dict.fromkeys(run.spec.axis, 0.0)
    try:
        with named_faults(f"run {run.run_id}", run.spec.infer.batch_size):
            while part := list(islice(rows, AHEAD_BATCHES * run.spec.infer.batch_size)):
                pixels = on_device(np.stack(part), run.spec.infer.device)
                for name in run.spec.axis:
                    began = time.perf_counter()
                    engine, _, level = workspace.member(seed, name)
                    scores[name].append(engine.predict(level, pixels))
                    seconds[name] += time.perf_counter() - began
        done = {name: np.concatenate(parts) for name, parts in scores.items()}
        notes = [_noted(workspace, seed, name, done[name], seconds[name]) for name in done]
    except SweepError:
        return lambda: None
    return lambda: [_publish(run, note, done[note["condition"]]) for note in notes]


def _noted(
    workspace: Workspace, seed: int, condition: str, scores: NDArray[np.float32], seconds: float
) -> dict[str, Any]:
    """Return what the sidecar of scores says."""
    run = workspace.run
    engine, compressed, level = workspace.member(seed, condition)
    _need_finite(scores, run, condition)
    note = {
        "format": RUN_FORMAT,
        "run_id": run.run_id,
        "seed": seed,
        "condition": condition,
        "checkpoint": run.checkpoint(seed, condition)[1],
        "removed": compressed.removed(level),
        "prunable": compressed.total,
        "parameters": engine.parameters,
        "seconds": round(seconds, 4),
    }
    if card := card_of(run.spec.infer.device):
        note["card"] = card
    return note


def _publish(run: Run, note: dict[str, Any], scores: NDArray[np.float32]) -> Artefact:
    """Write a score file, then the sidecar by which it counts."""
    content, of = npy_bytes(scores), (note["seed"], note["condition"])
    write_whole(run.paths.prediction(*of), content)
    digest = sha256_bytes(content)
    write_whole(run.paths.sidecar(*of), json_bytes(note | {"sha256": digest}))
    return Artefact(run.paths.prediction(*of), digest, False)


def _need_finite(scores: NDArray[np.float32], run: Run, condition: str) -> None:
    """Refuse scores that are no numbers now, not when all units are done and the metrics are computed."""
    lost = int((~np.isfinite(scores)).any(axis=1).sum())
    if lost:
        precision = run.spec.infer.precision
        large = "; values inside the network are too large for it: use tf32 or bf16"
        hint = large if precision == "fp16" else ""
        raise UnitError(
            f"run {run.run_id}: expected finite scores in the condition {condition}, got nan for {lost} of "
            f"{len(scores)} images in {precision}{hint}"
        )


def unfinished(run: Run, units: Sequence[Unit] | None = None) -> list[Unit]:
    """Return the units that still have to be computed."""
    return [
        u for u in units or list_units(run) if not all(find_artefact(run, u.seed, c) for c in u.conditions)
    ]


def run_cache(run: Run, folder: Path | None = None) -> ImageCache:
    """Open the run's image cache, or build it on a host that has none, and check that it holds the same
    pixels.
    """
    said = run.plan["cache"]
    place = Path(said["file"]) if folder is None else folder / Path(said["file"]).name
    cache = open_cache(place)
    if cache is None:
        table = pd.read_csv(run.paths.images, usecols=["image"], dtype=str, keep_default_na=False)
        names = tuple(table["image"])
        files = locate(names, run.spec.data, run.paths.images)
        cache = ensure_cache(place.parent, names, files, run.spec.preprocess)
    _refuse_other_pixels(cache, said["digest"])
    return cache


def _refuse_other_pixels(cache: ImageCache, digest: str) -> None:
    if cache.digest != digest:
        raise UnitError(
            f"{cache.file}: expected the pixels {digest[:12]} of the plan, got {cache.digest[:12]}; "
            f"the images have changed since the run was prepared"
        )


def _refuse_other_host(run: Run) -> None:
    refuse_without_device(run.spec.infer.device, f"run {run.run_id}")
    for name, came in own_code(run.spec).items():
        code = run.spec.models.architecture if name == "factory" else name
        if came != (wanted := run.plan["digests"].get(name, "")):
            raise HostError(
                f"run {run.run_id}: expected the source {wanted[:12]} of {code}, got another on this host"
            )
    here = library_versions(*run.plan["versions"])
    for name, version in run.plan["versions"].items():
        if here.get(name) != version:
            raise HostError(f"run {run.run_id}: expected {name} {version}, got {here.get(name)} on this host")
