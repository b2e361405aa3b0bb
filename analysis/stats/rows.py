"""One row of the comparisons table, the same columns for every method; its test and interval; why one is refused."""

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats
from scipy.special import expit

from analysis.errors import RefusedError

Floats = npt.NDArray[np.float64]

Row = dict[str, Any]
"""A row of a result table: column to text, whole number, number or None; never NaN."""


@dataclass(frozen=True)
class Comparison:
    """One comparison of PIEs with controls.

    `scale` says what `estimate` is: "theta" (0..1, no difference at 0.5) or "difference" (PIE minus control,
    no difference at 0). `df` is None for a normal reference. What cannot be estimated is None, and `note`
    says why.
    """

    endpoint: str
    method: str
    estimate: float | None = None
    variance: float | None = None
    se: float | None = None
    df: float | None = None
    p: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    note: str = ""
    scale: str = "theta"
    ci_plain_low: float | None = None
    ci_plain_high: float | None = None
    p_from: str | None = None
    reader: str | None = None
    cliffs_delta: float | None = None
    equal_weight_estimate: float | None = None
    readers: int | None = None
    effective_readers: float | None = None
    pie_cases: int | None = None
    control_cases: int | None = None
    direction: str | None = None
    extra: Row = field(default_factory=dict)

    @property
    def null(self) -> float:
        """Value of the estimate when the arms do not differ."""
        return 0.5 if self.scale == "theta" else 0.0

    def noted(self, *sentences: str) -> "Comparison":
        """Return a copy with more sentences in the note."""
        return replace(self, note="; ".join(part for part in (self.note, *sentences) if part))

    def as_row(self) -> Row:
        """Return the row as a dictionary in column order, `extra` last."""
        row = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "extra"}
        return {**row, **self.extra}


def with_test(row: Comparison, variance: float, df: float | None, p_from: str, level: float) -> Comparison:
    """Add variance, standard error, p and the plain interval of a level (cut to 0..1 for theta) to a row."""
    if row.estimate is None or not variance > 0:
        raise ValueError(f"expected an estimate and a positive variance, got {row.estimate} and {variance}")
    low, high = plain_interval(row.estimate, variance, df, level)
    if row.scale == "theta":
        low, high = max(low, 0.0), min(high, 1.0)
    return replace(
        row,
        variance=variance,
        se=math.sqrt(variance),
        df=df,
        p=two_sided_p(row.estimate, row.null, variance, df),
        ci_low=low,
        ci_high=high,
        ci_plain_low=low,
        ci_plain_high=high,
        p_from=p_from,
    )


def on_arcsine_scale(row: Comparison, level: float) -> Comparison:
    """Take p and interval of a theta with a variance from its arcsine: they say the same of 0.5, whatever the level."""
    if row.estimate is None or row.variance is None or not 0 < row.estimate < 1:
        return row
    center, null = float(arcsine(row.estimate)), float(arcsine(row.null))
    error = math.sqrt(row.variance) * float(arcsine_slope(row.estimate))
    half = critical(row.df, level) * error
    low, high = max(center - half, 0.0), min(center + half, math.pi / 2)
    p = two_sided_p(center, null, error**2, row.df)
    return replace(row, p=p, ci_low=math.sin(low) ** 2, ci_high=math.sin(high) ** 2)


ALPHA = 0.05
"""Level of the tests of the published study, and where nothing else is declared."""


LEVEL = 1 - ALPHA
"""Level of intervals where nothing else is declared."""


def critical(df: float | None, level: float = LEVEL) -> float:
    """Return the two-sided critical value of t, or of the normal distribution when `df` is None."""
    tail = 0.5 + level / 2
    return float(stats.norm.ppf(tail) if df is None else stats.t.ppf(tail, df))


def two_sided_p(estimate: float, null: float, variance: float, df: float | None) -> float:
    """Test estimate = null with fractional df (None: normal); by the survival function, against underflow."""
    statistic = abs(estimate - null) / math.sqrt(variance)
    return float(2 * (stats.norm.sf(statistic) if df is None else stats.t.sf(statistic, df)))


def plain_interval(
    estimate: float, variance: float, df: float | None, level: float = LEVEL
) -> tuple[float, float]:
    """Return estimate -+ critical value x standard error; under-covers for probabilities near 0 or 1."""
    half = critical(df, level) * math.sqrt(variance)
    return estimate - half, estimate + half


def arcsine(theta: float | Floats) -> Floats:
    """Return theta on the arcsine scale, where its variance depends least on where it lies: 0 to pi / 2."""
    return np.asarray(np.arcsin(np.sqrt(theta)), dtype=float)


def arcsine_slope(theta: float | Floats) -> Floats:
    """Return how much faster than theta, 0 < theta < 1, its arcsine grows: standard errors grow with it."""
    return np.asarray(1 / (2 * np.sqrt(theta * (1 - theta))), dtype=float)


def logit_interval(
    theta: float, variance: float, df: float | None, level: float = LEVEL
) -> tuple[float, float]:
    """Return the interval of a probability 0 < theta < 1, symmetric on the logit scale (delta method)."""
    center = math.log(theta / (1 - theta))
    half = critical(df, level) * math.sqrt(variance) / (theta * (1 - theta))
    return float(expit(center - half)), float(expit(center + half))


class StatsError(RefusedError):
    """Ratings cannot be analysed: the message says what was expected, what was found and what to do."""


class NotComparableError(StatsError):
    """A comparison of the arms is refused: an arm is empty or holds fewer than two cases.

    `reason` says so within a sentence, such as "only one PIE case was answered, and two are needed".
    """

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason or message
