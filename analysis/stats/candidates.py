"""The primary comparisons on many studies at once: estimate, variance and degrees of freedom of each.

The calibration and planning run the product's own numbers through these, beside methods that decide nothing in the
product.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from analysis.endpoints import Endpoint
from analysis.stats.grid import Bools, Floats, Integers
from analysis.stats.margins import margin_test
from analysis.stats.rows import arcsine, arcsine_slope
from analysis.stats.sets import set_values, two_way
from analysis.stats.ustatistic import VARIANCE_TOLERANCE, Kernel, UBatch, u_statistics


@dataclass(frozen=True)
class Studies:
    """Answers to PIEs and to controls, studies x readers x cases, NaN where not answered.

    `ratio` controls in a row belong to each PIE, in the order of the PIEs; 0: cases are not matched. `images` cases in
    a row of an arm are of one patient.
    """

    pie: Floats
    control: Floats
    ratio: int = 0
    images: int = 1

    @property
    def patients(self) -> Integers | None:
        """Number of the patient of each case, PIEs first."""
        cases = self.pie.shape[-1] + self.control.shape[-1]
        return None if self.images == 1 else np.arange(cases) // self.images

    def in_sets(self, kernel: Kernel) -> Floats:
        """Return h of each reader and set: studies x readers x sets."""
        controls = self.control.reshape(*self.pie.shape, self.ratio)
        return set_values(self.pie, controls, kernel)


@dataclass(frozen=True)
class Tested:
    """One number per study each; without a variance there is neither test nor interval."""

    estimate: Floats
    variance: Floats
    df: Floats

    @property
    def there(self) -> Bools:
        """Where there is a variance."""
        return np.asarray(self.variance > VARIANCE_TOLERANCE)

    def p_values(self, null: float = 0.5) -> Floats:
        """Test theta = null on the arcsine scale; 1 where there is no variance."""
        error = np.sqrt(np.where(self.there, self.variance, 1.0))
        error = error * arcsine_slope(np.where(self.there, self.estimate, 0.5))
        distance = np.abs(arcsine(self.estimate) - arcsine(null))
        return np.where(self.there, 2 * stats.t.sf(distance / error, self.df), 1.0)

    def within(self, endpoint: Endpoint, studies: Studies) -> Floats:
        """Test a difference in natural units against the margin of an endpoint; 1 where there is no variance."""
        variance = np.where(self.there, self.variance, 1.0)
        share = np.nanmean(studies.control, axis=-1).mean(axis=-1)
        return np.where(self.there, margin_test(self.estimate, variance, self.df, endpoint, share), 1.0)


def _of(found: UBatch) -> Tested:
    usable = found.variance > VARIANCE_TOLERANCE
    variance = np.where(usable, found.variance, found.variance_v)
    return Tested(found.estimate, variance, np.where(usable, found.df, found.df_v))


def u_equal(studies: Studies) -> Tested:
    """Centred U-statistic, readers counted alike: the primary comparison of unmatched cases."""
    return _of(u_statistics(studies.pie, studies.control, equal=True, patients=studies.patients))


def u_centred(studies: Studies) -> Tested:
    """Return the primary up to version 2 of the analysis: readers counted by their pairs of cases, patients unknown."""
    return _of(u_statistics(studies.pie, studies.control))


def theta_set(studies: Studies) -> Tested:
    """Mean over readers and matched sets: the primary comparison of matched sets."""
    return _of(two_way(studies.in_sets("win")))


def difference(studies: Studies) -> Tested:
    """Difference in natural units: within sets where cases are matched."""
    if studies.ratio:
        return _of(two_way(studies.in_sets("difference")))
    return _of(u_statistics(studies.pie, studies.control, kernel="difference", equal=True))


def chosen(studies: Studies) -> Tested:
    """Return the primary comparison of the design."""
    return theta_set(studies) if studies.ratio else u_equal(studies)


CANDIDATES: Mapping[str, Callable[[Studies], Tested]] = {
    "u_equal": u_equal,
    "theta_set": theta_set,
    "u_centred": u_centred,
}
"""What is calibrated: the primary comparisons, then the former one."""

MATCHED_ONLY = ("theta_set",)
