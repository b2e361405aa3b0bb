"""How often each answer was given, by arm; what was not answered, and whether the arms differ in that."""

from collections.abc import Sequence

import pandas as pd

from analysis.endpoints import PAPER, Endpoint
from analysis.frames import STATUSES
from analysis.printed import interval_name
from analysis.stats.grid import make_grid
from analysis.stats.permutation import permute_arms
from analysis.stats.plan import DECLARED, Plan
from analysis.stats.rows import LEVEL, NotComparableError, Row, two_sided_p
from analysis.stats.ustatistic import u_statistic

ASSUMPTION = "comparisons use the answered cells and assume the rest missing completely at random"


def missing_table(
    first: pd.DataFrame,
    *,
    seed: int,
    draws: int,
    plan: Plan = DECLARED,
) -> list[Row]:
    """Count answers by reader, arm and question, then compare the share without an answer between the arms.

    Parameters
    ----------
    first: `Checked.first`.
    seed, draws: of the permutation test that replaces it where the variance is zero.
    plan: for the questions, and the level below which the p-value of a difference is a warning.

    Returns
    -------
    list: rows with reader, arm (1 = PIE, 0 = control), n (presented), one count per status, share_missing
    (0..1); then per question one row for all readers with `risk_difference` (PIE minus control), its p-value
    and a note that warns when the arms differ.
    """
    rows: list[Row] = []
    for endpoint in plan.endpoints:
        for reader, all_own in first.groupby("reader"):
            for arm in (1, 0):
                own = all_own[all_own["arm"] == arm]
                rows.append(_counts(own, endpoint) | {"reader": str(reader), "arm": arm})
        rows.append(_counts(first, endpoint) | _difference(first, endpoint, seed, draws, plan))
    return rows


def _counts(own: pd.DataFrame, endpoint: Endpoint) -> Row:
    status = own[endpoint.status]
    counts = {name: int((status == name).sum()) for name in STATUSES}
    return {
        "endpoint": endpoint.name,
        "reader": None,
        "arm": None,
        "n": len(own),
        **counts,
        "share_missing": 1 - counts["answered"] / len(own) if len(own) else None,
        "risk_difference": None,
        "p": None,
        "note": "",
    }


def _difference(first: pd.DataFrame, endpoint: Endpoint, seed: int, draws: int, plan: Plan) -> Row:
    blank = (first[endpoint.status] != "answered").astype(float)
    if not blank.any():
        return {"note": "no answer is missing"}
    try:
        grid = make_grid(first.assign(blank=blank), "blank")
    except NotComparableError as error:
        return {"note": f"not estimable: {error.reason}"}
    u = u_statistic(grid.pie, grid.control, equal=plan.one_answer)
    if len(grid.readers) > 1 and u.usable:
        p = two_sided_p(u.estimate, 0.5, u.variance, u.df)
    else:
        p = permute_arms(grid.answers, grid.is_pie, grid.strata, seed=seed, draws=draws).p
    warning = f"WARNING: missingness differs between the arms; {ASSUMPTION}" if p < plan.alpha else ASSUMPTION
    return {"risk_difference": 2 * u.estimate - 1, "p": p, "note": warning}


def answer_table(first: pd.DataFrame, endpoints: Sequence[Endpoint] = PAPER) -> list[Row]:
    """Count first readings by question, arm and level; every level of a scale has a row, a number has none.

    Returns
    -------
    list: endpoint, title, arm (1 = PIE, 0 = control), level, label, valence (-1 unfavourable .. 1 good),
    count, share of the answered (0..1; None when nothing was answered).
    """
    rows: list[Row] = []
    for endpoint in endpoints:
        for arm in (1, 0):
            values = first.loc[(first["arm"] == arm) & first[endpoint.name].notna(), endpoint.name]
            for level in endpoint.values:
                count = int((values == level).sum())
                rows.append(
                    {
                        "endpoint": endpoint.name,
                        "title": endpoint.short,
                        "arm": arm,
                        "level": level,
                        "label": endpoint.label(level),
                        "valence": endpoint.valence(level),
                        "count": count,
                        "share": count / len(values) if len(values) else None,
                    }
                )
    return rows


def endpoint_table(level: float = LEVEL, endpoints: Sequence[Endpoint] = PAPER) -> list[Row]:
    """Return the questions with their words: ends of the scale, both directions, name of the intervals."""
    return [
        {
            "endpoint": endpoint.name,
            "title": endpoint.short,
            "question": endpoint.question,
            "kind": endpoint.kind,
            "low": endpoint.low,
            "high": endpoint.high,
            "low_word": endpoint.levels[0][1] if endpoint.levels else "",
            "high_word": endpoint.levels[-1][1] if endpoint.levels else "",
            "worse": endpoint.worse,
            "axis_low": endpoint.less,
            "axis_high": endpoint.more,
            "interval": interval_name(level),
        }
        for endpoint in endpoints
    ]
