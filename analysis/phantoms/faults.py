"""The faults that are planted, how often and how strongly, and why; fixed here before any study was run with them.

Three kinds of wrong labels, to show how far a ranking reaches. *Random* ones fall on any image and any class: they have
nothing to do with the picture, no comparison of two networks' scores of it can see them, and they are the negative
control. *Missed* findings are subtle ones that a labeller overlooks, and *exchanged* ones are called by the name of a
look-alike, as errors of reading are. *Difficult* images are as subtle as those in which something is missed, and most
are labelled correctly: difficulty without a fault. Exchanged labels, and most random ones, fall on clear images: faults
without difficulty.
"""

from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from analysis.errors import RefusedError
from analysis.frames import NIH_CLASSES, NO_FINDING

Quality = Literal["", "blur", "noise", "under-exposure"]
LabelFault = Literal["", "random", "missed", "exchanged"]
QUALITY_FAULTS: tuple[Quality, ...] = ("blur", "noise", "under-exposure")

SUBTLE = 0.42
"""Contrast of a difficult image's findings, 1 being the table's: about where the toy networks miss half of them."""

CLEAR_SPREAD, CLEAR_LIMITS = 0.13, (0.72, 1.25)
"""Contrast of all other findings: normal around 1, so that clear and subtle do not overlap."""

BLUR_MM = 9.0
"""Standard deviation of a blur: 1.4 to 1.7 pixels at 64 pixels a side, where 3 mm did nothing."""

GRAIN_MM, GRAIN = 14.0, {"noise": 0.11, "under-exposure": 0.04}
"""Grain of too few quanta: the coarsest speck, so that averaging to 64 pixels leaves some of it, and its standard
deviation as a share of black to white."""

PALE = (0.36, 0.50)
"""Under-exposure: black becomes the first, and white the sum, of black to white."""

LARGEST_SHARE = 0.2
"""At most this share of a class's positives is dropped, and added, so that it stays learnable."""

LOOK_ALIKES = (
    ("Infiltration", "Pneumonia"), ("Infiltration", "Consolidation"), ("Consolidation", "Pneumonia"),
    ("Effusion", "Pleural Thickening"), ("Atelectasis", "Consolidation"), ("Nodule", "Mass"),
    ("Emphysema", "Pneumothorax"), ("Fibrosis", "Infiltration"), ("Edema", "Infiltration"),
    ("Tortuous Aorta", "Calcification of the Aorta"),
)  # fmt: skip
"""Pairs that readers confuse on chest radiographs."""


class PhantomError(RefusedError):
    """A phantom specification or request that cannot be met; says what was expected and what was found."""


@dataclass(frozen=True)
class FaultRates:
    """Shares of the images of a split (0 to 0.5) with each fault; `difficult` is one of the images with a finding.

    Together 8 % of the images are labelled wrongly, of the order that was found for labels mined from reports. Six in
    a hundred have a fault of technique. Difficult images are about twice as many as those in which something is missed.
    """

    random: float = 0.03
    missed: float = 0.03
    exchanged: float = 0.02
    low_quality: float = 0.06
    difficult: float = 0.15

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not isinstance(value, int | float) or not 0 <= value <= 0.5:
                raise PhantomError(f"fault rate {name}: expected a share from 0 to 0.5, got {value!r}")


@dataclass(frozen=True)
class Planted:
    """What was planted in one image; `flipped` names each label that is wrong, "+" added or "-" dropped.

    `contrast`: of its findings, 1 is clear.
    """

    flipped: tuple[str, ...] = ()
    label: LabelFault = ""
    quality: Quality = ""
    difficult: bool = False
    contrast: float = 1.0


def plant_faults(
    truth: NDArray[np.uint8], rates: FaultRates, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], list[Planted]]:
    """Return the written labels (images x classes, 0/1) and what was planted in each image.

    `truth` is images x classes in NIH_CLASSES order. Counts are round(rate x images), not drawn; there are fewer wrong
    labels where `LARGEST_SHARE` leaves no room. "No Finding" is set exactly where no finding is left.
    """
    images = len(truth)
    quality = rng.permutation(images)[: round(rates.low_quality * images)].tolist()
    abnormal = rng.permutation(np.flatnonzero(truth[:, NIH_CLASSES.index(NO_FINDING)] == 0))
    hard = abnormal[: round(rates.difficult * len(abnormal))].tolist()
    contrast = np.clip(rng.normal(1, CLEAR_SPREAD, images), *CLEAR_LIMITS)
    contrast[hard] = SUBTLE
    labels = _Labels(truth, rng)
    labels.plant("random", rng.permutation(images).tolist(), round(rates.random * images))
    labels.plant("missed", rng.permutation(hard).tolist(), round(rates.missed * images))
    labels.plant("exchanged", abnormal[len(hard) :].tolist(), round(rates.exchanged * images))
    technique = {image: QUALITY_FAULTS[place % len(QUALITY_FAULTS)] for place, image in enumerate(quality)}
    planted = [
        Planted(*labels.faults.get(i, ((), "")), technique.get(i, ""), i in set(hard), round(shown, 4))
        for i, shown in enumerate(contrast.tolist())
    ]
    return labels.written, planted


class _Labels:
    """Labels while faults are planted: what is written, and how many of each class may still be dropped or added."""

    def __init__(self, truth: NDArray[np.uint8], rng: np.random.Generator) -> None:
        self.written, self.rng = truth.copy(), rng
        self.healthy = NIH_CLASSES.index(NO_FINDING)
        room = np.floor(truth.sum(axis=0) * LARGEST_SHARE).astype(int)
        room[self.healthy] = 0
        self.room = {"-": room.copy(), "+": room.copy()}
        self.faults: dict[int, tuple[tuple[str, ...], LabelFault]] = {}

    def plant(self, kind: LabelFault, images: list[int], count: int) -> None:
        """Plant a kind of fault in the first images of a list that have none and allow it, until there are `count`."""
        make = {"random": self._random, "missed": self._missed, "exchanged": self._exchanged}[kind]
        for image in images:
            if not count:
                return
            row = self.written[image]
            if image in self.faults or not (changed := make(row)):
                continue
            for sign, column in changed:
                row[column] = sign == "+"
                self.room[sign][column] -= 1
            row[self.healthy] = row.sum() == row[self.healthy]
            self.faults[image] = tuple(f"{sign}{NIH_CLASSES[column]}" for sign, column in changed), kind
            count -= 1

    def _can(self, sign: str, row: NDArray[np.uint8]) -> list[int]:
        """List the classes that can be dropped from, or added to, the labels of an image."""
        held = row == (sign == "-")
        return np.flatnonzero(held & (self.room[sign] > 0)).tolist()

    def _random(self, row: NDArray[np.uint8]) -> list[tuple[str, int]]:
        sign = "-" if self._can("-", row) and self.rng.random() < 0.5 else "+"
        choice = self._can(sign, row)
        return [(sign, int(self.rng.choice(choice)))] if choice else []

    def _missed(self, row: NDArray[np.uint8]) -> list[tuple[str, int]]:
        return [("-", column) for column in self._can("-", row)]

    def _exchanged(self, row: NDArray[np.uint8]) -> list[tuple[str, int]]:
        drop, add = self._can("-", row), self._can("+", row)
        pairs = [tuple(NIH_CLASSES.index(name) for name in pair) for pair in LOOK_ALIKES]
        fits = [(a, b) for one, two in pairs for a, b in ((one, two), (two, one)) if a in drop and b in add]
        if not fits:
            return []
        old, new = fits[int(self.rng.integers(len(fits)))]
        return [("-", old), ("+", new)]
