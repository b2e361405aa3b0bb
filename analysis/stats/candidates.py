"""Candidates for the primary comparison: the mean over readers of their theta, readers counted alike, and its test.

Each takes many studies at once and returns an estimate, a variance and degrees of freedom for a t-test; its test and
interval are on the arcsine scale (`rows.on_scale`), or on the scale of theta itself. The calibration compares them; the
product uses `u_equal`, and the variance of `u_centred` for studies locked before.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import stats

from analysis.stats.grid import Bools, Floats
from analysis.stats.rows import arcsine, arcsine_slope
from analysis.stats.ustatistic import VARIANCE_TOLERANCE, KernelSums, UBatch, kernel_sums, u_statistics

NORMAL = 1e6
"""Degrees of freedom that stand for the normal distribution."""


@dataclass(frozen=True)
class Studies:
    """Answers to PIEs and to controls, studies x readers x cases, NaN where not answered."""

    pie: Floats
    control: Floats

    @cached_property
    def here(self) -> tuple[Bools, Bools]:
        """Whether each case is answered, by arm."""
        return ~np.isnan(self.pie), ~np.isnan(self.control)

    @cached_property
    def counts(self) -> tuple[Floats, Floats]:
        """Answered cases of each reader, by arm: studies x readers."""
        return tuple(here.sum(axis=-1).astype(float) for here in self.here)

    @cached_property
    def sums(self) -> KernelSums:
        """Wins of each case."""
        return kernel_sums(self.pie, self.control, "win", np.ones(self.pie.shape[:2]))

    @cached_property
    def thetas(self) -> Floats:
        """Each reader's theta: studies x readers."""
        return np.asarray(self.sums.rows.sum(axis=-1) / (self.counts[0] * self.counts[1]), dtype=float)

    @cached_property
    def spread(self) -> Floats:
        """Variance of the mean theta were the readers independent: s squared over their number."""
        return np.asarray(self.thetas.var(axis=-1, ddof=1) / self.thetas.shape[-1], dtype=float)

    @cached_property
    def deviations(self) -> Floats:
        """Each reader's thetas without one case each, from their mean: studies x readers x cases."""
        (here1, here0), (n1, n0) = self.here, self.counts
        totals = self.sums.rows.sum(axis=-1)[..., None]
        one, other = n1[..., None], n0[..., None]
        left = np.concatenate(
            [
                (totals - self.sums.rows) / np.maximum((one - here1) * other, 1),
                (totals - self.sums.columns) / np.maximum(one * (other - here0), 1),
            ],
            axis=-1,
        )
        return np.asarray(left - left.mean(axis=-1, keepdims=True), dtype=float)


@dataclass(frozen=True)
class Tested:
    """One number per study each; without a variance there is neither test nor interval. `plain`: tested as theta is."""

    estimate: Floats
    variance: Floats
    df: Floats
    plain: bool = False

    @property
    def there(self) -> Bools:
        """Where there is a variance."""
        return np.asarray(self.variance > VARIANCE_TOLERANCE)

    def p_values(self, null: float = 0.5) -> Floats:
        """Test theta = null; 1 where there is no variance."""
        error = np.sqrt(np.where(self.there, self.variance, 1.0))
        distance = np.abs(self.estimate - null)
        if not self.plain:
            distance = np.abs(arcsine(self.estimate) - arcsine(null))
            error = error * arcsine_slope(np.where(self.there, self.estimate, 0.5))
        return np.where(self.there, 2 * stats.t.sf(distance / error, self.df), 1.0)


def _of_u(found: UBatch) -> Tested:
    usable = found.variance > VARIANCE_TOLERANCE
    variance = np.where(usable, found.variance, found.variance_v)
    return Tested(found.estimate, variance, np.where(usable, found.df, found.df_v))


def u_centred(studies: Studies) -> Tested:
    """Centred U-statistic, readers counted by their pairs of cases: the primary up to version 2 of the analysis."""
    return _of_u(u_statistics(studies.pie, studies.control))


def u_equal(studies: Studies) -> Tested:
    """Centred U-statistic, readers counted alike."""
    return _of_u(u_statistics(studies.pie, studies.control, equal=True))


def u_equal_plain(studies: Studies) -> Tested:
    """Return the same, tested on the scale of theta itself."""
    return replace(u_equal(studies), plain=True)


def or_jackknife(studies: Studies) -> Tested:
    """Obuchowski and Rockette with jackknife covariance and Hillis' degrees of freedom."""
    between = _jackknife(studies)[1]
    readers = studies.thetas.shape[-1]
    variance = studies.spread + np.maximum(between, 0.0)
    varies = studies.spread > VARIANCE_TOLERANCE
    squared = np.divide(variance, studies.spread, out=np.zeros_like(variance), where=varies) ** 2
    return Tested(studies.thetas.mean(axis=-1), variance, np.where(varies, squared * (readers - 1), NORMAL))


def _jackknife(studies: Studies) -> tuple[Floats, Floats]:
    """Return each reader's variance over cases, and the mean covariance of two readers, 0 where none share a case."""
    deviations = studies.deviations
    readers, cases = deviations.shape[1:]
    own = (deviations**2).sum(axis=-1) * (cases - 1) / cases
    all_pairs = (deviations.sum(axis=1) ** 2).sum(axis=-1) * (cases - 1) / cases
    shared = np.stack([(here.sum(axis=1) > 1).any(axis=-1) for here in studies.here]).any(axis=0)
    return own, np.where(shared, (all_pairs - own.sum(axis=-1)) / (readers * (readers - 1)), 0.0)


def cluster_robust(studies: Studies) -> Tested:
    """Clusters of readers and of cases, CR2 of Bell and McCaffrey 2002, Surv Methodol 28:169.

    Two ways after Cameron, Gelbach and Miller 2011 (J Bus Econ Stat 29:238): readers plus cases less cells. The
    regression is of placement values on each reader's mean; degrees of freedom by Satterthwaite, those of the readers
    under the working model that a reader's variance goes with 1/n1 + 1/n0.
    """
    readers = studies.thetas.shape[-1]
    by_case, cells, case_df = np.zeros(len(studies.pie)), np.zeros(len(studies.pie)), 0.0
    wins = (studies.sums.rows, studies.sums.columns)
    for arm, (here, own, other) in enumerate(
        zip(studies.here, studies.counts, studies.counts[::-1], strict=True)
    ):
        n = own[..., None]
        centred = np.where(here, wins[arm] / other[..., None] - studies.thetas[..., None], 0.0)
        adjusted = centred / np.sqrt(n * np.maximum(n - 1, 1)) / readers
        leverage = ((here / n / readers).sum(axis=1) ** 2).sum(axis=-1)
        part = (adjusted.sum(axis=1) ** 2).sum(axis=-1)
        by_case += part
        cells += (adjusted**2).sum(axis=(-2, -1))
        case_df = case_df + part**2 / np.maximum(1 / leverage - 1, 1)
    between = np.maximum(by_case - cells, 0.0)
    share = np.divide(between, by_case, out=np.zeros_like(between), where=by_case > 0)
    variance = studies.spread + between
    loss = studies.spread**2 / _reader_df(1 / studies.counts[0] + 1 / studies.counts[1]) + share**2 * case_df
    return Tested(
        studies.thetas.mean(axis=-1),
        variance,
        np.divide(variance**2, loss, out=np.full_like(variance, NORMAL), where=loss > VARIANCE_TOLERANCE**2),
    )


def _reader_df(variances: Floats) -> Floats:
    """Return Satterthwaite's degrees of freedom of the sample variance of readers with these variances."""
    n = variances.shape[-1]
    centring = np.eye(n) - 1 / n
    trace = (variances * (1 - 1 / n)).sum(axis=-1)
    return np.asarray(trace**2 / ((variances @ centring**2) * variances).sum(axis=-1), dtype=float)


def knapp_hartung(studies: Studies) -> Tested:
    """Random effects over readers who share no case, weighted by their precision.

    Variance of readers by DerSimonian and Laird 1986, test by Knapp and Hartung 2003 (Stat Med 22:2693).
    """
    thetas, own = studies.thetas, np.maximum(_jackknife(studies)[0], 1e-6)
    less = thetas.shape[-1] - 1
    fixed = 1 / own
    total = fixed.sum(axis=-1)
    heterogeneity = (fixed * (thetas - _mean(thetas, fixed)[:, None]) ** 2).sum(axis=-1)
    beyond = np.maximum((heterogeneity - less) / (total - (fixed**2).sum(axis=-1) / total), 0.0)
    weights = 1 / (own + beyond[:, None])
    estimate = _mean(thetas, weights)
    residual = (weights * (thetas - estimate[:, None]) ** 2).sum(axis=-1) / less
    return Tested(estimate, residual / weights.sum(axis=-1), np.full(len(thetas), float(less)))


def _mean(values: Floats, weights: Floats) -> Floats:
    return np.asarray((weights * values).sum(axis=-1) / weights.sum(axis=-1), dtype=float)


def reader_t(studies: Studies) -> Tested:
    """Student's t over the readers' thetas: right only where no case is shared."""
    less = float(studies.thetas.shape[-1] - 1)
    return Tested(studies.thetas.mean(axis=-1), studies.spread, np.full(len(studies.pie), less))


def fixed_readers(studies: Studies) -> Tested:
    """Cases random, readers not: jackknife covariance and the normal distribution."""
    own, between = _jackknife(studies)
    readers = own.shape[-1]
    variance = (own.mean(axis=-1) + (readers - 1) * np.maximum(between, 0.0)) / readers
    return Tested(studies.thetas.mean(axis=-1), variance, np.full(len(own), NORMAL))


CANDIDATES: Mapping[str, Callable[[Studies], Tested]] = {
    "u_equal": u_equal,
    "u_equal_plain": u_equal_plain,
    "u_centred": u_centred,
    "or_jackknife": or_jackknife,
    "cluster_robust": cluster_robust,
    "knapp_hartung": knapp_hartung,
}
"""What may be chosen, the choice first."""

NESTED_ONLY = ("knapp_hartung",)

BESIDE: Mapping[str, Callable[[Studies], Tested]] = {"reader_t": reader_t, "fixed_readers": fixed_readers}
"""What is run for comparison only."""
