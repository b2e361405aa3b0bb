"""Reading times: ratio of geometric means between the arms, on first readings."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd

from analysis.endpoints import Endpoint
from analysis.stats.errors import NotComparableError
from analysis.stats.grid import Grid, make_grid
from analysis.stats.inference import plain_interval, two_sided_p
from analysis.stats.linear_mixed import fit_linear
from analysis.stats.plan import DECLARED, LONGEST, Plan
from analysis.stats.primary import FELL_BACK, NO_VARIANCE, ONE_READER, compare_u
from analysis.stats.rows import Row
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
    rows = (_ratio(grid, plan.level), _theta(grid, seed, draws, plan), _with_position(logs, plan.level))
    return [row | counts for row in rows]


def _empty(method: str, note: str) -> Row:
    blank = dict.fromkeys(("estimate", "variance", "se", "df", "p", "ci_low", "ci_high"))
    return {"endpoint": "time", "method": method, **blank, "note": note}


def _ratio(grid: Grid, level: float) -> Row:
    u = u_statistic(grid.pie, grid.control, kernel="difference")
    notes = grid.warnings()
    row = _empty("geometric_mean_ratio", "") | {"estimate": math.exp(u.estimate)}
    if len(grid.readers) == 1:
        return row | {"note": "; ".join([*notes, ONE_READER])}
    if u.vanishes:
        return row | {"note": "; ".join([*notes, NO_VARIANCE])}
    variance, df = (u.variance, u.df) if u.usable else (u.variance_v, u.df_v)
    low, high = plain_interval(u.estimate, variance, df, level)
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
