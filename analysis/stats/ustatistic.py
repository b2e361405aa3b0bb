"""The two-sample U-statistic over readers and cases, both random: estimate, variance, degrees of freedom.

One engine serves every question: "truth" is the arm, "rating" the answer. Gallas 2006 (Acad Radiol 13:353)
for the eight moments, Gallas, Bandos, Samuelson and Wagner 2009 (Commun Stat A 38:2586, eq. 19) for the
components, Gaylor and Hopper 1969 for the floor of the degrees of freedom.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from analysis.stats.grid import Floats

Kernel = Literal["win", "difference"]

VARIANCE_TOLERANCE = 1e-12
"""A variance at or below this share of the kernel's squared range is a rounding residue of zero."""

# Biased sums (indices may coincide) to sums over disjoint indices; rows 1-4 same reader, 5-8 all reader
# pairs.
_DISJOINT = np.array(
    [
        [1, 0, 0, 0, 0, 0, 0, 0],
        [-1, 1, 0, 0, 0, 0, 0, 0],
        [-1, 0, 1, 0, 0, 0, 0, 0],
        [1, -1, -1, 1, 0, 0, 0, 0],
        [-1, 0, 0, 0, 1, 0, 0, 0],
        [1, -1, 0, 0, -1, 1, 0, 0],
        [1, 0, -1, 0, -1, 0, 1, 0],
        [-1, 1, 1, -1, 1, -1, -1, 1],
    ],
    dtype=float,
)


@dataclass(frozen=True)
class UEstimate:
    """A U-statistic over readers and cases.

    `estimate`: P(PIE > control) + P(tie) / 2 for the kernel "win" (0..1), mean PIE minus control for
    "difference" (in points of the scale). `variance` may be zero or negative; `variance_v` is the biased
    (V-statistic) one, never negative. `per_reader`: one estimate per reader.
    """

    estimate: float
    variance: float
    variance_v: float
    df: float
    df_v: float
    per_reader: Floats
    scale: float

    @property
    def vanishes(self) -> bool:
        """Whether even the biased variance is zero, so that no t-interval exists."""
        return self.variance_v <= VARIANCE_TOLERANCE * self.scale**2

    @property
    def usable(self) -> bool:
        """Whether the unbiased variance is positive."""
        return self.variance > VARIANCE_TOLERANCE * self.scale**2


def kernel_matrix(pie: Floats, control: Floats, kernel: Kernel) -> Floats:
    """Compare one reader's PIE answers (n1) with the control answers (n0): n1 x n0, 0 for missing."""
    difference = np.subtract.outer(pie, control)
    values = difference if kernel == "difference" else 0.5 * np.sign(difference) + 0.5
    return np.where(np.isnan(difference), 0.0, values)


def u_statistic(
    pie: Floats, control: Floats, *, kernel: Kernel = "win", center: bool = True, scale: float = 1.0
) -> UEstimate:
    """Estimate the difference between the arms with readers and cases both random.

    Parameters
    ----------
    pie, control: readers x cases, NaN where a reader gave no answer; at least two cases per arm, and every
        reader answers in both arms.
    kernel: "win" compares ranks (half credit for ties), "difference" subtracts.
    center: subtract the estimate from the kernel before the moments are formed. The centred variance does not
        depend on which arm is called 1; in balanced designs it equals the uncentred one. False reproduces
        iMRMC and is there for comparison with it only.
    scale: range of the kernel, for the tolerance under which a variance is zero.

    Returns
    -------
    UEstimate: with fractional degrees of freedom after Bandos, Gallas and colleagues, floored.

    Notes
    -----
    With one reader the formula returns a number without meaning; callers must not use it then. Memory is one
    n1 x n0 matrix of floats whatever the number of readers.
    """
    present_pie, present_control = ~np.isnan(pie), ~np.isnan(control)
    n_readers = pie.shape[0]

    def presence() -> Iterator[Floats]:
        for r in range(n_readers):
            yield np.outer(present_pie[r], present_control[r]).astype(float)

    totals = np.array([kernel_matrix(pie[r], control[r], kernel).sum() for r in range(n_readers)])
    pairs = (present_pie.sum(axis=1) * present_control.sum(axis=1)).astype(float)
    estimate = float(totals.sum() / pairs.sum())

    def values() -> Iterator[Floats]:
        for r, present in enumerate(presence()):
            matrix = kernel_matrix(pie[r], control[r], kernel)
            yield matrix - estimate * present if center else matrix

    shape = (pie.shape[1], control.shape[1])
    sums, weights = _biased_sums(values, shape), _biased_sums(presence, shape)
    variance, variance_v, df, df_v = _variance(sums, weights)
    return UEstimate(estimate, variance, variance_v, df, df_v, totals / pairs, scale)


def _biased_sums(matrices: Callable[[], Iterator[Floats]], shape: tuple[int, int]) -> Floats:
    """Form S1..S8 from one n1 x n0 matrix per reader."""
    same = np.zeros(4)
    over_readers = np.zeros(shape)
    for x in matrices():
        rows, columns = x.sum(axis=1), x.sum(axis=0)
        same += ((x**2).sum(), (rows**2).sum(), (columns**2).sum(), x.sum() ** 2)
        over_readers += x
    rows, columns = over_readers.sum(axis=1), over_readers.sum(axis=0)
    across = ((over_readers**2).sum(), (rows**2).sum(), (columns**2).sum(), over_readers.sum() ** 2)
    return np.concatenate([same, across])


def _variance(sums: Floats, weights: Floats) -> tuple[float, float, float, float]:
    disjoint, counts = _DISJOINT @ sums, _DISJOINT @ weights
    moments = np.divide(disjoint, counts, out=np.zeros(8), where=counts > 0)
    moments_v = sums / weights
    coefficients = counts / weights[7]
    shares = coefficients.copy()
    coefficients[7] -= 1.0
    variance = float(coefficients @ moments)
    variance_v = float(coefficients @ moments_v)
    c1, c2, c3, c4, c5, c6, c7 = shares[:7]
    # Controls, PIEs, readers: share of pairs of terms that have this factor in common; 1/share is its number.
    shared = np.array([c1 + c3 + c5 + c7, c1 + c2 + c5 + c6, c1 + c2 + c3 + c4])
    # Very unequal loads can round to 0 degrees of freedom, which would void the formula: 1 is the least.
    df_parts = np.maximum(np.round(1.0 / shared - 1.0), 1.0)
    components = moments_v[[6, 5, 3]] - moments_v[7]
    spread = float(np.sum(components**2 / df_parts**3))
    return (
        variance,
        variance_v,
        _floored_df(variance, spread, df_parts),
        _floored_df(variance_v, spread, df_parts),
    )


def _floored_df(variance: float, spread: float, df_parts: Floats) -> float:
    least = float(df_parts.min())
    return max(variance**2 / spread, least) if spread > 0 else least
