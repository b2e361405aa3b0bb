"""Builders of tiny inputs: images, label files, checkpoints, specifications."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image

from analysis.frames import NIH_CLASSES
from analysis.sweep.data_spec import DataSpec
from analysis.sweep.networks.architectures import build_classifier
from analysis.sweep.networks.layout import layout_name
from analysis.sweep.spec import InferSpec, ModelsSpec, PreprocessSpec, PruneSpec, SweepSpec

SMALL = "shufflenet_v2_x0_5"
"""A third of a million weights, with folded and unfolded layers."""


@dataclass(frozen=True)
class TinySweep:
    root: Path
    names: tuple[str, ...] = ("00000001_000.png", "00000001_001.png", "00000002_000.png", "00000003_000.png")

    @property
    def images(self) -> Path:
        return self.root / "images"

    @property
    def labels_test(self) -> Path:
        return self.root / "labels" / "miccai2023_nih-cxr-lt_labels_test.csv"

    @property
    def out(self) -> Path:
        return self.root / "run"

    def checkpoint(self, seed: int, architecture: str = SMALL) -> Path:
        return self.root / "trained_models" / layout_name("tiny", architecture, 0.0001, 256, seed)

    def spec(self, **changes) -> SweepSpec:
        spec = SweepSpec(
            data=DataSpec(name="tiny", images=self.images, labels_test=self.labels_test, head=0.5, tail=0.25),
            preprocess=PreprocessSpec(size=32),
            models=ModelsSpec(architecture=SMALL, checkpoints=(str(self.root / "trained_models"),)),
            prune=PruneSpec(sparsities=(0.0, 0.5, 0.9)),
            infer=InferSpec(batch_size=3, threads=1, engine="torch"),
        )
        return replace(spec, **changes)


def write_images(folder: Path, names, size: int = 40, seed: int = 0) -> None:
    rng = np.random.default_rng(seed)
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        smooth = np.add.outer(rng.integers(0, 128, size), rng.integers(0, 128, size))
        Image.fromarray(smooth.astype(np.uint8)).save(folder / name)


def label_frame(names, classes=NIH_CLASSES, id_column: str = "id", seed: int = 1) -> pd.DataFrame:
    labels = np.random.default_rng(seed).integers(0, 2, (len(names), len(classes)))
    labels[0], labels[-1] = 1, 0
    frame = pd.DataFrame(labels, columns=list(classes))
    frame.insert(0, id_column, list(names))
    return frame.assign(subj_id=range(len(names)))


def write_labels(path: Path, names, **choices) -> pd.DataFrame:
    path.parent.mkdir(parents=True, exist_ok=True)
    frame = label_frame(names, **choices)
    frame.to_csv(path, index=False)
    return frame


def random_state(architecture: str, n_classes: int, seed: int) -> dict[str, torch.Tensor]:
    """Draw weights and, so that folding has something to do, batch norms that are not the identity."""
    torch.manual_seed(seed)
    model = build_classifier(architecture, n_classes)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, 0, 0.2)
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 2.0)
    return model.state_dict()


def write_checkpoint(path: Path, seed: int, architecture: str = SMALL, n_classes: int = 20) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"weights": random_state(architecture, n_classes, seed), "epoch": 3}, path)


def make_tiny(root: Path, seeds: tuple[int, ...] = (0, 1)) -> TinySweep:
    """Write four test images, their labels and a small network for each seed."""
    sweep = TinySweep(root)
    write_images(sweep.images, sweep.names)
    write_labels(sweep.labels_test, sweep.names)
    for seed in seeds:
        write_checkpoint(sweep.checkpoint(seed), seed)
    return sweep
