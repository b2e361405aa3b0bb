"""From the tables of a run to all findings, and a sentence for each of the four questions of the published study."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis import frames
from analysis.conditions import Condition
from analysis.findings.correlation import frequency_rows
from analysis.findings.forgettability import DROP, IMPACT_SPARSITY, class_rows, forgettability, impact_of
from analysis.findings.overall import ALPHA, TESTS, first_significant_drop, overall_impact
from analysis.findings.pairs import pair_rows, relation_rows
from analysis.findings.precision import FindingsError, read_precision
from analysis.findings.representation import representation_rows
from analysis.findings.results import TABLES, Findings
from analysis.printed import p_equals

Row = dict[str, Any]


def analyse(
    metrics: pd.DataFrame, classes: pd.DataFrame, labels: npt.NDArray[np.generic], *, seed: int,
    exemplar: npt.NDArray[np.bool_] | None = None, exemplar_note: str = "", run: Row | None = None,
    synthetic: bool = False, draws: int = 2000, permutations: int = 9999,
    condition: str = "", reference: str = "", removed: Mapping[str, float] | None = None,
    more: Mapping[str, Sequence[Row]] | None = None, validity: str = "", patients: Sequence[str] = (),
) -> Findings:  # fmt: skip
    """Compute every finding of a run.

    Parameters
    ----------
    metrics, classes: frames.METRICS, every seed x condition x class; frames.CLASSES, in column order of the labels.
    labels: 0, 1 or frames.IGNORED, images x classes, of the test split.
    seed: of the bootstrap and the permutations, from 0.
    exemplar: bool, images: the PIEs; None leaves over-representation out, and `exemplar_note` says why.
    run: what to record about the run. draws: bootstrap resamples of the seeds. permutations: of the classes.
    condition, reference: whose AP is compared where the conditions have no shares of removed weights; blank: the last
        and the first one. removed: the share of all weights of the network that a condition removed, where known.
    more: rows of the tables that are not made from metrics (`validity`, `experts`, `stability` and so on).
    validity: sentences on whether the exemplars are more than an artefact, for the answer about images.
    patients: of each image, where one of them has several; see `analysis.findings.representation.compared`.

    Raises
    ------
    FindingsError, FrameError: a table or array does not hold what it should.
    """
    frames.check_table(classes, frames.CLASSES)
    names = [str(name) for name in classes["class"]]
    _check_arrays(labels, names, exemplar, seed)
    counts = zip(names, classes["train_positives"], strict=True)
    positives = {name: None if pd.isna(count) else int(count) for name, count in counts}
    precision = read_precision(metrics, names, reference)
    overall = [row | {"removed": (removed or {}).get(row["condition"])} for row in overall_impact(precision)]
    curves = forgettability(precision, seed=seed, draws=draws)
    per_class = class_rows(curves, positives, names, impact_at="" if precision.ordered else condition)
    ignored = _note_ignored(per_class, labels)
    tables: dict[str, Sequence[Row]] = {
        "overall": overall,
        "significance": [first_significant_drop(overall, test) for test in TESTS],
        "curves": curves.rows(),
        "classes": per_class,
        "frequency": frequency_rows(per_class),
        "pairs": pair_rows(curves, names, labels, positives),
        "relations": relation_rows(curves, names, labels, positives, seed=seed, draws=permutations),
        "representation": [] if exemplar is None else representation_rows(labels, names, exemplar, patients),
        **{name: [] for name in TABLES[8:]}, **(more or {}),
    }  # fmt: skip
    shares = sum(level is not None for level in precision.levels)
    described = (run or {}) | {
        "seeds": len(precision.seeds), "conditions": list(precision.conditions), "sparsities": shares,
        "images": len(labels), "classes": len(names), "classes_without_curve": list(curves.unmeasured),
        "random_seed": seed, "bootstrap_draws": draws, "permutations": permutations, "drop": DROP, "alpha": ALPHA,
        "impact_at": impact_of(curves) if precision.ordered or not condition else condition,
        "impact_sparsity": IMPACT_SPARSITY if precision.ordered else None,
        "multiplicity": f"Holm over the {'sparsities' if shares == len(precision.levels) else 'conditions'}, per test",
        "exemplars": None if exemplar is None else int(exemplar.sum()), "representation_note": exemplar_note,
    }  # fmt: skip
    counted = {"labels_ignored": ignored, "patients_as_clusters": len(set(patients))}
    described |= {name: count for name, count in counted.items() if count}
    return Findings(described, tables, answers(tables, validity), synthetic)


def _note_ignored(per_class: Sequence[Row], labels: npt.NDArray[np.generic]) -> int:
    """Add to the note of each class how many of its labels are ignored; return how many are in all."""
    counts = (np.asarray(labels) == frames.IGNORED).sum(axis=0)
    for row, count in zip(per_class, counts, strict=True):
        said = f"{count} of {len(labels)} labels ignored" if count else ""
        row["note"] = "; ".join(filter(None, (row["note"], said)))
    return int(counts.sum())


def _check_arrays(
    labels: npt.NDArray[np.generic], names: Sequence[str], exemplar: npt.NDArray[np.bool_] | None, seed: int
) -> None:
    if seed < 0:
        raise FindingsError(f"expected a seed from 0, got {seed}")
    if labels.ndim != 2 or labels.shape[1] != len(names):
        raise FindingsError(f"expected labels of images x {len(names)} classes, got {labels.shape}")
    if exemplar is not None and (exemplar.shape != (len(labels),) or exemplar.dtype != np.bool_):
        raise FindingsError(
            f"expected one True or False per image ({len(labels)}), got {exemplar.dtype} {exemplar.shape}"
        )


Tables = Mapping[str, Sequence[Row]]


FEW_SEEDS = 10
"""With fewer, a test over seeds that finds nothing says little."""


def answers(tables: Tables, validity: str = "") -> dict[str, str]:
    """Return a sentence for each of overall, classes, co_occurrence and images.

    Parameters
    ----------
    tables: rows by table name, as in `analysis.findings.Findings`.
    validity: sentences on the exemplars, which follow those on images.
    """
    return {
        "overall": _overall(tables),
        "classes": _classes(tables),
        "co_occurrence": _co_occurrence(tables),
        "images": f"{_images(tables)} {validity}".strip(),
    }


def _overall(tables: Tables) -> str:
    own = [_named_change(row) for row in tables["overall"][1:] if row["sparsity"] is None]
    ordered = any(row["sparsity"] is not None for row in tables["overall"][1:])
    return " ".join(([_first_drop(tables)] if ordered else []) + own)


def _named_change(row: Row) -> str:
    p = "no p" if row["p_paired_holm"] is None else p_equals(row["p_paired_holm"])
    words = f"{Condition.of(row['condition']).words}: mAP {_points(row)}, {100 * row['change']:+.1f} points"
    return f"{words} (paired t-test over {row['seeds']} seeds, Holm, {p})."


def _first_drop(tables: Tables) -> str:
    row = _found(tables["significance"], test="paired")
    if row["largest_before"] is None:
        return f"Whether pruning lowers mAP cannot be told: {row['note']}."
    rows = [one for one in tables["overall"] if one["sparsity"] is not None]
    if row["first_drop"] is None:
        words = f"No sparsity up to {_percent(row['largest_before'])} lowers mAP significantly"
    else:
        words = (
            f"The first significant drop of mAP is at {_percent(row['first_drop'])} of weights removed, "
            f"and {_percent(row['largest_before'])} is the largest sparsity before it"
        )
    seeds = rows[0]["seeds"]
    words += f" (paired t-test over {seeds} seeds, Holm)"
    if row["first_drop"] is None:
        first, last = rows[0], rows[-1]
        words += (
            f", though its mean goes from {_points(first)} to {_points(last)} at {_percent(last['sparsity'])}"
        )
        words += f": {seeds} seeds miss all but the plainest drops" if seeds < FEW_SEEDS else ""
    return f"{words}."


def _classes(tables: Tables) -> str:
    known = [row for row in tables["classes"] if row["never_drops"] is not None]
    dropped = sum(not row["never_drops"] for row in known)
    found = _found(tables["frequency"], quantity="impact", method="spearman")
    ordered = any(row["sparsity"] is not None for row in tables["overall"][1:])
    words = f"{dropped} of {len(known)} classes lose more than a fifth of their AP"
    words += " at some sparsity" if ordered else ", and there are no curves: the conditions have no shares"
    if found["estimate"] is None:
        return f"{words}; how that goes with frequency is {found['note']}."
    return f"{words}; impact and log training frequency correlate with rho {_estimate(found)}."


def _co_occurrence(tables: Tables) -> str:
    found = _found(tables["relations"], variant="true", method="spearman", **{"with": "iou"})
    if found["estimate"] is None:
        return f"Whether classes that occur together are forgotten alike is {found['note']}."
    return (
        f"Difference of the forgettability curves and co-occurrence correlate with rho {_estimate(found)}, "
        "interval by jackknife and p by permutation of classes, which need not agree; "
        "below 0, classes that occur together are forgotten alike."
    )


def _found(rows: Sequence[Row], **wanted: str) -> Row:
    return next(row for row in rows if wanted.items() <= row.items())


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
