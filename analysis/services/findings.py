"""From a finished run's folder to its findings: what the command, the page and the phantom study share."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.findings import Findings, FindingsError, analyse
from analysis.selection import Exemplars, Run, SelectionSpec, find_in_run, read_run

SEED = 1
"""Of the bootstrap and the permutations, unless another is asked for."""

DEFAULTS = SelectionSpec()


@dataclass(frozen=True)
class Choices:
    """What makes an exemplar (PIE), and the seed of each random step of the findings."""

    criterion: str = DEFAULTS.criterion
    sparsity: float = DEFAULTS.sparsity
    fraction: float = DEFAULTS.fraction
    seed: int = SEED


@dataclass(frozen=True)
class Analysed:
    """A run, its findings, and its exemplars (None with the reason where there are none)."""

    run: Run
    findings: Findings
    exemplars: Exemplars | None


def analyse_folder(folder: Path, choices: Choices) -> Analysed:
    """Read a RUN folder, verify its digests, and compute its findings.

    Raises
    ------
    FindingsError, SelectionError, FrameError: the folder does not hold a finished run.
    """
    run = read_run(folder)
    if "metrics.csv" not in run.provenance["tables"]:
        raise FindingsError(f"{folder}: expected metrics.csv in provenance.json; finish the sweep first")
    metrics = pd.read_csv(folder / "metrics.csv", dtype={"class": str}, keep_default_na=False, na_values=[""])
    exemplars, note = find_chosen(run, choices)
    marked: npt.NDArray[np.bool_] | None = None
    if exemplars is not None:
        marked = run.images["image"].isin(exemplars.images).to_numpy(dtype=np.bool_)
    described: dict[str, Any] = {
        "run_id": run.run_id, "predictions_sha256": run.predictions_sha256,
        "metrics_sha256": run.provenance["tables"]["metrics.csv"], "exemplar_criterion": choices.criterion,
        "exemplar_sparsity": choices.sparsity, "exemplar_fraction": choices.fraction,
    }  # fmt: skip
    found = analyse(
        metrics, run.classes, run.labels, seed=choices.seed, exemplar=marked, exemplar_note=note, run=described,
        synthetic=run.synthetic,
    )  # fmt: skip
    return Analysed(run, found, exemplars)


def find_chosen(run: Run, choices: Choices) -> tuple[Exemplars | None, str]:
    """Find the exemplars of a run; without any, say why."""
    if not any(abs(sparsity - choices.sparsity) < 0.005 for sparsity in run.sparsities):
        return None, f"no exemplars: sparsity {choices.sparsity:.2f} was not run"
    found = find_in_run(
        run, criterion=choices.criterion, sparsity=choices.sparsity, fraction=choices.fraction
    )
    if not found.images:
        return None, f"no exemplars: {choices.fraction} of {len(run.images)} images is less than one"
    return found, ""
