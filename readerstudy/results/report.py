"""What the results page says: the primary comparison in words and numbers, the published one beside it."""

from dataclasses import dataclass
from typing import Any

from analysis.stats import Results
from readerstudy.results.figures import TITLES

ALPHA = 0.05


@dataclass(frozen=True)
class Line:
    """One question on the results page; numbers are texts already, an absent one is a dash."""

    title: str
    sentence: str
    theta: str
    interval: str
    p: str
    p_adjusted: str
    effect: str
    note: str


def report_context(results: Results) -> dict[str, Any]:
    """Return what the template shows; every number keeps its full precision in the export only."""
    titles = {row["endpoint"]: row["title"] for row in results.multiplicity}
    # Only the questions themselves: rows such as agree_cannot_assess are sensitivity analyses.
    primary = [
        row for row in results.comparisons if row["method"] == "u_centred" and row["endpoint"] in titles
    ]
    return {
        "lines": [_line(results, row) for row in primary],
        "paper_rows": [
            {**_paper(row), "endpoint": titles[row["endpoint"]]} for row in results.paper_compatible
        ],
        "missing": [{**row, "endpoint": titles[row["endpoint"]]} for row in _missing(results)],
        "design": results.study,
        "figures": TITLES.items(),
    }


def number(value: float | None, digits: int = 3) -> str:
    """Write a number, or a dash where none is estimable."""
    return "–" if value is None else f"{value:.{digits}f}".replace("-", "−")


def p_value(value: float | None) -> str:
    """Write a p-value as journals do."""
    if value is None:
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _line(results: Results, row: dict[str, Any]) -> Line:
    endpoint = row["endpoint"]
    holm = next(each for each in results.multiplicity if each["endpoint"] == endpoint)
    natural = [
        each
        for each in results.comparisons
        if each["endpoint"] == endpoint and each["method"] == "difference"
    ]
    return Line(
        title=holm["title"],
        sentence=(row["direction"] or row["note"]) + _after_holm(row["p"], holm["p_adjusted"]),
        theta=number(row["estimate"]),
        interval=f"{number(row['ci_low'])} to {number(row['ci_high'])}" if row["ci_low"] is not None else "–",
        p=p_value(row["p"]),
        p_adjusted=p_value(holm["p_adjusted"]),
        effect=_effect(endpoint, natural[0]) if natural else "–",
        note=row["note"],
    )


def _after_holm(p: float | None, adjusted: float | None) -> str:
    """Say so when a difference does not outlast the correction for several questions."""
    if p is None or adjusted is None or not p < ALPHA <= adjusted:
        return ""
    return (
        f"; with Holm's correction for the questions asked, chance could explain it (p = {p_value(adjusted)})"
    )


def _effect(endpoint: str, row: dict[str, Any]) -> str:
    if row["estimate"] is None:
        return "–"
    if endpoint == "agree":
        return f"{number(100 * row['estimate'], 1)} percentage points"
    return f"{number(row['estimate'], 2)} points"


def _paper(row: dict[str, Any]) -> dict[str, str]:
    return {
        "endpoint": row["endpoint"],
        "pie": f"{number(row['pie_mean'], 2)} ± {number(row['pie_sd'], 2)} ({row['pie_n']})",
        "control": f"{number(row['control_mean'], 2)} ± {number(row['control_sd'], 2)} ({row['control_n']})",
        "p": p_value(row["kruskal_p"]),
    }


def _missing(results: Results) -> list[dict[str, Any]]:
    """Sum what was not answered over readers, by question and arm."""
    totals: dict[tuple[str, int], dict[str, Any]] = {}
    for row in results.missing:
        if row["reader"] is None or row["arm"] is None:
            continue
        total = totals.setdefault(
            (row["endpoint"], row["arm"]),
            {"endpoint": row["endpoint"], "arm": "exemplars" if row["arm"] == 1 else "controls",
             "n": 0, "answered": 0, "cannot_assess": 0, "technical": 0, "missing": 0},
        )  # fmt: skip
        for name in ("n", "answered", "cannot_assess", "technical", "missing"):
            total[name] += row[name]
    return list(totals.values())
