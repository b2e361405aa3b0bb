"""How often each class occurs and which classes go together: labels dealt by quota, not by luck."""

import numpy as np
from numpy.typing import NDArray

from analysis.frames import NIH_CLASSES, NO_FINDING

SHARES = {
    "Infiltration": 0.155, "Effusion": 0.130, "Atelectasis": 0.125, "Cardiomegaly": 0.075, "Nodule": 0.060,
    "Mass": 0.052, "Pneumothorax": 0.050, "Consolidation": 0.048, "Pleural Thickening": 0.034, "Emphysema": 0.030,
    "Edema": 0.030, "Fibrosis": 0.020, "Pneumonia": 0.018, "Subcutaneous Emphysema": 0.014, "Tortuous Aorta": 0.0092,
    "Calcification of the Aorta": 0.0066, "Pneumoperitoneum": 0.0050, "Hernia": 0.0040, "Pneumomediastinum": 0.0034,
}  # fmt: skip
"""Share of the images of a split that carry each finding: the order and the long tail of NIH-CXR-LT."""

NO_FINDING_SHARE = 0.50

TOGETHER = (
    ("Effusion", "Atelectasis", 6.0),
    ("Cardiomegaly", "Effusion", 6.0),
    ("Cardiomegaly", "Edema", 14.0),
    ("Edema", "Effusion", 14.0),
    ("Pneumomediastinum", "Subcutaneous Emphysema", 60.0),
    ("Pneumomediastinum", "Pneumothorax", 60.0),
    ("Subcutaneous Emphysema", "Pneumothorax", 40.0),
    ("Consolidation", "Pneumonia", 8.0),
    ("Mass", "Nodule", 8.0),
    ("Fibrosis", "Pleural Thickening", 14.0),
    ("Tortuous Aorta", "Calcification of the Aorta", 40.0),
)
"""Pairs of classes and how many times likelier than an unrelated pair they are to be put on one image."""

MOST_FINDINGS = 5
ALONE_WEIGHT = 1.6
UNRELATED_WEIGHT = 0.35


def quotas(images: int) -> dict[str, int]:
    """Return the exact number of positives of each class in a split of that many images, each at least 1."""
    counts = {name: max(1, round(share * images)) for name, share in SHARES.items()}
    slots = sum(counts.values())
    wanted = images - round(NO_FINDING_SHARE * images)
    abnormal = min(slots, wanted)
    # A small split has more single positives than its share of abnormal images can carry apart.
    abnormal = max(abnormal, -(-slots // 2)) if images < 200 else abnormal
    return {NO_FINDING: max(1, images - abnormal), **counts}


def deal_labels(images: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Deal labels to a split: images x classes, 0/1 in NIH_CLASSES order; column sums are the quotas.

    Classes are dealt from the rarest up. Each prefers images that hold its companions (TOGETHER), an image
    holds at most five findings, and none is left without a label; "No Finding" stands alone.
    """
    wanted = quotas(images)
    abnormal = images - wanted.pop(NO_FINDING)
    affinity = _affinities()
    labels = np.zeros((abnormal, len(NIH_CLASSES)), np.uint8)
    order = sorted(wanted, key=lambda name: (wanted[name], name))
    for place, name in enumerate(order):
        column = NIH_CLASSES.index(name)
        later = sum(wanted[other] for other in order[place + 1 :])
        chosen = _choose(labels, affinity[column], wanted[name], later, rng)
        labels[chosen, column] = 1
    everything = np.zeros((images, len(NIH_CLASSES)), np.uint8)
    everything[:abnormal] = labels
    everything[abnormal:, NIH_CLASSES.index(NO_FINDING)] = 1
    return everything


def _choose(
    labels: NDArray[np.uint8], affinity: NDArray[np.float64], count: int, later: int, rng: np.random.Generator
) -> NDArray[np.intp]:
    held = labels.sum(axis=1)
    best = np.where(labels == 1, affinity[None, :], 0).max(axis=1)
    weight = np.where(held == 0, ALONE_WEIGHT, best)
    weight[held >= MOST_FINDINGS] = 1e-9
    keys = np.log(weight) + rng.gumbel(size=len(weight))  # weighted draw without replacement
    empty = held == 0
    forced = max(0, int(empty.sum()) - later)
    if forced:
        must = np.flatnonzero(empty)[np.argsort(-keys[empty])[:forced]]
        keys[must] = np.inf
    return np.argsort(-keys, kind="stable")[:count]


def _affinities() -> NDArray[np.float64]:
    table = np.full((len(NIH_CLASSES), len(NIH_CLASSES)), UNRELATED_WEIGHT)
    for first, second, weight in TOGETHER:
        i, j = NIH_CLASSES.index(first), NIH_CLASSES.index(second)
        table[i, j] = table[j, i] = weight
    return table
