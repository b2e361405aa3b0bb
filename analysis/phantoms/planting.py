"""Plant faults and remember them: flipped labels, poor technique, findings at low contrast."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from analysis.frames import NIH_CLASSES, NO_FINDING
from analysis.phantoms.spec import FaultRates

Quality = Literal["", "blur", "noise", "under-exposure"]
QUALITY_FAULTS: tuple[Quality, ...] = ("blur", "noise", "under-exposure")

LARGEST_FLIP_SHARE = 0.2
"""At most this share of a class's positives is dropped, and added, so that it stays learnable."""


@dataclass(frozen=True)
class Planted:
    """The planted faults of one image; `flipped` names each flipped class, "+" added or "-" dropped."""

    flipped: tuple[str, ...] = ()
    quality: Quality = ""
    difficult: bool = False


def plant_faults(
    truth: NDArray[np.uint8], rates: FaultRates, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], list[Planted]]:
    """Return the written labels (images x classes, 0/1) and the faults of each image.

    `truth` is images x classes in NIH_CLASSES order. Counts are round(rate x images), not drawn. After
    a flip "No Finding" is set exactly where no finding is left.
    """
    images = len(truth)
    labels, flips = _flip(truth, round(rates.label_noise * images), rng)
    quality = _spread(images, round(rates.low_quality * images), rng)
    abnormal = np.flatnonzero(truth[:, NIH_CLASSES.index(NO_FINDING)] == 0)
    hard = set(rng.permutation(abnormal)[: round(rates.difficult * len(abnormal))].tolist())
    return labels, [Planted(flips.get(i, ()), quality.get(i, ""), i in hard) for i in range(images)]


def _spread(images: int, count: int, rng: np.random.Generator) -> dict[int, Quality]:
    chosen = rng.permutation(images)[:count].tolist()
    return {image: QUALITY_FAULTS[place % len(QUALITY_FAULTS)] for place, image in enumerate(chosen)}


def _flip(
    truth: NDArray[np.uint8], count: int, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], dict[int, tuple[str, ...]]]:
    labels = truth.copy()
    healthy = NIH_CLASSES.index(NO_FINDING)
    positives = truth.sum(axis=0)
    room = np.floor(positives * LARGEST_FLIP_SHARE).astype(int)
    room[healthy] = 0
    drops, adds = room.copy(), room.copy()
    flips: dict[int, tuple[str, ...]] = {}
    for image in rng.permutation(len(truth)).tolist():
        if len(flips) == count:
            break
        done = _flip_one(labels[image], healthy, drops, adds, rng)
        if done:
            flips[image] = done
    return labels, flips


def _flip_one(
    row: NDArray[np.uint8],
    healthy: int,
    drops: NDArray[np.int64],
    adds: NDArray[np.int64],
    rng: np.random.Generator,
) -> tuple[str, ...]:
    done: list[str] = []
    present = [c for c in np.flatnonzero(row).tolist() if c != healthy and drops[c] > 0]
    absent = [c for c in np.flatnonzero(row == 0).tolist() if c != healthy and adds[c] > 0]
    if present and rng.random() < 0.75:
        column = int(rng.choice(present))
        row[column], drops[column] = 0, drops[column] - 1
        done.append(f"-{NIH_CLASSES[column]}")
    if absent and (not done or rng.random() < 0.5):
        weight = adds[absent] / adds[absent].sum()
        column = int(rng.choice(absent, p=weight))
        row[column], adds[column] = 1, adds[column] - 1
        done.append(f"+{NIH_CLASSES[column]}")
    others = row.sum() - row[healthy]
    row[healthy] = 1 if others == 0 else 0
    return tuple(done)
