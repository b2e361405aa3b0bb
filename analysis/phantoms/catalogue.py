"""Who is in a phantom data set: patients, follow-ups, views, labels and planted faults, before any pixel."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from analysis.frames import NIH_CLASSES, NO_FINDING
from analysis.phantoms.faults import PhantomError, Planted, plant_faults
from analysis.phantoms.prevalence import deal_labels
from analysis.phantoms.spec import SPLITS, PhantomSpec, stream

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

    @property
    def label_names(self) -> tuple[str, ...]:
        """Names of the positive classes as written."""
        return tuple(name for name, value in zip(NIH_CLASSES, self.labels, strict=True) if value)


@dataclass(frozen=True)
class Catalogue:
    """All images of a specification, sorted by name."""

    images: tuple[PhantomImage, ...]

    def __len__(self) -> int:
        return len(self.images)

    def __iter__(self) -> Iterator[PhantomImage]:
        return iter(self.images)

    def split(self, name: str) -> tuple[PhantomImage, ...]:
        """Return the images of one split in file order."""
        return tuple(image for image in self.images if image.split == name)

    def find(self, image: int | str) -> PhantomImage:
        """Return an image by index (0-based, sorted by name) or name; raise PhantomError if there is none."""
        if isinstance(image, str):
            found = next((one for one in self.images if one.name == image), None)
            if found is None:
                raise PhantomError(f"expected the name of an image of this set, got {image!r}")
            return found
        if not 0 <= image < len(self.images):
            raise PhantomError(f"expected an image index from 0 to {len(self.images) - 1}, got {image}")
        return self.images[image]


@lru_cache(maxsize=8)
def catalogue(spec: PhantomSpec) -> Catalogue:
    """Return the catalogue of a specification: the same for the same specification, everywhere."""
    sizes: dict[str, list[int]] = {}
    for split in SPLITS:
        sizes[split] = _follow_up_counts(getattr(spec, split), stream(spec.seed, "patients", split))
    owners = [split for split in SPLITS for _ in sizes[split]]
    numbers = stream(spec.seed, "numbers").permutation(len(owners)) + 1
    images: list[PhantomImage] = []
    start = 0
    for split in SPLITS:
        count = len(sizes[split])
        images.extend(_split_images(spec, split, sizes[split], np.sort(numbers[start : start + count])))
        start += count
    return Catalogue(tuple(sorted(images, key=lambda image: image.name)))


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
