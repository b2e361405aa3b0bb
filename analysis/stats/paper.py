"""The tests of the published study: every rating pooled, which ignores that readers and cases repeat."""

from collections.abc import Sequence

import pandas as pd
from scipy import stats

from analysis.endpoints import PAPER, Endpoint
from analysis.stats.grid import Floats
from analysis.stats.rows import Row

LABEL = "ignores reader and case correlation"


def paper_compatible(first: pd.DataFrame, endpoints: Sequence[Endpoint] = PAPER) -> list[Row]:
    """Compare pooled ratings as the published study did: means, SD, Kruskal-Wallis, Welch, Mann-Whitney.

    Parameters
    ----------
    first: `Checked.first`; missing answers are dropped question by question and the n is printed.
    endpoints: the questions.

    Returns
    -------
    list: one row per question. Mann-Whitney is with SciPy's defaults (continuity correction).

    Notes
    -----
    Not to be used for conclusions: with 6 readers of the same 40 cases a true null is rejected at 5 % in
    about a quarter of studies.
    """
    rows = []
    for endpoint in endpoints:
        answered = first[first[endpoint.name].notna()]
        arms = [answered.loc[answered["arm"] == arm, endpoint.name].to_numpy(dtype=float) for arm in (1, 0)]
        rows.append({"endpoint": endpoint.name, **_describe(arms), **_tests(arms)})
    return rows


def _describe(arms: Sequence[Floats]) -> Row:
    row: Row = {}
    for name, values in zip(("pie", "control"), arms, strict=True):
        row[f"{name}_n"] = len(values)
        row[f"{name}_mean"] = float(values.mean()) if len(values) else None
        row[f"{name}_sd"] = float(values.std(ddof=1)) if len(values) > 1 else None
    return row


def _tests(arms: Sequence[Floats]) -> Row:
    pie, control = arms
    row: Row = dict.fromkeys(
        (
            "kruskal_h",
            "kruskal_p",
            "welch_t",
            "welch_df",
            "welch_p",
            "mannwhitney_u",
            "mannwhitney_p",
        )
    )
    if not len(pie) or not len(control):
        return {**row, "note": f"{LABEL}; an arm has no answer"}
    if len({*pie.tolist(), *control.tolist()}) == 1:
        return {**row, "note": f"{LABEL}; all answers are the same"}
    kruskal = stats.kruskal(pie, control)
    ranks = stats.mannwhitneyu(pie, control)
    row.update(kruskal_h=float(kruskal.statistic), kruskal_p=float(kruskal.pvalue))
    row.update(mannwhitney_u=float(ranks.statistic), mannwhitney_p=float(ranks.pvalue))
    if min(len(pie), len(control)) < 2 or pie.var() + control.var() == 0:
        return {**row, "note": f"{LABEL}; Welch's test needs variation within an arm"}
    return {**row, **_welch(pie, control), "note": LABEL}


def _welch(pie: Floats, control: Floats) -> Row:
    """Return Welch's t-test; from the moments, because SciPy warns when one arm is constant."""
    shares = [values.var(ddof=1) / len(values) for values in (pie, control)]
    test = stats.ttest_ind_from_stats(
        pie.mean(), pie.std(ddof=1), len(pie), control.mean(), control.std(ddof=1), len(control), False
    )
    df = sum(shares) ** 2 / sum(
        share**2 / (len(values) - 1) for share, values in zip(shares, (pie, control), strict=True)
    )
    return {"welch_t": float(test.statistic), "welch_df": float(df), "welch_p": float(test.pvalue)}
