"""The four questions of the published study, each answered for one run in a sentence made from its tables."""

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.printed import p_equals

Row = dict[str, Any]
Tables = Mapping[str, Sequence[Row]]

FEW_SEEDS = 10
"""With fewer, a test over seeds that finds nothing says little."""


def answers(tables: Tables) -> dict[str, str]:
    """Return a sentence for each of overall, classes, co_occurrence and images.

    Parameters
    ----------
    tables: rows by table name, as in `analysis.findings.Findings`.
    """
    return {
        "overall": _overall(tables),
        "classes": _classes(tables),
        "co_occurrence": _co_occurrence(tables),
        "images": _images(tables),
    }


def _overall(tables: Tables) -> str:
    row = next(row for row in tables["significance"] if row["test"] == "paired")
    if row["largest_before"] is None:
        return f"Whether pruning lowers mAP cannot be told: {row['note']}."
    if row["first_drop"] is None:
        words = f"No sparsity up to {_percent(row['largest_before'])} lowers mAP significantly"
    else:
        words = (
            f"The first significant drop of mAP is at {_percent(row['first_drop'])} of weights removed, "
            f"and {_percent(row['largest_before'])} is the largest sparsity before it"
        )
    seeds = tables["overall"][0]["seeds"]
    words += f" (paired t-test over {seeds} seeds, Holm)"
    if row["first_drop"] is None:
        first, last = tables["overall"][0], tables["overall"][-1]
        words += (
            f", though its mean goes from {_points(first)} to {_points(last)} at {_percent(last['sparsity'])}"
        )
        words += f": {seeds} seeds miss all but the plainest drops" if seeds < FEW_SEEDS else ""
    return f"{words}."


def _classes(tables: Tables) -> str:
    known = [row for row in tables["classes"] if row["never_drops"] is not None]
    dropped = sum(not row["never_drops"] for row in known)
    found = next(
        row for row in tables["frequency"] if row["quantity"] == "impact" and row["method"] == "spearman"
    )
    words = f"{dropped} of {len(known)} classes lose more than a fifth of their AP at some sparsity"
    if found["estimate"] is None:
        return f"{words}; how that goes with frequency is {found['note']}."
    return f"{words}; impact and log training frequency correlate with rho {_estimate(found)}."


def _co_occurrence(tables: Tables) -> str:
    found = next(
        row
        for row in tables["relations"]
        if (row["variant"], row["with"], row["method"]) == ("true", "iou", "spearman")
    )
    if found["estimate"] is None:
        return f"Whether classes that occur together are forgotten alike is {found['note']}."
    return (
        f"Difference of the forgettability curves and co-occurrence correlate with rho {_estimate(found)}, "
        "interval by jackknife and p by permutation of classes, which need not agree; "
        "below 0, classes that occur together are forgotten alike."
    )


def _images(tables: Tables) -> str:
    rows = [row for row in tables["representation"] if row["ratio"] is not None and row["ci_low"] is not None]
    if not rows:
        return "Which images are most vulnerable cannot be told: no over-representation was computed."
    over = [row for row in rows if row["ci_low"] > 1 and row["kind"] == "class"]
    classes = sum(row["kind"] == "class" for row in tables["representation"])
    many = next((row for row in rows if row["group"] == "4+"), None)
    words = f"Classes over-represented among exemplars (95 % interval above 1): {len(over)} of {classes}"
    if over:
        top = max(over, key=lambda row: float(row["ratio"]))
        words += f", most {top['group']} ({top['ratio']:.1f} times)"
    if many and many["ratio"] == 0:
        words += "; no exemplar has 4 or more diseases"
    elif many:
        ratio = f"{many['ratio']:.1f}"
        words += f"; images with 4 or more diseases are {ratio} times as common among exemplars as elsewhere"
    return f"{words}."


def _estimate(row: Row) -> str:
    p = p_equals(row["p"])
    if row["ci_low"] is None:
        return f"{row['estimate']:.2f} ({p})"
    return f"{row['estimate']:.2f} [{row['ci_low']:.2f}, {row['ci_high']:.2f}] ({p})"


def _points(row: Row) -> str:
    return f"{100 * row['map_mean']:.1f} %"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
