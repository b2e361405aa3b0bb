"""Train an ensemble with the published recipe: BCE, Adam, flips, rotation, early stopping; one network per
seed.

Each seed is resumable per epoch: `last.pt` holds everything the next epoch needs, and what an epoch draws
depends on the seed and the epoch alone, so a stopped training ends with the weights of an undisturbed one.
The result is the PruneCXR checkpoint layout, `{dataset}_{architecture}_{loss}_lr-*_bs-*[_seed-S]/chkpt.pt`.

On a CPU the weights are byte-equal to an undisturbed training's. On a GPU the kernels are fixed too, but some
of PyTorch's backward passes add in no fixed order: a weight may differ by 1e-3 (`tests/sweep/test_train_gpu.py`).
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from analysis.durable import clear_leftovers, json_bytes, sha256_file, write_whole
from analysis.sweep.data.amended import amended
from analysis.sweep.data.image_cache import ImageCache, colour_notes, ensure_cache
from analysis.sweep.data.splits import Split, locate_images, read_split
from analysis.sweep.device import library_versions, named_faults, on_device, refuse_without_device
from analysis.sweep.errors import SweepError
from analysis.sweep.methods.own import masking, method_digest
from analysis.sweep.networks.architectures import resolved
from analysis.sweep.networks.factories import source_digest
from analysis.sweep.networks.layout import find_checkpoints, layout_name
from analysis.sweep.spec import TRAINING_FILES, SweepSpec, TrainSpec
from analysis.sweep.training.epochs import Examples, Trainer, torch_bytes
from analysis.sweep.training.losses import class_weights
from analysis.terminal import Progress

READ_SO = {"data": ("layout", "uncertain", "blank", "readers"), "preprocess": ("mean", "deviation")}
"""Choices that change labels or what a network sees, beside files, classes and decoded images."""


@dataclass(frozen=True)
class Trained:
    """A finished member: its checkpoint and history files, epochs run, and the lowest validation loss.

    `warnings`: how many images of each split are in colour, where any is. `digests`: SHA-256 of both files, by path
    relative to the ensemble's folder.
    """

    seed: int
    checkpoint: Path
    history: Path
    epochs: int
    best_loss: float
    reused: bool
    warnings: tuple[str, ...] = ()

    @property
    def digests(self) -> dict[str, str]:
        """Read both files."""
        base = self.checkpoint.parent.parent
        return {f.relative_to(base).as_posix(): sha256_file(f) for f in (self.checkpoint, self.history)}


@dataclass(frozen=True)
class Training:
    """All that the members of an ensemble share: the specification, the folder, both splits, the recipe.

    `starts`: the checkpoint of each seed that is fine-tuned; empty for a training from the beginning. `warnings`: see
    `Trained`.
    """

    spec: SweepSpec
    out: Path
    train: Examples
    val: Examples
    recipe: str
    starts: Mapping[int, Path] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def train_ensemble(
    spec: SweepSpec, out: Path, *, cache: Path | None = None, progress: Progress = lambda *_: None
) -> list[Trained]:
    """Train every seed of the specification's [train] section; finished seeds are verified and kept.

    Parameters
    ----------
    out: the folder of the ensemble; [models] checkpoints can name it.
    cache: folder of the image cache; `.image-cache` beside `out` by default.
    progress: called as progress(stage, done, total): `decode`, then `train seed S` in images.

    Raises
    ------
    SweepError: bad labels, images or weights to start from; a folder begun with another recipe.
    """
    training = open_training(spec, out, cache=cache, progress=progress)
    return [train_member(training, seed, progress=progress) for seed in spec.train.seeds]


def open_training(
    spec: SweepSpec, out: Path, *, cache: Path | None = None, progress: Progress = lambda *_: None
) -> Training:
    """Check the labels, the images and the weights to start from; decode both splits once.

    Raises
    ------
    SweepError: as `train_ensemble`.
    """
    spec, _ = resolved(spec)
    data = spec.data
    refuse_without_device(spec.train.device, "[train] device")
    train, val = read_split(data.labels_train, data, "train"), read_split(data.labels_val, data, "val")
    folder = cache or out.absolute().parent / ".image-cache"
    caches = [
        ensure_cache(folder, split.images, locate_images(split, data), spec.preprocess, progress)
        for split in (train, val)
    ]
    warnings = tuple(
        f"{name}: {told}"
        for name, cached, split in zip(("training", "validation"), caches, (train, val), strict=True)
        for told in colour_notes(cached, split.images)
    )
    train, weights = amended(train, data.classes, spec.train)
    class_weights(spec.train.class_weights, train.positives, len(train.images) - train.ignored)
    starts: dict[int, Path] = {}
    if spec.train.method:
        masking(spec.train.method, spec.train.level)
        starts = find_checkpoints(replace(spec, models=replace(spec.models, seeds=spec.train.seeds)))
    recipe = recipe_digest(spec, (train, val), caches, starts)
    examples = [
        Examples(
            on_device(cached.pixels(), spec.train.device, 0.5), split.labels.astype(np.float32), weighing
        )
        for cached, split, weighing in zip(caches, (train, val), (weights, None), strict=True)
    ]
    return Training(spec, out, examples[0], examples[1], recipe, starts, warnings)


def recipe_digest(
    spec: SweepSpec,
    splits: tuple[Split, Split],
    caches: list[ImageCache],
    starts: Mapping[int, Path] | None = None,
) -> str:
    """Return a digest of all that shapes the weights of a seed."""
    recipe = {
        k: str(v) for k, v in asdict(spec.train).items() if k not in ("seeds", "threads", *TRAINING_FILES)
    }
    # Came later: an ensemble begun before them goes on.
    for name in ("loss", "class_weights", "method", "level", "weight_decay"):
        if recipe[name] == str(TrainSpec.__dataclass_fields__[name].default):
            del recipe[name]
    read_files = {n: sha256_file(f) if (f := getattr(spec.train, n)) else "" for n in TRAINING_FILES}
    identity = {
        "recipe": recipe,
        "start": read_files.pop("pretrained"),
        "architecture": spec.models.architecture,
        "classes": spec.data.classes,
        "labels": [split.sha256 for split in splits],
        "pixels": [cached.digest for cached in caches],
    }
    chosen = spec.choices()
    read = {k: chosen[part][k] for part, names in READ_SO.items() for k in names if k in chosen.get(part, {})}
    identity |= {"reading": read} if read else {}
    identity |= {name: digest for name, digest in read_files.items() if digest}
    if starts:
        found = {seed: sha256_file(file) for seed, file in starts.items()}
        identity["fine-tuned"] = {"starts": found, "method": method_digest(spec.train.method)}
    own_code = source_digest(spec.models.architecture)
    identity |= {"factory": own_code} if own_code else {}
    return sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def train_member(
    training: Training,
    seed: int,
    *,
    progress: Progress = lambda *_: None,
    guard: Callable[[], None] = lambda: None,
) -> Trained:
    """Train one seed to its end, from its last finished epoch; a finished one is verified and kept.

    Parameters
    ----------
    progress: called with `train seed S` in images of all epochs; raising in it stops, and loses this epoch.
    guard: called right before files are published; raising in it keeps a late worker from writing.

    Raises
    ------
    UnitError: the training diverged; a device without enough memory.
    HostError: a device that stopped working.
    """
    spec, file = training.spec, training.out / member_name(training.spec, seed)
    if found := _finished(file, seed, training.recipe):
        return found
    trainer = Trainer(spec, seed, training.recipe, training.starts.get(seed))
    last = file.with_name("last.pt")
    if last.exists():
        trainer.resume(last)
    images = len(training.train.labels)

    def step(done: int) -> None:
        progress(f"train seed {seed}", trainer.epoch * images + done, spec.train.epochs * images)

    while not trainer.stopped:
        with named_faults(f"seed {seed}", spec.train.batch_size):
            trainer.run_epoch(training.train, training.val, step)
        guard()
        write_whole(last, torch_bytes(trainer.memory()))
        write_whole(file.with_name("history.csv"), _history(trainer.history))
    progress(f"train seed {seed}", spec.train.epochs * images, spec.train.epochs * images)
    return _publish(training, seed, file, trainer)


def member_name(spec: SweepSpec, seed: int) -> str:
    """Return a seed's checkpoint file, relative to the ensemble's folder."""
    choice = spec.train
    return layout_name(
        spec.data.name,
        spec.models.architecture,
        choice.learning_rate,
        choice.batch_size,
        seed,
        loss_name(choice),
    )


def loss_name(choice: TrainSpec) -> str:
    """Return a recipe's loss as the layout writes it: `ce` for the published one."""
    name = "ce" if choice.loss == "bce" else choice.loss
    return name if choice.class_weights == "none" else f"{name}-{choice.class_weights}"


def _publish(training: Training, seed: int, file: Path, trainer: Trainer) -> Trained:
    """Write the checkpoint, then the note that says it is finished, then drop what only a resume needs."""
    spec = training.spec
    content = {
        "weights": trainer.best,
        "epoch": trainer.best_epoch,
        "val_loss": trainer.best_loss,
        "architecture": spec.models.architecture,
        "classes": list(spec.data.classes),
        "seed": seed,
        "synthetic": spec.data.synthetic,
    }
    if (colour := spec.preprocess.colour) != "grey":  # without it a checkpoint is what it was before
        content["colour"] = colour
    write_whole(file, torch_bytes(content))
    note = {
        "format": 1,
        "recipe": training.recipe,
        "sha256": sha256_file(file),
        "epochs": trainer.epoch,
        "best_loss": trainer.best_loss,
        "synthetic": spec.data.synthetic,
        "spec": spec.shown(),
        "versions": library_versions(),
        "warnings": training.warnings,
    }
    write_whole(file.with_name("training.json"), json_bytes(note))
    file.with_name("last.pt").unlink(missing_ok=True)
    clear_leftovers(file.parent)  # a killed process leaves one of the size of last.pt
    return _told(seed, file, note, reused=False)


def _finished(file: Path, seed: int, recipe: str) -> Trained | None:
    try:
        note = json.loads(file.with_name("training.json").read_text())
    except OSError:
        return None
    if note["recipe"] != recipe:
        raise SweepError(
            f"{file.parent}: expected an empty folder or this recipe, got a member trained by another recipe or "
            f"on other data; choose another folder"
        )
    if not file.exists() or sha256_file(file) != note["sha256"]:
        return None
    return _told(seed, file, note, reused=True)


def _told(seed: int, file: Path, note: Mapping[str, Any], *, reused: bool) -> Trained:
    history, warnings = file.with_name("history.csv"), tuple(note.get("warnings", ()))
    return Trained(seed, file, history, note["epochs"], note["best_loss"], reused, warnings)


def _history(rows: list[dict[str, Any]]) -> bytes:
    names = list(rows[-1])
    written = (["" if row.get(name) is None else str(row[name]) for name in names] for row in rows)
    return ("\n".join(",".join(cells) for cells in (names, *written)) + "\n").encode()
