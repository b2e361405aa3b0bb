"""The units of a run: one checkpoint at some sparsities. Each writes verified, atomic score files.

On a CPU a unit is one checkpoint at one ratio; on a GPU one checkpoint at all ratios, so that loading pays
off. Finished work is known by its files alone: a score file counts only when its sidecar names this run and
its digest.
"""

import io
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.durable import json_bytes, sha256_bytes, sha256_file, write_whole
from analysis.sweep.data.image_cache import ImageCache, ensure_cache, open_cache
from analysis.sweep.data.splits import locate
from analysis.sweep.device import card_of, free_bytes, library_versions, named_faults, refuse_without_device
from analysis.sweep.engines.backend import Step
from analysis.sweep.errors import HostError, UnitError
from analysis.sweep.methods import Compressed
from analysis.sweep.networks.factories import refuse_other_source
from analysis.sweep.run.engine import Engine
from analysis.sweep.run.paths import prediction_name
from analysis.sweep.run.prepare import Run

SPARE_BYTES = 4 << 30
"""Memory of a GPU that is left to the network and its intermediate results."""

UPLOAD = 4096
"""Images copied to the GPU at once."""


@dataclass(frozen=True)
class Unit:
    """One checkpoint at some sparsities; `key` is its name in a ledger."""

    seed: int
    sparsities: tuple[float, ...]

    @property
    def key(self) -> str:
        """`seed-3_sparsity-0.90` for one ratio, `seed-3` for all of them."""
        one = len(self.sparsities) == 1
        return prediction_name(self.seed, self.sparsities[0]) if one else f"seed-{self.seed}"


@dataclass(frozen=True)
class Artefact:
    """One score file: where it lies, its SHA-256, the seconds it took, and whether it was there already."""

    path: Path
    sha256: str
    seconds: float
    reused: bool


def list_units(run: Run) -> list[Unit]:
    """Return all units in the order in which they are best done: ratios of one checkpoint together."""
    ratios = run.spec.prune.sparsities
    if run.spec.infer.device == "cuda":
        return [Unit(seed, ratios) for seed in run.checkpoints]
    return [Unit(seed, (ratio,)) for seed in run.checkpoints for ratio in ratios]


def find_artefact(run: Run, seed: int, sparsity: float) -> Artefact | None:
    """Return a finished score file after reading all its bytes against its digest, else None."""
    path, note = run.paths.prediction(seed, sparsity), run.paths.sidecar(seed, sparsity)
    try:
        said = json.loads(note.read_text())
        good = said["run_id"] == run.run_id and said["sha256"] == sha256_file(path)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Artefact(path, said["sha256"], float(said["seconds"]), True) if good else None


def unit_done(run: Run, unit: Unit) -> bool:
    """Say whether all score files of a unit are there and verified."""
    return all(find_artefact(run, unit.seed, sparsity) for sparsity in unit.sparsities)


@dataclass
class Workspace:
    """What consecutive units of one process share: the network, the loaded checkpoint, the decoded images.

    `cache`: the folder of this host's decoded images; None takes the place that the plan names.
    """

    run: Run
    cache: Path | None = None
    _engine: Engine | None = None
    _seed: int | None = None
    _compressed: Compressed | None = None
    _pixels: Any = field(default=None, repr=False)

    def member(self, seed: int) -> tuple[Engine, Compressed]:
        """Return the engine with the checkpoint of a seed loaded."""
        if self._engine is None:
            _refuse_other_host(self.run)
            self._engine = Engine.of(self.run.spec)
        if self._seed != seed or self._compressed is None:
            self._seed = None
            self._compressed = self._engine.load(self.run.member(seed).state, self.run.spec.prune, seed)
            self._seed = seed
        return self._engine, self._compressed

    def pixels(self) -> Any:
        """Return the decoded test split: a memory map, or a tensor on the GPU, put there once."""
        if self._pixels is None:
            mapped = run_cache(self.run, self.cache).pixels()
            self._pixels = mapped if self.run.spec.infer.device == "cpu" else _on_device(mapped)
        return self._pixels


def run_unit(
    run: Run,
    unit: Unit,
    workspace: Workspace | None = None,
    step: Step | None = None,
    guard: Callable[[], None] | None = None,
) -> list[Artefact]:
    """Compute what is missing of a unit and write it; what is there and verified is kept.

    Parameters
    ----------
    workspace: shared by the units of one process to load each checkpoint once.
    step: called with (done, total) images of the ratio at hand; raising in it stops the unit, nothing torn.
    guard: called right before a score file is published; raising in it keeps a late worker from writing.

    Returns
    -------
    One artefact per sparsity of the unit.

    Raises
    ------
    UnitError: scores that are no numbers; a device without enough memory.
    HostError: other library versions or another device than the run has frozen; a device that stopped working.
    CheckpointError, DataError: a checkpoint or an image that changed since the run was prepared.
    """
    workspace = workspace or Workspace(run)
    made = []
    for sparsity in unit.sparsities:
        there = find_artefact(run, unit.seed, sparsity)
        made.append(there or _compute(run, unit.seed, sparsity, workspace, step, guard))
    return made


def _compute(
    run: Run,
    seed: int,
    sparsity: float,
    workspace: Workspace,
    step: Step | None,
    guard: Callable[[], None] | None,
) -> Artefact:
    began = time.perf_counter()
    with named_faults(f"run {run.run_id}", run.spec.infer.batch_size):
        engine, compressed = workspace.member(seed)
        scores = engine.predict(sparsity, workspace.pixels(), step)
    _need_finite(scores, run, sparsity)
    content = _npy(scores)
    path = run.paths.prediction(seed, sparsity)
    if guard:
        guard()
    write_whole(path, content)
    digest = sha256_bytes(content)
    seconds = time.perf_counter() - began
    note = {
        "format": 1,
        "run_id": run.run_id,
        "seed": seed,
        "sparsity": sparsity,
        "sha256": digest,
        "checkpoint": run.checkpoints[seed][1],
        "removed": compressed.removed(sparsity),
        "prunable": compressed.total,
        "seconds": round(seconds, 4),
    }
    if card := card_of(run.spec.infer.device):
        note["card"] = card
    write_whole(run.paths.sidecar(seed, sparsity), json_bytes(note))
    return Artefact(path, digest, seconds, False)


def _need_finite(scores: NDArray[np.float32], run: Run, sparsity: float) -> None:
    """Refuse scores that are no numbers now, not when all units are done and the metrics are computed."""
    lost = int((~np.isfinite(scores)).any(axis=1).sum())
    if lost:
        precision = run.spec.infer.precision
        hint = (
            "; values inside the network are too large for it: use tf32 or bf16"
            if precision == "fp16"
            else ""
        )
        raise UnitError(
            f"run {run.run_id}: expected finite scores at sparsity {sparsity:.2f}, got nan for {lost} of "
            f"{len(scores)} images in {precision}{hint}"
        )


@dataclass(frozen=True)
class Verified:
    """A score file as it was read: its SHA-256, the GPU that computed it ("" for none), images x classes."""

    sha256: str
    card: str
    scores: NDArray[np.float32]


def verified_scores(run: Run, seed: int, sparsity: float) -> Verified | None:
    """Read one score file once against its digest; None if missing or damaged."""
    path, note = run.paths.prediction(seed, sparsity), run.paths.sidecar(seed, sparsity)
    try:
        said, content = json.loads(note.read_text()), path.read_bytes()
        if said["run_id"] != run.run_id or said["sha256"] != sha256_bytes(content):
            return None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    scores: NDArray[np.float32] = np.load(io.BytesIO(content), allow_pickle=False)
    return Verified(said["sha256"], str(said.get("card", "")), scores)


def unfinished(run: Run, units: Sequence[Unit] | None = None) -> list[Unit]:
    """Return the units that still have to be computed."""
    return [unit for unit in units or list_units(run) if not unit_done(run, unit)]


def _npy(scores: NDArray[np.float32]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.ascontiguousarray(scores, np.float32), allow_pickle=False)
    return stream.getvalue()


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
    if cache.digest != said["digest"]:
        raise UnitError(
            f"{cache.file}: expected the pixels {said['digest'][:12]} of the plan, got {cache.digest[:12]}; "
            f"the images have changed since the run was prepared"
        )
    return cache


def _refuse_other_host(run: Run) -> None:
    refuse_without_device(run.spec.infer.device, f"run {run.run_id}")
    refuse_other_source(
        run.spec.models.architecture, run.plan["digests"].get("factory", ""), f"run {run.run_id}"
    )
    here = library_versions(*run.plan["versions"])
    for name, version in run.plan["versions"].items():
        if here.get(name) != version:
            raise HostError(f"run {run.run_id}: expected {name} {version}, got {here.get(name)} on this host")


def _on_device(pixels: NDArray[np.uint8]) -> Any:
    """Copy all images to the GPU, or leave them where they are if they do not fit beside the network."""
    import torch

    if pixels.nbytes + SPARE_BYTES > free_bytes():
        return pixels
    resident = torch.empty(pixels.shape, dtype=torch.uint8, device="cuda")
    for start in range(0, len(pixels), UPLOAD):
        resident[start : start + UPLOAD].copy_(torch.from_numpy(np.array(pixels[start : start + UPLOAD])))
    return resident
