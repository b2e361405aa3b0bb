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
from scipy import optimize

from analysis.endpoints import Endpoint
from analysis.stats.grid import Floats, Grid, Integers, make_grid
from analysis.stats.mixed import SINGULAR_SD, derivatives, polish
from analysis.stats.plan import DECLARED, Plan
from analysis.stats.primary import NO_VARIANCE, compare_u, tested
from analysis.stats.rows import Comparison, NotComparableError, Row, with_test
from analysis.stats.ustatistic import u_statistic

TIME = Endpoint(
    "time", "", "Reading time", "number", worse="high", less="shorter reading times", more="longer reading times",
)  # fmt: skip
"""Reading time as a question."""

BY_POSITION = "mixed_model_position"
ALL_ALIKE = "the arm's effect is taken as the same for all readers: sensitivity only"
PLACES = 10
"""Places in a reader's order over which the ratio of times is told."""

LEAST_RESIDUAL = 1e-4
"""Residual sd beside the spread of all responses, below which a fit means nothing."""


def reading_time_table(first: pd.DataFrame, *, seed: int, draws: int, plan: Plan = DECLARED) -> list[Row]:
    """Compare reading times of PIEs and controls.

    Parameters
    ----------
    first: `Checked.first`; time_s in seconds, NaN = not recorded.
    seed, draws: of the permutation test.
    plan: for the level of tests and intervals, and the rule on times: readings outside of it, and times that are not
        positive, are left out and counted.

    Returns
    -------
    list: method "geometric_mean_ratio" (estimate = PIE / control, 1 = no difference; variance and se on the
    log scale), "u_centred" on raw times (theta) and, as a sensitivity analysis, "mixed_model_position" (ratio with
    the position in the reader's order as a covariate) with "position_ratio" (of a case `PLACES` places later to one
    now, in the same model); each with n_used, n_excluded, n_without_time.
    """
    time = first["time_s"]
    if time.notna().sum() == 0:
        return []
    usable = (time > 0) & (time >= (plan.shortest or 0.0)) & (time <= (plan.longest or np.inf))
    counts: Row = {
        "n_used": int(usable.sum()),
        "n_excluded": int((time.notna() & ~usable).sum()),
        "n_without_time": int(time.isna().sum()),
        "shortest_s": plan.shortest,
        "longest_s": plan.longest,
    }
    logs = first.assign(log_time=np.log(time.where(usable)))
    try:
        grid = make_grid(logs, "log_time", plan.groups)
    except NotComparableError as error:
        return [_empty("geometric_mean_ratio", f"not estimable: {error.reason}") | counts]
    rows = (_ratio(grid, plan), _theta(grid, seed, draws, plan), *_with_position(logs, plan.level))
    return [row | counts for row in rows]


def _empty(method: str, note: str) -> Row:
    blank = dict.fromkeys(("estimate", "variance", "se", "df", "p", "ci_low", "ci_high"))
    return {"endpoint": "time", "method": method, **blank, "note": note}


def _ratio(grid: Grid, plan: Plan) -> Row:
    u = u_statistic(
        grid.pie, grid.control, kernel="difference", equal=plan.one_answer, patients=grid.patients
    )
    row = Comparison(
        "time", "geometric_mean_ratio", u.estimate, scale="difference", readers=len(grid.readers)
    )
    row = row.noted(*grid.warnings())
    row = row.noted(NO_VARIANCE) if u.vanishes else tested(row, u, grid, None, plan)
    return _exponents(row.as_row())


def _exponents(row: Row) -> Row:
    """Turn a difference of logarithms into a ratio; variance and standard error stay those of the logarithm."""
    kept = {name: row[name] for name in _empty("", "")}
    for name in ("estimate", "ci_low", "ci_high"):
        kept[name] = None if row[name] is None else math.exp(row[name])
    return kept


def _with_position(logs: pd.DataFrame, level: float) -> list[Row]:
    """Return the ratio from log time ~ arm + position + (1 | reader) + (1 | case), by REML; and the position's."""
    own = logs[logs["log_time"].notna() & logs["position"].notna()]
    arms = own.groupby("arm")["case"].nunique()
    if len(arms) < 2 or own["reader"].nunique() < 2 or own["position"].nunique() < 2:
        return [_empty(BY_POSITION, "not available: needs positions, two readers and both arms")]
    if own["log_time"].nunique() == 1:
        return [_empty(BY_POSITION, "not estimable: all times are the same")]
    position = own["position"].to_numpy(dtype=float)
    scaled = (position - position.mean()) / position.std()
    design = np.column_stack([np.ones(len(own)), own["arm"].to_numpy(dtype=float), scaled])
    shared = bool((own.groupby("case")["reader"].nunique() > 1).any())
    columns = ["reader", "case"] if shared else ["reader"]
    factors = [np.asarray(pd.factorize(own[name])[0], dtype=np.int64) for name in columns]
    try:
        fit = fit_linear(own["log_time"].to_numpy(dtype=float), design, factors)
    except NotComparableError as error:
        return [_empty(BY_POSITION, f"not estimable: {error.reason}")]
    later = f"{PLACES} places later in the order, in the same model"
    return [
        _of_term(BY_POSITION, ALL_ALIKE, fit, 1, 1.0, level),
        _of_term("position_ratio", later, fit, 2, PLACES / position.std(), level),
    ]


def _of_term(method: str, note: str, fit: "LinearFit", term: int, scale: float, level: float) -> Row:
    """Return the ratio that `scale` units of one term of the model make."""
    df = fit.dfs[term]
    if df is not None and df < 1:  # such an interval leaves the numbers that a computer has
        return _empty(method, "not estimable: less than one degree of freedom is left")
    row = Comparison("time", method, float(scale * fit.coefficients[term]), scale="difference")
    row = with_test(row, float(scale * fit.ses[term]) ** 2, df, "t", level)
    return _exponents(row.noted(note, *(["singular fit"] if fit.singular else [])).as_row())


def _theta(grid: Grid, seed: int, draws: int, plan: Plan) -> Row:
    row = compare_u(grid, TIME, seed=seed, draws=draws, plan=plan)[0]
    kept = replace(row, extra={}).as_row()
    return {name: kept[name] for name in (*_empty("", ""), "direction")}


@dataclass(frozen=True)
class LinearFit:
    """A fitted model: the design's coefficients, and the variance components (`variances`: factors, then residual).

    `dfs` are None where the information on the variances cannot be inverted.
    """

    coefficients: Floats
    ses: Floats
    dfs: tuple[float | None, ...]
    variances: Floats
    singular: bool


class _CrossProducts:
    """Sufficient statistics of a linear mixed model; of two factors the larger is eliminated."""

    def __init__(self, y: Floats, design: Floats, factors: Sequence[Integers]) -> None:
        sizes = [int(codes.max()) + 1 for codes in factors]
        self.order = sorted(range(len(sizes)), key=lambda k: -sizes[k])
        self.n, self.p, self.sizes = len(y), design.shape[1], [sizes[k] for k in self.order]
        z = np.zeros((len(y), sum(sizes)))
        for k, start in zip(self.order, np.cumsum([0, *self.sizes[:-1]]), strict=True):
            z[np.arange(len(y)), factors[k] + start] = 1.0
        both = np.column_stack([design, y])
        self.zz, self.zxy, self.xyxy = z.T @ z, z.T @ both, both.T @ both

    def solve(self, sds: Floats) -> tuple[float, Floats, Floats]:
        """Return the REML deviance, the coefficients and their covariance; sds: factors, then residual."""
        residual, first = sds[-1] ** 2, self.sizes[0]
        scale = np.repeat(sds[:-1][self.order], self.sizes)[:, None]
        right = scale * self.zxy
        head = residual + scale[:first] ** 2 * np.diag(self.zz)[:first, None]
        cross = scale[:first] * self.zz[:first, first:] * scale[first:].T
        rest = scale[first:] * self.zz[first:, first:] * scale[first:].T + residual * np.eye(
            len(scale) - first
        )
        root = np.linalg.cholesky(rest - cross.T @ (cross / head))
        half = np.linalg.solve(root, right[first:] - cross.T @ (right[:first] / head))
        crossed = (self.xyxy - right[:first].T @ (right[:first] / head) - half.T @ half) / residual
        information, target = crossed[: self.p, : self.p], crossed[: self.p, self.p]
        coefficients = np.linalg.solve(information, target)
        left = float(crossed[self.p, self.p] - target @ coefficients)
        log_v = float(np.log(head).sum() + 2 * np.log(np.diag(root)).sum())
        log_v += (self.n - len(scale)) * math.log(residual)
        deviance = log_v + float(np.linalg.slogdet(information)[1]) + left
        return deviance, coefficients, np.linalg.inv(information)


def fit_linear(y: Floats, design: Floats, factors: Sequence[Integers]) -> LinearFit:
    """Fit by REML.

    Parameters
    ----------
    y: responses, without gaps.
    design: responses x covariates with the intercept's column.
    factors: grouping factors as codes 0..G-1.

    Raises
    ------
    NotComparableError: the residual vanishes beside the spread of the responses.
    """
    data = _CrossProducts(y, design, factors)
    start = np.full(len(factors) + 1, float(y.std(ddof=1)) / math.sqrt(len(factors) + 1))

    def deviance(logs_and_sds: Floats) -> float:
        # The residual is kept positive by its logarithm; a random intercept may vanish, so its sd is free.
        sds = np.append(logs_and_sds[:-1], math.exp(logs_and_sds[-1]))
        return data.solve(sds)[0]

    first = np.append(start[:-1], math.log(start[-1]))
    # Bounded: where readers and cases explain almost every response, a free search leaves what can be computed.
    lowest, most = first[-1] + math.log(LEAST_RESIDUAL), 10 * start[0]
    bounds = [(-most, most)] * len(factors) + [(lowest, math.log(most))]
    found = optimize.minimize(deviance, first, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-12})
    if found.x[-1] - lowest < 1e-3:
        raise NotComparableError("readers and cases explain every response: nothing is left to compare with")
    parameters, _ = polish(deviance, np.asarray(found.x, dtype=float))
    sds = np.append(np.abs(parameters[:-1]), math.exp(parameters[-1]))
    _, coefficients, covariance = data.solve(sds)
    singular = bool((sds[:-1] < SINGULAR_SD * sds[-1]).any())
    ses = np.sqrt(np.diag(covariance))
    return LinearFit(coefficients, ses, _satterthwaite(data, sds), sds**2, singular)


def _satterthwaite(data: _CrossProducts, sds: Floats) -> tuple[float | None, ...]:
    """Return the degrees of freedom of every coefficient."""
    kept = [k for k, sd in enumerate(sds) if k == len(sds) - 1 or sd >= SINGULAR_SD * sds[-1]]

    def filled(part: Floats) -> Floats:
        full = np.where(np.isin(np.arange(len(sds)), kept), sds, 0.0)
        full[kept] = part
        return full

    hessian = derivatives(lambda part: data.solve(filled(part))[0], sds[kept])[1]
    if np.linalg.eigvalsh(hessian).min() <= 0:
        return tuple(None for _ in range(data.p))
    spread, variances = 2 * np.linalg.inv(hessian), np.diag(data.solve(sds)[2])

    def df(k: int) -> float:
        slope = derivatives(lambda part: float(data.solve(filled(part))[2][k, k]), sds[kept])[0]
        return float(2 * variances[k] ** 2 / (slope @ spread @ slope))

    return tuple(df(k) for k in range(data.p))
