"""Tone: which values are black, which are white, and what lies between (DICOM PS3.3 C.11.1 and C.11.2)."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
BLOCK = 2**22
"""Pixels that are counted at a time: counting takes eight bytes for each."""


@dataclass(frozen=True)
class Percentiles:
    """A straight line between two percentiles of the picture's own values, padding left out; 0 to 100."""

    low: float = 0.5
    high: float = 99.5


PERCENTILES = Percentiles()
Rule = Percentiles | Literal["file", "full"]
"""How the tone is chosen.

"file": what the file asks for, a VOI LUT before a window and the first of several; the full range of 8-bit PNG and
JPEG, which are ready for display; `PERCENTILES` where the file asks for nothing that can be used. "full": a straight
line over the whole depth.
"""


@dataclass(frozen=True)
class Table:
    """A Modality or VOI LUT: entries (uint16) for the input values first, first + 1, ...; `bits` of an entry."""

    entries: NDArray[np.uint16]
    first: int
    bits: int

    def at(self, values: Values) -> NDArray[np.uint16]:
        """Look values up; outside the table its ends hold, and a value between two inputs takes the nearer."""
        places = np.clip(np.rint(values) - self.first, 0, len(self.entries) - 1)
        return np.asarray(self.entries[places.astype(np.intp)])

    def shown(self, values: Values) -> Values:
        """Return the brightness of values, 0 to 1."""
        return np.asarray(self.at(values) / (2.0**self.bits - 1))


@dataclass(frozen=True)
class Window:
    """A window of the file; `function` is LINEAR, LINEAR_EXACT or SIGMOID, `width` above 0."""

    centre: float
    width: float
    function: str = "LINEAR"

    def limits(self) -> tuple[float, float]:
        """Return the values at which a straight line of this window is black and white."""
        if self.function == "LINEAR" and self.width > 1:
            half = (self.width - 1) / 2
            return self.centre - 0.5 - half, self.centre - 0.5 + half
        if self.function == "LINEAR" and self.width == 1:  # a step between two whole numbers
            return self.centre - 1, self.centre
        return self.centre - self.width / 2, self.centre + self.width / 2

    def shown(self, values: Values) -> Values:
        """Return the brightness of values, 0 to 1."""
        if self.function == "SIGMOID":
            # Beyond 700 the exponential leaves the range of a float; the brightness is 0 or 1 long before.
            return np.asarray(
                1 / (1 + np.exp(np.clip(-4 * (values - self.centre) / self.width, -700.0, 700.0)))
            )
        if self.function == "LINEAR" and self.width == 1:
            return np.asarray(np.where(values > self.centre - 0.5, 1.0, 0.0))
        return line(values, *self.limits())


Voi = Window | Table


def line(values: Values, low: float, high: float) -> Values:
    """Return the brightness of values on a straight line: 0 up to low, 1 from high on."""
    return np.asarray(np.clip((values - low) / (high - low), 0, 1))


def counted(values: NDArray[np.integer], used: NDArray[np.bool_] | None, size: int) -> NDArray[np.int64]:
    """Count how many pixels hold each value from 0 to size - 1; with `used`, of those alone."""
    flat, marks = values.reshape(-1), None if used is None else used.reshape(-1)
    counts = np.zeros(size, np.int64)
    for start in range(0, flat.size, BLOCK):
        part = flat[start : start + BLOCK]
        counts += np.bincount(part if marks is None else part[marks[start : start + BLOCK]], minlength=size)
    return counts


def percentile(counts: NDArray[np.int64], values: Values, percent: float) -> float:
    """Return a percentile of pixels of which `counts[i]` have the value `values[i]`, as numpy's default does.

    Parameters
    ----------
    counts: pixels of each value; some pixel must be there.
    values: rising with their place.
    """
    places = np.cumsum(counts)
    between = (int(places[-1]) - 1) * (percent / 100)
    left = int(between)
    share = between - left
    one, other = (
        float(values[np.searchsorted(places, min(place, places[-1] - 1), "right")])
        for place in (left, left + 1)
    )
    return one + (other - one) * share if share < 0.5 else other - (other - one) * (1 - share)
