"""Train an ensemble with the published recipe: BCE, Adam, flips, rotation, early stopping; one network per
seed.

Each seed is resumable per epoch: `last.pt` holds everything the next epoch needs, and what an epoch draws
depends on the seed and the epoch alone, so a stopped training ends with the weights of an undisturbed one.
The result is the PruneCXR checkpoint layout, `{dataset}_{architecture}_ce_lr-*_bs-*[_seed-S]/chkpt.pt`.
"""

import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from analysis.sweep.artefacts import json_bytes, sha256_file, write_atomic
from analysis.sweep.engine import library_versions
from analysis.sweep.epochs import Examples, Trainer, torch_bytes
from analysis.sweep.errors import SweepError
from analysis.sweep.image_cache import ImageCache, ensure_cache
from analysis.sweep.layout import layout_name
from analysis.sweep.progress import Progress
from analysis.sweep.spec import SweepSpec
from analysis.sweep.splits import Split, locate_images, read_split


@dataclass(frozen=True)
class Trained:
    """A finished member: its checkpoint and history files, epochs run, and the lowest validation loss."""

    seed: int
    checkpoint: Path
    history: Path
    epochs: int
    best_loss: float
    reused: bool


def train_ensemble(
    spec: SweepSpec, out: Path, *, cache: Path | None = None, progress: Progress | None = None
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
    data = spec.data
    train, val = read_split(data.labels_train, data, "train"), read_split(data.labels_val, data, "val")
    folder = cache or out.absolute().parent / ".image-cache"
    caches = [
        ensure_cache(folder, split.images, locate_images(split, data), spec.preprocess, progress)
        for split in (train, val)
    ]
    recipe = recipe_digest(spec, (train, val), caches)
    examples = [
        Examples(cached.pixels(), split.labels.astype(np.float32))
        for cached, split in zip(caches, (train, val), strict=True)
    ]
    return [_member(spec, seed, out, recipe, examples[0], examples[1], progress) for seed in spec.train.seeds]


def recipe_digest(spec: SweepSpec, splits: tuple[Split, Split], caches: list[ImageCache]) -> str:
    """Return a digest of all that shapes the weights of a seed."""
    recipe = {k: str(v) for k, v in asdict(spec.train).items() if k not in ("seeds", "threads", "pretrained")}
    start = sha256_file(spec.train.pretrained) if spec.train.pretrained else ""
    identity = {
        "recipe": recipe,
        "start": start,
        "architecture": spec.models.architecture,
        "classes": spec.data.classes,
        "labels": [split.sha256 for split in splits],
        "pixels": [cached.digest for cached in caches],
    }
    return sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def _member(
    spec: SweepSpec,
    seed: int,
    out: Path,
    recipe: str,
    train: Examples,
    val: Examples,
    progress: Progress | None,
) -> Trained:
    choice = spec.train
    name = layout_name(
        spec.data.name, spec.models.architecture, choice.learning_rate, choice.batch_size, seed
    )
    file = out / name
    if found := _finished(file, seed, recipe):
        return found
    trainer = Trainer(spec, seed, recipe)
    last = file.with_name("last.pt")
    if last.exists():
        trainer.resume(last)
    total = choice.epochs * len(train.labels)

    def step(done: int) -> None:
        if progress:
            progress(f"train seed {seed}", trainer.epoch * len(train.labels) + done, total)

    while not trainer.stopped:
        trainer.run_epoch(train, val, step)
        write_atomic(last, torch_bytes(trainer.memory()))
        write_atomic(file.with_name("history.csv"), _history(trainer.history))
    if progress:
        progress(f"train seed {seed}", total, total)
    return _publish(spec, seed, file, recipe, trainer)


def _publish(spec: SweepSpec, seed: int, file: Path, recipe: str, trainer: Trainer) -> Trained:
    """Write the checkpoint, then the note that says it is finished, then drop what only a resume needs."""
    content = {
        "weights": trainer.best,
        "epoch": trainer.best_epoch,
        "val_loss": trainer.best_loss,
        "architecture": spec.models.architecture,
        "classes": list(spec.data.classes),
        "seed": seed,
        "synthetic": spec.data.synthetic,
    }
    write_atomic(file, torch_bytes(content))
    note = {
        "format": 1,
        "recipe": recipe,
        "sha256": sha256_file(file),
        "epochs": trainer.epoch,
        "best_loss": trainer.best_loss,
        "synthetic": spec.data.synthetic,
        "spec": spec.shown(),
        "versions": library_versions(),
    }
    write_atomic(file.with_name("training.json"), json_bytes(note))
    file.with_name("last.pt").unlink(missing_ok=True)
    return Trained(seed, file, file.with_name("history.csv"), trainer.epoch, trainer.best_loss, False)


def _finished(file: Path, seed: int, recipe: str) -> Trained | None:
    try:
        note = json.loads(file.with_name("training.json").read_text())
    except OSError:
        return None
    if note["recipe"] != recipe:
        raise SweepError(
            f"{file.parent}: expected an empty folder or this recipe, a member trained by another recipe or "
            f"on other data came; choose another folder"
        )
    if not file.exists() or sha256_file(file) != note["sha256"]:
        return None
    return Trained(seed, file, file.with_name("history.csv"), note["epochs"], note["best_loss"], True)


def _history(rows: list[dict[str, Any]]) -> bytes:
    lines = [",".join(rows[0]), *(",".join(str(value) for value in row.values()) for row in rows)]
    return ("\n".join(lines) + "\n").encode()
