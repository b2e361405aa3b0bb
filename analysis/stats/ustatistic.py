"""The two-sample U-statistic over readers and cases, both random: estimate, variance, degrees of freedom.

One engine serves every question: "truth" is the arm, "rating" the answer. Gallas 2006 (Acad Radiol 13:353)
for the eight moments, Gallas, Bandos, Samuelson and Wagner 2009 (Commun Stat A 38:2586, eq. 19) for the
components, Gaylor and Hopper 1969 for the floor of the degrees of freedom.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from analysis.stats.grid import Bools, Floats

Kernel = Literal["win", "difference"]

VARIANCE_TOLERANCE = 1e-12
"""A variance at or below this share of the kernel's squared range is a rounding residue of zero."""

ROUNDING = 1e-12
"""A count of disjoint pairs at or below this share of all is a rounding residue of none: weights are no integers."""

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
    (V-statistic) one, never negative. `per_reader`: one estimate per reader. `effective_readers`: 1 / sum of the
    squared shares of the readers, from 1 to their number.
    """

    estimate: float
    variance: float
    variance_v: float
    df: float
    df_v: float
    per_reader: Floats
    effective_readers: float
    scale: float

    @property
    def vanishes(self) -> bool:
        """Whether even the biased variance is zero, so that no t-interval exists."""
        return self.variance_v <= VARIANCE_TOLERANCE * self.scale**2

    @property
    def usable(self) -> bool:
        """Whether the unbiased variance is positive."""
        return self.variance > VARIANCE_TOLERANCE * self.scale**2


@dataclass(frozen=True)
class UBatch:
    """What `UEstimate` holds, for studies at once: one number per study; `per_reader` studies x readers."""

    estimate: Floats
    variance: Floats
    variance_v: Floats
    df: Floats
    df_v: Floats
    per_reader: Floats
    effective_readers: Floats

    def one(self, study: int = 0, scale: float = 1.0) -> UEstimate:
        """Return one study's numbers; `scale` is the range of the kernel."""
        values = {name: getattr(self, name)[study] for name in self.__dataclass_fields__}
        plain = {name: float(value) for name, value in values.items() if name != "per_reader"}
        return UEstimate(**plain, per_reader=self.per_reader[study], scale=scale)


def kernel_matrix(pie: Floats, control: Floats, kernel: Kernel) -> Floats:
    """Compare PIE answers (... x n1) with control answers (... x n0): ... x n1 x n0, 0 for missing."""
    difference = pie[..., :, None] - control[..., None, :]
    values = difference if kernel == "difference" else 0.5 * np.sign(difference) + 0.5
    return np.where(np.isnan(difference), 0.0, values)


def u_statistic(
    pie: Floats,
    control: Floats,
    *,
    kernel: Kernel = "win",
    center: bool = True,
    scale: float = 1.0,
    equal: bool = False,
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
    equal: count every reader alike: the estimate is the mean of the readers' own. False counts them by their
        pairs of cases, as iMRMC does.

    Returns
    -------
    UEstimate: with fractional degrees of freedom after Bandos, Gallas and colleagues, floored.

    Notes
    -----
    With one reader the formula returns a number without meaning; callers must not use it then. Memory is some
    n1 x n0 matrices of floats whatever the number of readers.
    """
    return u_statistics(pie[None], control[None], kernel=kernel, center=center, equal=equal).one(scale=scale)


def u_statistics(
    pie: Floats, control: Floats, *, kernel: Kernel = "win", center: bool = True, equal: bool = False
) -> UBatch:
    """Estimate for many studies at once, studies x readers x cases; see `u_statistic`."""
    here1, here0 = _once(~np.isnan(pie)), _once(~np.isnan(control))
    n1, n0 = (here.sum(axis=-1).astype(float) for here in (here1, here0))
    pairs = n1 * n0
    weights = 1 / pairs if equal else np.ones_like(pairs)
    found = kernel_sums(pie, control, kernel, weights)
    totals = found.rows.sum(axis=-1)
    shares = weights * pairs / (weights * pairs).sum(axis=-1, keepdims=True)
    own = totals / pairs
    # Not by the shares, whose rounding would move 0.5.
    estimate = own.mean(axis=-1) if equal else totals.sum(axis=-1) / pairs.sum(axis=-1)
    present = KernelSums(
        squares=pairs,
        rows=here1 * n0[..., None],
        columns=here0 * n1[..., None],
        over=_over_readers(here1, here0, weights),
    )
    subtract = estimate if center else np.zeros_like(estimate)
    sums = found.minus(subtract, present, totals).biased(weights)
    return UBatch(
        estimate,
        *_variance(sums, present.biased(weights)),
        per_reader=own,
        effective_readers=np.broadcast_to(1 / (shares**2).sum(axis=-1), estimate.shape),
    )


@dataclass(frozen=True)
class KernelSums:
    """Sums of a kernel: of its squares and values by reader, row and column, and over readers, weighted."""

    squares: Floats
    rows: Floats
    columns: Floats
    over: Floats

    def minus(self, level: Floats, present: "KernelSums", totals: Floats) -> "KernelSums":
        """Return the sums of the kernel less a level, wherever it is present."""
        one = level[:, None]
        return KernelSums(
            self.squares - 2 * one * totals + one**2 * present.squares,
            self.rows - one[..., None] * present.rows,
            self.columns - one[..., None] * present.columns,
            self.over - one[..., None] * present.over,
        )

    def biased(self, weights: Floats) -> Floats:
        """Form S1..S8: same reader or any, times same or any PIE, times same or any control; studies x 8."""
        rows, columns = self.rows * weights[..., None], self.columns * weights[..., None]
        totals = rows.sum(axis=-1)
        sums = [
            (weights**2 * self.squares).sum(axis=-1),
            (rows**2).sum(axis=(-2, -1)),
            (columns**2).sum(axis=(-2, -1)),
            (totals**2).sum(axis=-1),
            (self.over**2).sum(axis=(-2, -1)),
            (rows.sum(axis=-2) ** 2).sum(axis=-1),
            (columns.sum(axis=-2) ** 2).sum(axis=-1),
            totals.sum(axis=-1) ** 2,
        ]
        return np.stack(sums, axis=-1)


def _once(here: Bools) -> Bools:
    """Keep one study's pattern where all have the same."""
    return here[:1] if (here == here[:1]).all() else here


def kernel_sums(pie: Floats, control: Floats, kernel: Kernel, weights: Floats) -> KernelSums:
    """Sum the kernel of studies x readers x cases; `weights` are those of the readers in the sum over them."""
    studies, readers, n1 = pie.shape
    n0 = control.shape[-1]
    squares, over = np.zeros((studies, readers)), np.zeros((studies, n1, n0))
    rows, columns = np.zeros((studies, readers, n1)), np.zeros((studies, readers, n0))
    for r in range(readers):
        # The cases that the reader answered in any study: most are none of the reader's in nested designs.
        own1, own0 = (np.flatnonzero(~np.isnan(arm[:, r]).all(axis=0)) for arm in (pie, control))
        values = kernel_matrix(pie[:, r, own1], control[:, r, own0], kernel)
        squares[:, r] = (values**2).sum(axis=(-2, -1))
        rows[:, r, own1], columns[:, r, own0] = values.sum(axis=-1), values.sum(axis=-2)
        over[:, own1[:, None], own0] += weights[:, r, None, None] * values
    return KernelSums(squares, rows, columns, over)


def _over_readers(here1: Bools, here0: Bools, weights: Floats) -> Floats:
    """Sum the readers' weights for every pair of cases that they answered."""
    return np.asarray(np.swapaxes(here1 * weights[..., None], -1, -2) @ here0.astype(float), dtype=float)


def from_sums(sums: Floats, counts: Floats, disjoint: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the unbiased and the biased variance, and of each kind of pair its share of all and its biased moment.

    `sums` are of a centred kernel and `counts` of its presence, over indices that may coincide, by kind, the last over
    all pairs; `disjoint` turns them into sums over indices that do not.
    """
    values, weights = sums @ disjoint.T, counts @ disjoint.T
    weights = np.where(np.abs(weights) > ROUNDING * counts[..., -1:], weights, 0.0)
    moments = np.divide(values, weights, out=np.zeros_like(values), where=weights > 0)
    moments_v, shares = sums / counts, weights / counts[..., -1:]
    coefficients = shares - np.eye(len(disjoint))[-1]
    return (coefficients * moments).sum(axis=-1), (coefficients * moments_v).sum(axis=-1), shares, moments_v


def _variance(sums: Floats, counts: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Return both variances and their degrees of freedom, from the biased sums of the kernel and of its presence."""
    variance, variance_v, shares, moments_v = from_sums(sums, counts, _DISJOINT)
    c1, c2, c3, c4, c5, c6, c7 = np.moveaxis(shares[..., :7], -1, 0)
    # Controls, PIEs, readers: share of pairs of terms that have this factor in common; 1/share is its number.
    shared = np.stack([c1 + c3 + c5 + c7, c1 + c2 + c5 + c6, c1 + c2 + c3 + c4], axis=-1)
    # Very unequal loads can round to 0 degrees of freedom, which would void the formula: 1 is the least.
    df_parts = np.maximum(np.round(1.0 / shared - 1.0), 1.0)
    components = moments_v[..., [6, 5, 3]] - moments_v[..., 7:]
    spread = (components**2 / df_parts**3).sum(axis=-1)
    least = df_parts.min(axis=-1)
    floored = [
        np.maximum(np.divide(each**2, spread, out=np.zeros_like(spread), where=spread > 0), least)
        for each in (variance, variance_v)
    ]
    return variance, variance_v, floored[0], floored[1]
