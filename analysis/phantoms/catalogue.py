"""Who is in a phantom data set: patients, follow-ups, views, labels and planted faults, before any pixel.

Labels are dealt by quota, not by luck.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from analysis.frames import NIH_CLASSES, NO_FINDING
from analysis.phantoms.faults import Planted, plant_faults
from analysis.phantoms.spec import SPLITS, TABLES, PhantomSpec, stream

View = Literal["PA", "AP"]
Sex = Literal["F", "M"]

MOST_FOLLOW_UPS = 7
ELDERLY = {"Tortuous Aorta", "Calcification of the Aorta", "Hernia", "Cardiomegaly", "Emphysema", "Fibrosis"}
BEDSIDE = {"Edema", "Effusion", "Pneumomediastinum", "Subcutaneous Emphysema", "Consolidation"}


@dataclass(frozen=True)
class PhantomImage:
    """One image: who, how it was taken, what is in it, what its labels say, and its planted faults.

    `findings` is the truth that is drawn; `labels` what the label file says (0/1 in NIH_CLASSES order).
    """

    name: str
    split: str
    patient: int
    follow_up: int
    sex: Sex
    age: int
    view: View
    findings: tuple[str, ...]
    labels: tuple[int, ...]
    planted: Planted


class Catalogue(tuple[PhantomImage, ...]):
    """All images of a specification, sorted by name."""

    def split(self, name: str) -> tuple[PhantomImage, ...]:
        """Return the images of one split in file order."""
        return tuple(image for image in self if image.split == name)


@lru_cache(maxsize=8)
def catalogue(spec: PhantomSpec) -> Catalogue:
    """Return the catalogue of a specification: the same for the same specification, everywhere."""
    sizes = [_follow_up_counts(getattr(spec, name), stream(spec.seed, "patients", name)) for name in SPLITS]
    ends = np.cumsum([len(one) for one in sizes])
    numbers = stream(spec.seed, "numbers").permutation(ends[-1]) + 1
    images: list[PhantomImage] = []
    for split, counts, own in zip(SPLITS, sizes, np.split(numbers, ends[:-1]), strict=True):
        images += _split_images(spec, split, counts, np.sort(own))
    return Catalogue(sorted(images, key=lambda image: image.name))


def _follow_up_counts(images: int, rng: np.random.Generator) -> list[int]:
    counts: list[int] = []
    left = images
    while left > 0:
        taken = min(left, MOST_FOLLOW_UPS, int(rng.geometric(0.55)))
        counts.append(taken)
        left -= taken
    return counts


def _split_images(
    spec: PhantomSpec, split: str, sizes: list[int], patients: NDArray[np.int64]
) -> list[PhantomImage]:
    total = sum(sizes)
    if total == 0:
        return []
    truth = _order_by_course(
        deal_labels(total, stream(spec.seed, "labels", split)), stream(spec.seed, "order", split)
    )
    rates = spec.test_faults if split == "test" else spec.train_faults
    labels, planted = plant_faults(truth, rates, stream(spec.seed, "faults", split))
    images: list[PhantomImage] = []
    row = 0
    for patient, size in zip(patients.tolist(), sizes, strict=True):
        rows = range(row, row + size)
        names = [
            tuple(n for n, v in zip(NIH_CLASSES, truth[i], strict=True) if v and n != NO_FINDING)
            for i in rows
        ]
        sex, age, views = _person(spec.seed, patient, names)
        for number, i in enumerate(rows):
            images.append(PhantomImage(
                f"{patient:08d}_{number:03d}.png", split, patient, number, sex, min(95, age + number // 3),
                views[number], names[number], tuple(int(v) for v in labels[i]), planted[i],
            ))  # fmt: skip
        row += size
    return images


def _order_by_course(labels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Put up to three images with the same rarest class in a row, so that follow-ups are alike."""
    rarest = np.where(labels == 1, labels.sum(axis=0)[None, :], labels.shape[0] + 1).argmin(axis=1)
    key = np.empty(len(labels))
    for column in np.unique(rarest):
        members = np.flatnonzero(rarest == column)
        runs = np.arange(len(members)) // 3
        key[members] = rng.random(int(runs[-1]) + 1)[runs]
    return labels[np.argsort(key, kind="stable")]


def _person(seed: int, patient: int, courses: list[tuple[str, ...]]) -> tuple[Sex, int, list[View]]:
    rng = stream(seed, "person", patient)
    sex: Sex = "M" if rng.random() < 0.56 else "F"
    everything = {name for course in courses for name in course}
    centre, spread, youngest = (66, 11, 35) if everything & ELDERLY else (48, 16, 18)
    age = int(np.clip(rng.normal(centre, spread), youngest, 93))
    views: list[View] = []
    for course in courses:
        bedside = 0.62 if set(course) & BEDSIDE else 0.28
        views.append("AP" if rng.random() < bedside else "PA")
    return sex, age, views


SHARES: dict[str, float] = {name: row["share"] for name, row in TABLES["findings"].items()}
"""Share of the images of a split that carry each finding: the order and the long tail of NIH-CXR-LT."""

NO_FINDING_SHARE = 0.50

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

    Classes are dealt from the rarest up. Each prefers images that hold its companions (`together` of tables.toml), an
    image holds at most five findings, and none is left without a label; "No Finding" stands alone.
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
    for first, second, weight in TABLES["together"]:
        i, j = NIH_CLASSES.index(first), NIH_CLASSES.index(second)
        table[i, j] = table[j, i] = weight
    return table
