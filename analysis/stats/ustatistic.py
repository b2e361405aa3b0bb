"""The two-sample U-statistic over readers and cases, both random: estimate, variance, degrees of freedom.

One engine serves every question: "truth" is the arm, "rating" the answer. Gallas 2006 (Acad Radiol 13:353)
for the eight moments, Gallas, Bandos, Samuelson and Wagner 2009 (Commun Stat A 38:2586, eq. 19) for the
components, Gaylor and Hopper 1969 for the floor of the degrees of freedom.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from analysis.stats.grid import Bools, Floats, Integers

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
    patients: Integers | None = None,
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
    patients: number of the patient of each case, PIEs first. Cases of one patient are one cluster: their terms are
        summed before they are squared, pairs of terms of one patient are none of independent ones, and degrees of
        freedom count patients. None: every case is of another patient.

    Returns
    -------
    UEstimate: with fractional degrees of freedom after Bandos, Gallas and colleagues, floored.

    Notes
    -----
    With one reader the formula returns a number without meaning; callers must not use it then. Memory is some
    n1 x n0 matrices of floats whatever the number of readers.
    """
    found = u_statistics(
        pie[None], control[None], kernel=kernel, center=center, equal=equal, patients=patients
    )
    return found.one(scale=scale)


def u_statistics(
    pie: Floats, control: Floats, *, kernel: Kernel = "win", center: bool = True, equal: bool = False,
    patients: Integers | None = None,
) -> UBatch:  # fmt: skip
    """Estimate for many studies at once, studies x readers x cases; see `u_statistic`."""
    of = Patients.of(patients, pie.shape[-1], control.shape[-1])
    n1, n0 = (_once(~np.isnan(arm)).sum(axis=-1).astype(float) for arm in (pie, control))
    pairs = n1 * n0
    weights = 1 / pairs if equal else np.ones_like(pairs)
    totals = np.stack([values.sum(axis=(1, 2)) for _, values, _ in _cells(pie, control, kernel, of)], axis=-1)
    shares = weights * pairs / (weights * pairs).sum(axis=-1, keepdims=True)
    own = totals / pairs
    # Not by the shares, whose rounding would move 0.5.
    estimate = own.mean(axis=-1) if equal else totals.sum(axis=-1) / pairs.sum(axis=-1)
    level = estimate[:, None, None] if center else 0.0

    def sums(of_presence: bool, both: Places | None) -> Floats:
        parts = (
            (at, weights[:, r, None, None] * (present if of_presence else values - level * present))
            for r, (at, values, present) in enumerate(_cells(pie, control, kernel, of))
        )
        return _products_of(parts, (of.pie.max() + 1, of.control.max() + 1), both)

    apart = (sums(False, None), sums(True, None))
    across = (sums(False, of.both), sums(True, of.both)) if of.both[0].size else None
    return UBatch(
        estimate,
        *_variance(*apart, across),
        per_reader=own,
        effective_readers=np.broadcast_to(1 / (shares**2).sum(axis=-1), estimate.shape),
    )


Places = tuple[Integers, Integers]
"""Rows and columns."""


@dataclass(frozen=True)
class Patients:
    """Numbers of the patients of PIEs and of controls, from 0 in each arm, and the places of those who are in both."""

    pie: Integers
    control: Integers
    both: Places

    @classmethod
    def of(cls, patients: Integers | None, pies: int, controls: int) -> "Patients":
        """Number the patients of each arm as they come; None: each case is of another one."""
        given = np.arange(pies + controls) if patients is None else patients
        (pie, ones), (control, others) = (pd.factorize(own) for own in (given[:pies], given[pies:]))
        places = np.intersect1d(ones, others, assume_unique=True, return_indices=True)[1:]
        return cls(pie, control, (places[0], places[1]))


def summed(values: Floats, codes: Integers, axis: int) -> tuple[Integers, Floats]:
    """Sum along an axis what has one code; return the codes and the sums. Codes that come once leave all as it was."""
    found, starts = np.unique(np.sort(codes), return_index=True)
    if len(found) == len(codes):
        return codes, values
    order = np.argsort(codes, kind="stable")
    return found, np.add.reduceat(np.take(values, order, axis=axis), starts, axis=axis)


def _once(here: Bools) -> Bools:
    """Keep one study's pattern where all have the same."""
    return here[:1] if (here == here[:1]).all() else here


def _cells(
    pie: Floats, control: Floats, kernel: Kernel, of: Patients
) -> Iterator[tuple[Places, Floats, Floats]]:
    """Yield of each reader the kernel and the number of its pairs of cases, summed by patients; and which they are."""
    for r in range(pie.shape[1]):
        # The cases that the reader answered in any study: most are none of the reader's in nested designs.
        own = [np.flatnonzero(~np.isnan(arm[:, r]).all(axis=0)) for arm in (pie, control)]
        values = kernel_matrix(pie[:, r, own[0]], control[:, r, own[1]], kernel)
        here = [
            _once(~np.isnan(arm[:, r, cases])).astype(float)
            for arm, cases in zip((pie, control), own, strict=True)
        ]
        rows, values = summed(values, of.pie[own[0]], 1)
        columns, values = summed(values, of.control[own[1]], 2)
        n1, n0 = summed(here[0], of.pie[own[0]], 1)[1], summed(here[1], of.control[own[1]], 1)[1]
        yield (rows, columns), values, n1[:, :, None] * n0[:, None, :]


def _products_of(
    parts: Iterable[tuple[Places, Floats]], shape: tuple[int, int], both: Places | None
) -> Floats:
    """Form S1..S8 of readers' parts: same reader or any, times same or any PIE, times same or any control."""
    alone, over = np.zeros((1, 4)), np.zeros((1, *shape))
    for (rows, columns), values in parts:
        whole = np.zeros((len(values), *shape))
        whole[:, rows[:, None], columns] = values
        alone = alone + _products(values if both is None else whole, both)
        over = over + whole
    return np.concatenate([alone, _products(over, both)], axis=-1)


def _products(cells: Floats, both: Places | None) -> Floats:
    """Sum products of cells that share PIE and control, PIE, control, nothing: studies x 4.

    With `both`, the places of patients who have cases in both arms, same PIE or control is half of same patient: a PIE
    of the one cell and a control of the other may be of one patient too.
    """
    rows, columns = cells.sum(axis=-1), cells.sum(axis=-2)
    cell, row, column = ((each**2).sum(axis=tuple(range(1, each.ndim))) for each in (cells, rows, columns))
    if both is not None:
        square = cells[:, both[0][:, None], both[1]]
        own, one, other = np.diagonal(square, axis1=1, axis2=2), rows[:, both[0]], columns[:, both[1]]
        cell = cell + (square * np.swapaxes(square, 1, 2)).sum(axis=(1, 2)) - 2 * (own**2).sum(axis=1)
        row = column = (row + column + (2 * one * other + own**2 - 2 * own * (one + other)).sum(axis=1)) / 2
    return np.stack([cell, row, column, rows.sum(axis=-1) ** 2], axis=-1)


def from_sums(sums: Floats, counts: Floats, disjoint: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the unbiased and the biased variance, and of each kind of pair its share of all and its biased moment.

    `sums` are of a centred kernel and `counts` of its presence, over indices that may coincide, by kind, the last over
    all pairs; `disjoint` turns them into sums over indices that do not.
    """
    values, weights = sums @ disjoint.T, counts @ disjoint.T
    weights = np.where(np.abs(weights) > ROUNDING * counts[..., -1:], weights, 0.0)
    moments = np.divide(values, weights, out=np.zeros_like(values), where=weights > 0)
    moments_v = np.divide(sums, counts, out=np.zeros_like(values), where=counts > 0)
    shares = weights / counts[..., -1:]
    coefficients = shares - np.eye(len(disjoint))[-1]
    return (coefficients * moments).sum(axis=-1), (coefficients * moments_v).sum(axis=-1), shares, moments_v


def _variance(
    sums: Floats, counts: Floats, across: tuple[Floats, Floats] | None
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return both variances and their degrees of freedom, from the biased sums of the kernel and of its presence.

    `across`: the same sums where patients have cases in both arms. Degrees of freedom then still count the patients of
    either arm alone, which are the fewer.
    """
    variance, variance_v, shares, moments_v = from_sums(sums, counts, _DISJOINT)
    if across:
        variance, variance_v, *_ = from_sums(*across, _DISJOINT)
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
