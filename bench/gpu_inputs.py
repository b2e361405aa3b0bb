"""Inputs of bench.gpu: drawn pictures in which each finding leaves a mark, and networks trained on them.

Networks that are not trained order their exemplars by noise, so nothing would follow from how many a precision keeps.
The checkpoints of all units are the trained ones in turn, each a file of its own.
"""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from PIL import Image

from analysis.frames import NIH_CLASSES
from analysis.sweep.data_spec import DataSpec
from analysis.sweep.device import on_device
from analysis.sweep.networks.layout import layout_name
from analysis.sweep.spec import ModelsSpec, PreprocessSpec, SweepSpec, TrainSpec
from analysis.sweep.training.epochs import Examples, Trainer
from bench.sweep_inputs import DATASET, SIDE, drawn

TRAINING, TEST = 1 << 20, 0
"""First seed of the pictures that are trained on, and of those that are predicted."""


def drawn_labels(images: int, seed: int) -> NDArray[np.float32]:
    """Draw long-tailed labels: images x classes."""
    shares = np.geomspace(0.4, 0.02, len(NIH_CLASSES))
    return (np.random.default_rng(seed).random((images, len(shares))) < shares).astype(np.float32)


def marked(seed: int, labels: NDArray[np.float32], side: int = SIDE) -> NDArray[np.uint8]:
    """Draw a picture with a bright or dark spot for each finding: its place and size are the finding's, moved a little,
    its contrast is drawn.
    """
    picture, draw = drawn(seed, side).astype(np.float32), np.random.default_rng([seed, 1])
    axis = np.arange(side) / side
    for place in np.flatnonzero(labels):
        y, x = np.array([(place // 5 + 0.5) / 4, (place % 5 + 0.5) / 5]) + draw.normal(0, 0.02, 2)
        reach = 0.015 + 0.025 * (place % 3)
        spot = np.outer(*(np.exp(-((axis - centre) ** 2) / (2 * reach**2)) for centre in (y, x)))
        picture += (1 if place % 2 else -1) * draw.uniform(10, 60) * spot.astype(np.float32)
    return picture.clip(0, 255).astype(np.uint8)


def write_pictures(root: Path, images: int) -> None:
    """Write the test images and their labels in the published layout."""
    names, labels = [f"{place:08d}_000.png" for place in range(images)], drawn_labels(images, TEST)
    for folder in ("images", "labels"):
        (root / folder).mkdir(parents=True)

    def write(place: int) -> None:
        picture = Image.fromarray(marked(TEST + place, labels[place]))
        picture.save(root / "images" / names[place], compress_level=1)

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # most of it is done outside the interpreter's lock
        list(pool.map(write, range(images)))
    frame = pd.DataFrame(labels.astype(int), columns=list(NIH_CLASSES))
    frame.insert(0, "id", names)
    frame.to_csv(root / "labels" / f"miccai2023_{DATASET}_labels_test.csv", index=False)


def training_spec(architecture: str, size: int, **choices: Any) -> SweepSpec:
    """Say how a network of the bench is trained."""
    return SweepSpec(
        data=DataSpec(name=DATASET, images=Path()), preprocess=PreprocessSpec(size=size),
        models=ModelsSpec(architecture), train=TrainSpec(**choices),
    )  # fmt: skip


def trained(given: Any) -> tuple[list[dict[str, torch.Tensor]], dict[str, Any]]:
    """Train the networks of the bench; return their weights, and what a person should know of them."""
    labels = drawn_labels(given.train_images, TRAINING)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        places = range(given.train_images)
        pixels = np.stack(list(pool.map(lambda n: marked(TRAINING + n, labels[n], given.size), places)))
    held = max(2, len(labels) // 8)
    there = on_device(pixels, given.device, 0.5)
    train, val = Examples(there[held:], labels[held:]), Examples(there[:held], labels[:held])
    spec = training_spec(
        given.architecture, given.size, epochs=given.epochs, patience=given.epochs, learning_rate=3e-4, flip=False,
        batch_size=min(64, len(labels) - held), device=given.device, precision=given.train_precision,
    )  # fmt: skip
    states, began, maps = [], time.perf_counter(), []
    for seed in range(given.networks):
        trainer = Trainer(spec, seed, "")
        while not trainer.stopped:
            trainer.run_epoch(train, val, lambda done: None)
        states.append(trainer.best)
        maps.append(trainer.history[trainer.best_epoch - 1]["val_map"])
    seconds = round(time.perf_counter() - began, 1)
    return states, {"networks": given.networks, "images": len(labels) - held, "epochs": given.epochs,
                    "seconds": seconds, "validation_map": maps}  # fmt: skip


def write_checkpoints(root: Path, given: Any, states: list[dict[str, torch.Tensor]]) -> None:
    """Write a checkpoint for each unit: the networks in turn."""
    for seed in range(given.units):
        file = root / "trained_models" / layout_name(DATASET, given.architecture, 1e-4, 256, seed)
        file.parent.mkdir(parents=True)
        torch.save({"weights": states[seed % len(states)]}, file)
