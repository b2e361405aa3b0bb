"""A synthetic data set of two classes that differ by colour alone: red and green of one luminance, over any texture."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from analysis.sweep.data_spec import DataSpec
from analysis.sweep.networks.architectures import SMALL
from analysis.sweep.spec import InferSpec, ModelsSpec, PreprocessSpec, PruneSpec, SweepSpec, TrainSpec

CLASSES = ("Flush", "Pallor")
SPLITS = {"train": 64, "val": 24, "test": 60}
AWAY = 24
"""Levels of red that a class lies above or below its texture; green makes up for it."""


def picture(rng: np.random.Generator, flush: bool, side: int = 32) -> np.ndarray:
    """Draw a smooth texture in one of the two colours, rows x columns x 3."""
    rough = rng.integers(70, 180, (8, 8)).astype(np.uint8)
    texture = np.asarray(Image.fromarray(rough).resize((side, side), Image.Resampling.BICUBIC), float)
    red = AWAY if flush else -AWAY
    planes = [texture + red, texture - red * 0.299 / 0.587, texture]
    return np.clip(np.stack(planes, axis=2), 0, 255).round().astype(np.uint8)


def write_coloured(root: Path, seed: int = 3) -> SweepSpec:
    """Write images and label files; return a specification that reads them in colour."""
    rng = np.random.default_rng(seed)
    (root / "images").mkdir(parents=True)
    for split, count in SPLITS.items():
        names = [f"{split}{number:03d}.png" for number in range(count)]
        flush = np.arange(count) % 2 == 0
        for name, one in zip(names, flush, strict=True):
            Image.fromarray(picture(rng, bool(one))).save(root / "images" / name)
        table = {"id": names, "Flush": flush.astype(int), "Pallor": 1 - flush, "subj_id": range(count)}
        pd.DataFrame(table).to_csv(root / f"{split}.csv", index=False)
    labels = {f"labels_{split}": root / f"{split}.csv" for split in SPLITS}
    return SweepSpec(
        data=DataSpec(name="tints", images=root / "images", classes=CLASSES, synthetic=True, head=0.5, tail=0.25,
                      **labels),
        preprocess=PreprocessSpec(size=32, colour="rgb"),
        models=ModelsSpec(architecture=SMALL),
        prune=PruneSpec(sparsities=(0.0, 0.5)),
        infer=InferSpec(batch_size=16, threads=1, engine="torch"),
        train=TrainSpec(epochs=8, patience=8, batch_size=16, learning_rate=0.001, threads=1),
    )  # fmt: skip


def in_grey(spec: SweepSpec) -> SweepSpec:
    """Return the same sweep over the same files, read as grey."""
    return replace(spec, preprocess=replace(spec.preprocess, colour="grey"))
