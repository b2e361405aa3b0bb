"""Inputs of the sweep's benches: images, labels and checkpoints in the published study's layouts.

The images are drawn and the networks are not trained. A network's batch norms are set on the images, so that
its scores spread as those of a trained network do.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import nn

from analysis.frames import NIH_CLASSES
from analysis.sweep.engines.backend import normalisation_table, normalised
from analysis.sweep.networks.architectures import build_classifier

DATASET = "nih-cxr-lt"
SIDE = 1024


def write_inputs(
    root: Path, images: int, seeds: int, architecture: str = "resnet50", size: int = 256
) -> Path:
    """Write images, labels and checkpoints below `root`; return the folder of the checkpoints."""
    names = [f"{place:08d}_000.png" for place in range(images)]
    (root / "images").mkdir(parents=True)

    def write(place: int) -> np.ndarray | None:
        picture = drawn(place)
        Image.fromarray(picture).save(root / "images" / names[place], compress_level=6)
        return np.asarray(Image.fromarray(picture).resize((size, size))) if place < 8 else None

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # most of it is done outside the interpreter's lock
        first = [small for small in pool.map(write, range(images)) if small is not None]
    write_labels(root / "labels" / f"miccai2023_{DATASET}_labels_test.csv", names)
    for seed in range(seeds):
        suffix = f"_seed-{seed}" if seed else ""
        folder = root / "trained_models" / f"{DATASET}_{architecture}_ce_lr-0.0001_bs-256{suffix}"
        folder.mkdir(parents=True)
        state = spread_network(architecture, np.stack(first), seed).state_dict()
        torch.save({"weights": state}, folder / "chkpt.pt")
    return root / "trained_models"


def drawn(seed: int, side: int = SIDE) -> np.ndarray:
    """Draw a grey square with the smoothness and grain of a radiograph, about 0.5 MB as PNG at 1024 x 1024."""
    draw = np.random.default_rng(seed)
    y, x = np.mgrid[0:side, 0:side] / side
    waves = sum(
        draw.uniform(8, 40) * np.sin(draw.uniform(2, 14) * x + draw.uniform(0, 6))
        * np.cos(draw.uniform(2, 14) * y + draw.uniform(0, 6))
        for _ in range(4)
    )  # fmt: skip
    return (120 + waves + draw.normal(0, 2.5, x.shape)).clip(0, 255).astype(np.uint8)


def write_labels(path: Path, names: list[str]) -> None:
    """Draw long-tailed labels, each class with at least one positive."""
    draw = np.random.default_rng(0)
    shares = np.geomspace(0.4, 0.01, len(NIH_CLASSES))
    labels = (draw.random((len(names), len(NIH_CLASSES))) < shares).astype(int)
    labels[draw.integers(0, len(names), len(NIH_CLASSES)), np.arange(len(NIH_CLASSES))] = 1
    path.parent.mkdir(parents=True, exist_ok=True)
    frame = pd.DataFrame(labels, columns=list(NIH_CLASSES))
    frame.insert(0, "id", names)
    frame.to_csv(path, index=False)


@torch.no_grad()
def spread_network(architecture: str, grey: np.ndarray, seed: int) -> nn.Module:
    """Draw a network and set its batch norms on some images."""
    torch.manual_seed(seed)
    model = build_classifier(architecture, len(NIH_CLASSES)).train()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # a plain average
            nn.init.uniform_(module.weight, 0.6, 1.2)
            nn.init.normal_(module.bias, 0, 0.1)
    model(normalised(torch.from_numpy(grey), normalisation_table()))
    return model.eval()
