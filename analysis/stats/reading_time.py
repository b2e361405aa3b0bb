"""Reading times: ratio of geometric means between the arms, on first readings; and a linear mixed model of them.

The model has crossed random intercepts, by REML, with Satterthwaite's degrees of freedom, as lme4::lmer with lmerTest
(Bates and others 2015, J Stat Softw 67(1); Kuznetsova and others 2017, J Stat Softw 82(13)). Everything is computed
from cross-products, so the number of readings costs nothing.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import linalg, optimize

from analysis.endpoints import Endpoint
from analysis.stats.grid import Floats, Grid, Integers, make_grid
from analysis.stats.mixed import SINGULAR_SD, derivatives, polish
from analysis.stats.plan import DECLARED, LONGEST, Plan
from analysis.stats.primary import FELL_BACK, NO_VARIANCE, ONE_READER, TOO_THIN, compare_u
from analysis.stats.rows import NotComparableError, Row, plain_interval, two_sided_p
from analysis.stats.ustatistic import u_statistic

TIME = Endpoint(
    "time", "", "Reading time", "number", worse="high", less="shorter reading times", more="longer reading times",
)  # fmt: skip
"""Reading time as a question."""


def reading_time_table(
    first: pd.DataFrame,
    *,
    seed: int,
    draws: int,
    shortest: float | None = None,
    longest: float | None = LONGEST,
    plan: Plan = DECLARED,
) -> list[Row]:
    """Compare reading times of PIEs and controls.

    Parameters
    ----------
    first: `Checked.first`; time_s in seconds, NaN = not recorded.
    seed, draws: of the permutation test.
    shortest, longest: seconds (None: no rule); readings outside, and times that are not positive, are left out
        and counted.
    plan: for the level of tests and intervals.

    Returns
    -------
    list: method "geometric_mean_ratio" (estimate = PIE / control, 1 = no difference; variance and se on the
    log scale), "u_centred" on raw times (theta) and, as a sensitivity analysis, "mixed_model_position" (ratio with
    the position in the reader's order as a covariate); each with n_used, n_excluded, n_without_time.
    """
    time = first["time_s"]
    if time.notna().sum() == 0:
        return []
    usable = (time > 0) & (time >= (shortest or 0.0)) & (time <= (longest or np.inf))
    counts: Row = {
        "n_used": int(usable.sum()),
        "n_excluded": int((time.notna() & ~usable).sum()),
        "n_without_time": int(time.isna().sum()),
        "shortest_s": shortest,
        "longest_s": longest,
    }
    logs = first.assign(log_time=np.log(time.where(usable)))
    try:
        grid = make_grid(logs, "log_time")
    except NotComparableError as error:
        return [_empty("geometric_mean_ratio", f"not estimable: {error.reason}") | counts]
    rows = (_ratio(grid, plan), _theta(grid, seed, draws, plan), _with_position(logs, plan.level))
    return [row | counts for row in rows]


def _empty(method: str, note: str) -> Row:
    blank = dict.fromkeys(("estimate", "variance", "se", "df", "p", "ci_low", "ci_high"))
    return {"endpoint": "time", "method": method, **blank, "note": note}


def _ratio(grid: Grid, plan: Plan) -> Row:
    u = u_statistic(grid.pie, grid.control, kernel="difference", equal=plan.one_answer)
    notes = grid.warnings()
    row = _empty("geometric_mean_ratio", "") | {"estimate": math.exp(u.estimate)}
    if len(grid.readers) == 1:
        return row | {"note": "; ".join([*notes, ONE_READER])}
    if plan.one_answer and grid.thin:
        return row | {"note": "; ".join([*notes, TOO_THIN])}
    if u.vanishes:
        return row | {"note": "; ".join([*notes, NO_VARIANCE])}
    variance, df = (u.variance, u.df) if u.usable else (u.variance_v, u.df_v)
    low, high = plain_interval(u.estimate, variance, df, plan.level)
    return row | {
        "variance": variance,
        "se": math.sqrt(variance),
        "df": df,
        "p": two_sided_p(u.estimate, 0.0, variance, df),
        "ci_low": math.exp(low),
        "ci_high": math.exp(high),
        "note": "; ".join(notes if u.usable else [*notes, FELL_BACK]),
    }


def _with_position(logs: pd.DataFrame, level: float) -> Row:
    """Return the ratio from log time ~ arm + position + (1 | reader) + (1 | case), fitted by REML."""
    own = logs[logs["log_time"].notna() & logs["position"].notna()]
    blank = _empty("mixed_model_position", "")
    arms = own.groupby("arm")["case"].nunique()
    if len(arms) < 2 or own["reader"].nunique() < 2 or own["position"].nunique() < 2:
        return blank | {"note": "not available: needs positions, two readers and both arms"}
    if own["log_time"].nunique() == 1:
        return blank | {"note": "not estimable: all times are the same"}
    position = own["position"].to_numpy(dtype=float)
    scaled = (position - position.mean()) / position.std()
    design = np.column_stack([np.ones(len(own)), own["arm"].to_numpy(dtype=float), scaled])
    shared = bool((own.groupby("case")["reader"].nunique() > 1).any())
    columns = ["reader", "case"] if shared else ["reader"]
    factors = [np.asarray(pd.factorize(own[name])[0], dtype=np.int64) for name in columns]
    fit = fit_linear(own["log_time"].to_numpy(dtype=float), design, factors, coefficient=1)
    low, high = plain_interval(fit.estimate, fit.se**2, fit.df, level)
    notes = ["the arm's effect is taken as the same for all readers: sensitivity only"]
    return blank | {
        "estimate": math.exp(fit.estimate),
        "variance": fit.se**2,
        "se": fit.se,
        "df": fit.df,
        "p": two_sided_p(fit.estimate, 0.0, fit.se**2, fit.df),
        "ci_low": math.exp(low),
        "ci_high": math.exp(high),
        "note": "; ".join([*notes, "singular fit"] if fit.singular else notes),
    }


def _theta(grid: Grid, seed: int, draws: int, plan: Plan) -> Row:
    row = compare_u(grid, TIME, seed=seed, draws=draws, plan=plan)[0]
    kept = replace(row, extra={}).as_row()
    return {name: kept[name] for name in (*_empty("", ""), "direction")} | {"endpoint": "time"}


@dataclass(frozen=True)
class LinearFit:
    """One coefficient of a fitted model, and its variance components (`variances`: factors, then residual)."""

    estimate: float
    se: float
    df: float | None
    variances: Floats
    singular: bool


class _CrossProducts:
    """Sufficient statistics of a linear mixed model."""

    def __init__(self, y: Floats, design: Floats, factors: Sequence[Integers]) -> None:
        sizes = [int(codes.max()) + 1 for codes in factors]
        self.n, self.p, self.sizes = len(y), design.shape[1], sizes
        z = np.zeros((len(y), sum(sizes)))
        for codes, start in zip(factors, np.cumsum([0, *sizes[:-1]]), strict=True):
            z[np.arange(len(y)), codes + start] = 1.0
        both = np.column_stack([design, y])
        self.zz, self.zxy, self.xyxy = z.T @ z, z.T @ both, both.T @ both

    def solve(self, sds: Floats) -> tuple[float, Floats, Floats]:
        """Return the REML deviance, the coefficients and their covariance; sds: factors, then residual."""
        residual = sds[-1] ** 2
        scale = np.repeat(sds[:-1], self.sizes)
        inner = np.eye(len(scale)) * residual + scale[:, None] * self.zz * scale[None, :]
        root = linalg.cholesky(inner, lower=True)
        half = linalg.solve_triangular(root, scale[:, None] * self.zxy, lower=True)
        crossed = (self.xyxy - half.T @ half) / residual
        information, right = crossed[: self.p, : self.p], crossed[: self.p, self.p]
        coefficients = np.linalg.solve(information, right)
        rest = float(crossed[self.p, self.p] - right @ coefficients)
        log_v = 2 * float(np.log(np.diag(root)).sum()) + (self.n - len(scale)) * math.log(residual)
        deviance = log_v + float(np.linalg.slogdet(information)[1]) + rest
        return deviance, coefficients, np.linalg.inv(information)


def fit_linear(y: Floats, design: Floats, factors: Sequence[Integers], *, coefficient: int) -> LinearFit:
    """Fit by REML and test one coefficient.

    Parameters
    ----------
    y: responses, without gaps.
    design: responses x covariates with the intercept's column.
    factors: grouping factors as codes 0..G-1.
    coefficient: column of the design to report.

    Returns
    -------
    LinearFit: `df` is None when the information on the variances cannot be inverted.
    """
    data = _CrossProducts(y, design, factors)
    start = np.full(len(factors) + 1, float(y.std(ddof=1)) / math.sqrt(len(factors) + 1))

    def deviance(logs_and_sds: Floats) -> float:
        # The residual is kept positive by its logarithm; a random intercept may vanish, so its sd is free.
        sds = np.append(logs_and_sds[:-1], math.exp(logs_and_sds[-1]))
        return data.solve(sds)[0]

    first = np.append(start[:-1], math.log(start[-1]))
    found = optimize.minimize(deviance, first, method="BFGS", options={"gtol": 1e-5})
    parameters, _ = polish(deviance, np.asarray(found.x, dtype=float))
    sds = np.append(np.abs(parameters[:-1]), math.exp(parameters[-1]))
    _, coefficients, covariance = data.solve(sds)
    singular = bool((sds[:-1] < SINGULAR_SD * sds[-1]).any())
    return LinearFit(
        estimate=float(coefficients[coefficient]),
        se=math.sqrt(covariance[coefficient, coefficient]),
        df=_satterthwaite(data, sds, coefficient),
        variances=sds**2,
        singular=singular,
    )


def _satterthwaite(data: _CrossProducts, sds: Floats, coefficient: int) -> float | None:
    kept = [k for k, sd in enumerate(sds) if k == len(sds) - 1 or sd >= SINGULAR_SD * sds[-1]]

    def filled(part: Floats) -> Floats:
        full = np.where(np.isin(np.arange(len(sds)), kept), sds, 0.0)
        full[kept] = part
        return full

    hessian = derivatives(lambda part: data.solve(filled(part))[0], sds[kept])[1]
    slope = derivatives(lambda part: float(data.solve(filled(part))[2][coefficient, coefficient]), sds[kept])[
        0
    ]
    if np.linalg.eigvalsh(hessian).min() <= 0:
        return None
    variance = float(data.solve(sds)[2][coefficient, coefficient])
    return float(2 * variance**2 / (slope @ (2 * np.linalg.inv(hessian)) @ slope))
