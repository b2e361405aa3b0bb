"""How often each answer was given, by arm; what was not answered, and whether the arms differ in that."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import fisher_exact

from analysis.endpoints import PAPER, Endpoint, Groups
from analysis.frames import PLANNED, RATINGS, STATUSES
from analysis.printed import interval_name
from analysis.stats.grid import make_grid
from analysis.stats.permutation import permute_arms
from analysis.stats.plan import DECLARED, Plan
from analysis.stats.rows import LEVEL, NotComparableError, Row, StatsError, two_sided_p
from analysis.stats.ustatistic import u_statistic

UNREAD = ("shown", "never_shown", "withdrawn")
"""States of a planned reading without an answer, apart from what was handed on to a replacement."""
ASSUMPTION = "comparisons use the answered cells and assume the rest missing completely at random"


def with_planned(
    first: pd.DataFrame, planned: pd.DataFrame | None, endpoints: Sequence[Endpoint]
) -> pd.DataFrame:
    """Add a column `state` (`frames.STATES`, "" if not told), and a row for each planned reading that has none.

    Parameters
    ----------
    first: `Checked.first`.
    planned: `frames.PLANNED`, or None where no plan is known.

    Raises
    ------
    StatsError: a case planned in the other arm, a reading that was read and has no row.
    """
    if planned is None:
        return first.assign(state="")
    keys = ["reader", "case"]
    plan = planned[[*keys, "arm", "state"]].assign(arm=planned["arm"].astype(float))
    arms = pd.concat([first, plan]).groupby("case")["arm"].first()
    unread = ~pd.MultiIndex.from_frame(plan[keys]).isin(pd.MultiIndex.from_frame(first[keys]))
    wrong = (plan["case"].map(arms) != plan["arm"]) | (unread & (plan["state"] == "read"))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise StatsError(
            f"{PLANNED.name}, row {row + 1}: expected the arm that the case has elsewhere, and of what was read a row "
            f"of {RATINGS.name}; got arm {plan['arm'].iloc[row]:g}, '{plan['state'].iloc[row]}'"
        )
    whole = first.merge(plan[[*keys, "state"]], how="left", on=keys)
    # The patient, pair and batch of a case are taken from its read rows, which come first.
    blank = plan[unread].assign(
        pair="", batch="", patient="", **{each.status: "missing" for each in endpoints}
    )
    return pd.concat([whole.assign(state=whole["state"].fillna("")), blank], ignore_index=True)


def missing_table(first: pd.DataFrame, *, seed: int, draws: int, plan: Plan = DECLARED) -> list[Row]:
    """Count answers by reader, arm and question, then compare the share without an answer between the arms.

    Parameters
    ----------
    first: first readings, planned ones too (`with_planned`).
    seed, draws: of the permutation test that replaces it where the variance is zero.
    plan: for the questions, and the level below which the p-value of a difference is a warning.

    Returns
    -------
    list: rows with reader, arm (1 = PIE, 0 = control), n (planned), one count per status, of those that are missing
    one per state, share_missing (0..1); then per question one row for all readers with `risk_difference` (PIE minus
    control), its p-value and a note that warns when the arms differ. What a replaced reader left is counted apart: it
    is planned again for the one who came.
    """
    rows: list[Row] = []
    for endpoint in plan.endpoints:
        handed_on = (first["state"] == "replaced") & (first[endpoint.status] == "missing")
        for reader, all_own in first.groupby("reader"):
            for arm in (1, 0):
                own = all_own["arm"] == arm
                counts = _counts(all_own[own], endpoint, handed_on[all_own.index][own])
                rows.append(counts | {"reader": str(reader), "arm": arm})
        left = first[~handed_on]
        rows.append(_counts(first, endpoint, handed_on) | _difference(left, endpoint, seed, draws, plan))
    return rows


def _counts(own: pd.DataFrame, endpoint: Endpoint, handed_on: pd.Series) -> Row:
    left = own[~handed_on]
    status = left[endpoint.status]
    counts = {name: int((status == name).sum()) for name in STATUSES}
    unread = left.loc[status == "missing", "state"]
    return {
        "endpoint": endpoint.name,
        "reader": None,
        "arm": None,
        "n": len(left),
        **counts,
        **{state: int((unread == state).sum()) for state in UNREAD},
        "replaced": int(handed_on.sum()),
        "share_missing": 1 - counts["answered"] / len(left) if len(left) else None,
        "risk_difference": None,
        "p": None,
        "note": "",
    }


def uneven_holes(first: pd.DataFrame, groups: Groups) -> list[str]:
    """Warn of readers without rows for far more cases of one arm, in a file in which nearly every reader has all cases.

    Nothing in such a file says what was planned, so that a hole looks like a case that was never given. Fisher's exact
    test by reader, at 5 % over all readers.
    """
    arms = first.groupby("case")["arm"].first()
    total = np.array([(arms == arm).sum() for arm in (1, 0)])
    read = pd.crosstab(first["reader"], first["arm"]).reindex(columns=[1, 0], fill_value=0)
    if not NEARLY <= len(first) / (len(read) * len(arms)) < 1:
        return []
    found = []
    for reader, own in read.iterrows():
        gone = total - own.to_numpy()
        if fisher_exact([gone, own.to_numpy()]).pvalue < HOLE_LEVEL / len(read):
            counts = zip(gone, total, (groups.ones, groups.others), strict=True)
            named = " and ".join(f"{n} of {all_} {name}" for n, all_, name in counts)
            found.append(
                f"WARNING: {reader} has no row for {named}, and nothing says whether these were planned"
            )
    return found


NEARLY, HOLE_LEVEL = 0.75, 0.05
"""Share of readers x cases that has a row, from which a file counts as nearly crossed; level of the warning."""


def _difference(first: pd.DataFrame, endpoint: Endpoint, seed: int, draws: int, plan: Plan) -> Row:
    blank = (first[endpoint.status] != "answered").astype(float)
    if not blank.any():
        told = (first["state"] != "").all()
        return {"note": "no answer is missing" if told else "no answer is missing in the rows that there are"}
    try:
        grid = make_grid(first.assign(blank=blank), "blank", plan.groups)
    except NotComparableError as error:
        return {"note": f"not estimable: {error.reason}"}
    u = u_statistic(grid.pie, grid.control, equal=plan.one_answer, patients=grid.patients)
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
            **{name: getattr(endpoint, name) for name in ("question", "kind", "low", "high")},
            "low_word": endpoint.levels[0][1] if endpoint.levels else "",
            "high_word": endpoint.levels[-1][1] if endpoint.levels else "",
            "worse": endpoint.worse,
            "axis_low": endpoint.less,
            "axis_high": endpoint.more,
            "interval": interval_name(level),
        }
        for endpoint in endpoints
    ]
