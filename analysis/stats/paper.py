"""The tests of the published study: every rating pooled, which ignores that readers and cases repeat."""

from collections import defaultdict
from collections.abc import Sequence

import pandas as pd
from scipy import stats

from analysis.endpoints import PAPER, Endpoint
from analysis.printed import listed, number, p_equals
from analysis.stats.grid import Floats
from analysis.stats.results import Results
from analysis.stats.rows import Row
from analysis.stats.ustatistic import ROUNDING

LABEL = "ignores reader and case correlation"
BOTH = "the comparison with readers and images random"
PART, ALIKE = "the two part on {}", "the two say the same of {}"
SILENT = "{} cannot be judged, for not both have a p-value"
DECIDES = f"; {BOTH} decides, as it alone speaks of other readers and other images."


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


TESTED = ("kruskal_h", "kruskal_p", "welch_t", "welch_df", "welch_p", "mannwhitney_u", "mannwhitney_p")


def _tests(arms: Sequence[Floats]) -> Row:
    pie, control = arms
    row: Row = dict.fromkeys(TESTED)
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


def explained(results: Results) -> tuple[str, str, str]:
    """Say in three sentences why Kruskal-Wallis and the comparison with readers and cases random differ here.

    How many times the variance is what pooling takes it for follows from H: of two groups that is the squared distance
    of the pooled theta from 0.5 over the variance that pooling gives it.
    """
    study = results.study
    method = "theta_set" if study["primary_method"] == "theta_set" else "u_centred"
    own = {row["endpoint"]: row for row in results.comparisons if row["method"] == method}
    titles = {row["endpoint"]: row["title"] for row in results.multiplicity}
    n, *fewer = sorted({row["pie_n"] + row["control_n"] for row in results.paper_compatible}, reverse=True)
    readers = len({row["reader"] for row in results.missing if row["reader"] and row["answered"]})
    cases = study["pie_cases"] + study["control_cases"]
    margins = any(row.get("margin") for row in results.comparisons)
    times, said = [], defaultdict(list)
    for pooled in results.paper_compatible:
        row, title = own.get(pooled["endpoint"], {}), titles[pooled["endpoint"]]
        theta = (
            pooled["mannwhitney_u"] / (pooled["pie_n"] * pooled["control_n"]) if pooled["kruskal_h"] else 0.5
        )
        if row.get("variance") and abs(theta - 0.5) > ROUNDING:
            times.append((row["variance"] * pooled["kruskal_h"] / (theta - 0.5) ** 2, title))
        p_values = {"Kruskal-Wallis": pooled["kruskal_p"], BOTH: row.get("p")}
        finds = [name for name, p in p_values.items() if p is not None and p < study["alpha"]]
        kind = SILENT if None in p_values.values() else PART if len(finds) == 1 else ALIKE
        both = listed([p_equals(p) if p is not None else "no p" for p in p_values.values()])
        only = f": only {finds[0]} finds a difference" if kind is PART else ""
        said[kind].append(f"{title} ({both}{only})")
    inflated = listed([f"{number(ratio, 1)} ({title})" for ratio, title in times])
    sides = {"small" if ratio > 1 else "large" for ratio, _ in times}
    hence = f", so the pooled p-values are too {sides.pop()}" if len(sides) == 1 else ""
    whose = f"{readers} readers'" if readers > 1 else "one reader's"
    return (
        f"Kruskal-Wallis takes the {n} ratings{' (fewer of some questions)' if fewer else ''} as if each had a reader "
        f"and an image of its own; they are {whose} ratings of {cases} images, {n / cases:.1f} per image and "
        f"{n / readers:.1f} per reader on average.",
        f"Ratings by one reader resemble each other{', and so do those of one image' if n > cases else ''}"
        + (
            f": the variance is {inflated} times what pooling takes it for{hence}."
            if times
            else ", unseen by pooling."
        ),
        f"At the level of {study['alpha']:g} "
        + "; ".join(kind.format(listed(titled)) for kind, titled in said.items())
        + (DECIDES if said.keys() - {SILENT} and not margins else "."),
    )
