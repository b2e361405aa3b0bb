"""Coefficients of agreement between readers, from a matrix of cases by readers or from counts.

Array core: no frames, no intervals but those with a closed form. What cannot be estimated is None.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from analysis.stats.grid import Bools, Floats
from analysis.stats.rows import LEVEL

Metric = Literal["nominal", "ordinal", "interval", "ratio"]


@dataclass(frozen=True)
class Interval:
    """A coefficient with its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Fleiss:
    """Fleiss' kappa with its test of no agreement beyond chance."""

    kappa: float
    z: float


def level_counts(ratings: Floats, levels: Floats) -> Floats:
    """Count answers: cases x readers (NaN = missing) to cases x levels."""
    return np.asarray((ratings[:, :, None] == levels[None, None, :]).sum(axis=1), dtype=float)


def coincidences(counts: Floats) -> Floats:
    """Return each case's coincidence matrix (cases x levels x levels); zero for fewer than two answers."""
    answered = counts.sum(axis=1)
    pairable = answered >= 2
    products = counts[:, :, None] * counts[:, None, :]
    products -= np.einsum("uc,ck->uck", counts, np.eye(counts.shape[1]))
    weights = np.where(pairable, 1.0 / np.where(pairable, answered - 1, 1.0), 0.0)
    return np.asarray(products * weights[:, None, None], dtype=float)


def krippendorff_alpha(coincidence: Floats, levels: Floats, metric: Metric) -> Floats:
    """Return Krippendorff's alpha (Krippendorff 2011, Computing Krippendorff's Alpha-Reliability).

    Parameters
    ----------
    coincidence: ... x levels x levels, the sum of `coincidences` over cases (leading axes: bootstrap
    samples). levels: all levels of the scale, in order; those that nobody used change nothing. metric:
    squared distance of two levels.

    Returns
    -------
    array of the leading shape; NaN where all answers are the same, so that nothing can be estimated.
    """
    totals = coincidence.sum(axis=-1)
    distance = _distance(totals, levels, metric)
    n = totals.sum(axis=-1)
    observed = (coincidence * distance).sum(axis=(-2, -1))
    expected = (totals[..., :, None] * totals[..., None, :] * distance).sum(axis=(-2, -1))
    ratio = np.divide(observed, expected, out=np.full_like(observed, np.nan), where=expected > 0)
    return np.asarray(1 - (n - 1) * ratio, dtype=float)


def interval_alpha(ratings: Floats, weights: Floats) -> Floats:
    """Return Krippendorff's alpha of numbers, whose squared distances need no matrix of levels.

    Parameters
    ----------
    ratings: cases x readers, NaN = missing, each case with two answers at least.
    weights: samples x cases, how often each case counts.

    Returns
    -------
    samples; NaN where all answers are the same.
    """
    values = ratings - np.nanmean(ratings)
    n = (~np.isnan(values)).sum(axis=1)
    sums, squares = np.nansum(values, axis=1), np.nansum(values**2, axis=1)
    observed = weights @ (2 * (n * squares - sums**2) / (n - 1))
    total = weights @ n
    expected = 2 * (total * (weights @ squares) - (weights @ sums) ** 2)
    ratio = np.divide(observed, expected, out=np.full(len(weights), np.nan), where=expected > 1e-12)
    return np.asarray(1 - (total - 1) * ratio, dtype=float)


def _distance(totals: Floats, levels: Floats, metric: Metric) -> Floats:
    first, second = levels[:, None], levels[None, :]
    if metric == "nominal":
        return np.asarray(first != second, dtype=float)
    if metric == "interval":
        return np.asarray((first - second) ** 2, dtype=float)
    if metric == "ratio":
        total = np.where(first + second == 0, 1.0, first + second)
        return np.asarray(((first - second) / total) ** 2, dtype=float)
    # Ordinal: the answers between two levels, each end counted half; half sums c..k from cumulative sums.
    middle = np.cumsum(totals, axis=-1) - totals / 2
    return np.asarray((middle[..., :, None] - middle[..., None, :]) ** 2, dtype=float)


def fleiss_kappa(counts: Floats) -> Fleiss | None:
    """Return Fleiss' kappa (Fleiss 1971) and z from the null standard error (Fleiss, Nee, Landis 1979).

    Parameters
    ----------
    counts: cases x levels; every case with the same number of answers, at least two.

    Returns
    -------
    None when the numbers of answers differ or when all answers are the same.
    """
    answered = counts.sum(axis=1)
    raters = float(answered[0]) if len(answered) else 0.0
    if raters < 2 or (answered != raters).any():
        return None
    cases = len(counts)
    p = counts.sum(axis=0) / (cases * raters)
    chance = float((p**2).sum())
    if math.isclose(chance, 1.0):
        return None
    observed = float((counts * (counts - 1)).sum() / (cases * raters * (raters - 1)))
    kappa = (observed - chance) / (1 - chance)
    pq = float((p * (1 - p)).sum())
    skew = float((p * (1 - p) * (1 - 2 * p)).sum())
    se = math.sqrt(2 / (cases * raters * (raters - 1)) * (pq**2 - skew)) / pq
    return Fleiss(kappa, kappa / se)


def weighted_kappa(first: Floats, second: Floats, *, power: int = 2) -> float | None:
    """Return Cohen's kappa with weights |difference| ** power on the scale's own numbers (Cohen 1968).

    Parameters
    ----------
    first, second: paired answers without gaps.
    power: 2 quadratic, 1 linear.

    Returns
    -------
    None without pairs, or when both always gave one and the same answer. The full scale counts: levels that
    nobody used keep their distance.
    """
    if len(first) == 0:
        return None
    observed = float(np.mean(np.abs(first - second) ** power))
    expected = float(np.mean(np.abs(np.subtract.outer(first, second)) ** power))
    return 1 - observed / expected if expected > 0 else None


def mean_pairwise_kappa(ratings: Floats, weights: Floats) -> Floats:
    """Return the mean quadratic-weighted kappa of all pairs of readers, for weighted cases.

    Parameters
    ----------
    ratings: cases x readers, NaN = missing; a pair uses the cases that both answered.
    weights: samples x cases, how often each case counts (ones, or bootstrap counts).

    Returns
    -------
    samples; pairs without a common case or without variation are left out of the mean, NaN when none is left.
    """
    present = ~np.isnan(ratings)
    values = np.where(present, ratings, 0.0)
    total, n = np.zeros(len(weights)), np.zeros(len(weights))
    for r in range(ratings.shape[1] - 1):
        both = present[:, [r]] & present[:, r + 1 :]
        kappas = quadratic_kappa(values[:, [r]] * both, values[:, r + 1 :] * both, weights, both)
        estimable = ~np.isnan(kappas)
        total += np.where(estimable, kappas, 0.0).sum(axis=1)
        n += estimable.sum(axis=1)
    return np.asarray(np.divide(total, n, out=np.full(len(n), np.nan), where=n > 0), dtype=float)


def quadratic_kappa(x: Floats, y: Floats, weights: Floats, both: Bools) -> Floats:
    """Return the quadratic-weighted kappa of pairs of columns for weighted cases, NaN where all answers are the same.

    Parameters
    ----------
    x, y: cases x pairs, 0 where not `both` were given. weights: samples x cases.

    Returns
    -------
    samples x pairs.
    """
    n, sum_x, sum_y, squares, apart = (
        weights @ part for part in (both * 1.0, x, y, x**2 + y**2, (x - y) ** 2)
    )
    safe = np.where(n > 0, n, 1.0)
    expected = squares / safe - 2 * sum_x * sum_y / safe**2
    return np.asarray(
        1 - np.divide(apart / safe, expected, out=np.full(n.shape, np.nan), where=expected > 1e-12),
        dtype=float,
    )


def icc(ratings: Floats, level: float = LEVEL) -> tuple[Interval, Interval | None] | None:
    """Return ICC(2,1) and ICC(2,k): absolute agreement, readers and cases random.

    Parameters
    ----------
    ratings: cases x readers, complete, at least 2 x 2.
    level: of the limits, 0 to 1.

    Returns
    -------
    single and mean of all readers, with limits; None when all answers are the same, or the limits have no
    degrees of freedom (every case has the same mean). The mean is None where
    the single one or a limit is at or below -1/(readers - 1): there the step up has no value.

    Notes
    -----
    Shrout and Fleiss 1979 (Psychol Bull 86:420); limits after McGraw and Wong 1996 (Psychol Methods 1:30).
    """
    n, k = ratings.shape
    grand = ratings.mean()
    ms_cases = k * float(((ratings.mean(axis=1) - grand) ** 2).sum()) / (n - 1)
    ms_readers = n * float(((ratings.mean(axis=0) - grand) ** 2).sum()) / (k - 1)
    total = float(((ratings - grand) ** 2).sum())
    ms_error = (total - (n - 1) * ms_cases - (k - 1) * ms_readers) / ((n - 1) * (k - 1))
    if total <= 1e-12 or ms_error <= 1e-12:
        return None  # no variation, or readers that differ by a constant: the limits do not exist
    whole = ms_cases + (k - 1) * ms_error + k * (ms_readers - ms_error) / n
    if whole <= 1e-12:
        return None
    single = (ms_cases - ms_error) / whole
    a = k * single / (n * (1 - single))
    b = 1 + k * single * (n - 1) / (n * (1 - single))
    spread = (a * ms_readers) ** 2 / (k - 1) + (b * ms_error) ** 2 / ((n - 1) * (k - 1))
    if spread <= 1e-12:
        return None
    df = (a * ms_readers + b * ms_error) ** 2 / spread
    tail = 0.5 + level / 2
    f_low, f_high = float(stats.f.ppf(tail, n - 1, df)), float(stats.f.ppf(tail, df, n - 1))
    rest = k * ms_readers + (k * n - k - n) * ms_error
    low = n * (ms_cases - f_low * ms_error) / (f_low * rest + n * ms_cases)
    high = n * (f_high * ms_cases - ms_error) / (rest + n * f_high * ms_cases)
    if not math.isfinite(low + high):  # so few degrees of freedom that F has no such quantile
        return None

    def stepped_up(value: float) -> float:
        return float(k * value / (1 + (k - 1) * value))

    if min(single, low, high) * (k - 1) <= -1 + 1e-9:
        return Interval(single, low, high), None
    return (
        Interval(single, low, high),
        Interval(stepped_up(single), stepped_up(low), stepped_up(high)),
    )
