"""From the tables of a run to all findings."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis import frames
from analysis.findings.correlation import frequency_rows
from analysis.findings.errors import FindingsError
from analysis.findings.forgettability import DROP, IMPACT_SPARSITY, class_rows, forgettability
from analysis.findings.overall import ALPHA, TESTS, first_significant_drop, overall_impact
from analysis.findings.pairs import pair_rows
from analysis.findings.precision import read_precision
from analysis.findings.relations import relation_rows
from analysis.findings.representation import representation_rows
from analysis.findings.results import Findings
from analysis.findings.sentences import answers

Row = dict[str, Any]


def analyse(
    metrics: pd.DataFrame, classes: pd.DataFrame, labels: npt.NDArray[np.generic], *, seed: int,
    exemplar: npt.NDArray[np.bool_] | None = None, exemplar_note: str = "", run: Row | None = None,
    synthetic: bool = False, draws: int = 2000, permutations: int = 9999,
    more: Mapping[str, Sequence[Row]] | None = None,
) -> Findings:  # fmt: skip
    """Compute every finding of a run.

    Parameters
    ----------
    metrics: frames.METRICS, every seed x sparsity x class.
    classes: frames.CLASSES, in column order of the labels.
    labels: 0/1, images x classes, of the test split.
    seed: of the bootstrap and the permutations, from 0.
    exemplar: bool, images: the PIEs; None leaves over-representation out, and `exemplar_note` says why.
    run: what to record about the run.
    draws: bootstrap resamples of the seeds. permutations: of the classes.
    more: rows of `stability`, `overlap`, `compared` and `weights`, which are made from other things than metrics.

    Raises
    ------
    FindingsError, FrameError: a table or array does not hold what it should.
    """
    frames.check_table(classes, frames.CLASSES)
    names = [str(name) for name in classes["class"]]
    _check_arrays(labels, names, exemplar)
    if seed < 0:
        raise FindingsError(f"expected a seed from 0, got {seed}")
    positives = {
        name: None if pd.isna(count) else int(count)
        for name, count in zip(names, classes["train_positives"], strict=True)
    }
    precision = read_precision(metrics, names)
    overall = overall_impact(precision)
    curves = forgettability(precision, seed=seed, draws=draws)
    per_class = class_rows(curves, positives, names)
    tables: dict[str, Sequence[Row]] = {
        "overall": overall,
        "significance": [first_significant_drop(overall, test) for test in TESTS],
        "curves": curves.rows(),
        "classes": per_class,
        "frequency": frequency_rows(per_class),
        "pairs": pair_rows(curves, names, labels, positives),
        "relations": relation_rows(curves, names, labels, positives, seed=seed, draws=permutations),
        "representation": [] if exemplar is None else representation_rows(labels, names, exemplar),
        "stability": [], "overlap": [], "compared": [], "weights": [], **(more or {}),
    }  # fmt: skip
    described = (run or {}) | {
        "seeds": len(precision.seeds), "sparsities": len(precision.sparsities), "images": len(labels),
        "classes": len(names), "classes_without_curve": list(curves.unmeasured), "random_seed": seed,
        "bootstrap_draws": draws, "permutations": permutations, "drop": DROP, "alpha": ALPHA,
        "impact_sparsity": IMPACT_SPARSITY, "multiplicity": "Holm over the sparsities, per test",
        "exemplars": None if exemplar is None else int(exemplar.sum()), "representation_note": exemplar_note,
    }  # fmt: skip
    return Findings(described, tables, answers(tables), synthetic)


def _check_arrays(
    labels: npt.NDArray[np.generic], names: Sequence[str], exemplar: npt.NDArray[np.bool_] | None
) -> None:
    if labels.ndim != 2 or labels.shape[1] != len(names):
        raise FindingsError(f"expected labels of images x {len(names)} classes, got {labels.shape}")
    if exemplar is not None and (exemplar.shape != (len(labels),) or exemplar.dtype != np.bool_):
        raise FindingsError(
            f"expected one True or False per image ({len(labels)}), got {exemplar.dtype} {exemplar.shape}"
        )
