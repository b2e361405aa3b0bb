"""How large the weights of a checkpoint are: what pruning by magnitude has to choose from."""

from pathlib import Path
from typing import Any

import numpy as np

from analysis.sweep.networks.architectures import build_classifier, prunable_names
from analysis.sweep.run.prepare import open_run

Row = dict[str, Any]

BINS_PER_DECADE = 10
DECADES = 8
"""Below the largest weight; what is smaller falls into the first bin."""


def magnitude_histogram(folder: Path, seed: int) -> list[Row]:
    """Count the prunable weights of one checkpoint of a run by magnitude, on a log scale.

    Parameters
    ----------
    folder: RUN folder with its plan; the checkpoint must still lie where it lay, unchanged.
    seed: of the checkpoint.

    Returns
    -------
    seed, low, high (bounds of |w|, low inclusive; the first bin begins at 0, the last bound is the largest
    weight and inclusive), count, share, cumulative (share of weights below `high`, which is the sparsity of
    global magnitude pruning at that threshold).

    Raises
    ------
    SweepError: no plan, or the checkpoint is missing or has changed.
    """
    run = open_run(folder)
    state = run.member(seed).state
    network = build_classifier(run.spec.models.architecture, len(run.spec.data.classes), device="meta")
    names = prunable_names(network)
    values = np.abs(np.concatenate([state[name].numpy().ravel() for name in names]))
    largest = float(values.max())
    edges = largest * np.logspace(-DECADES, 0, DECADES * BINS_PER_DECADE + 1)
    edges[0], edges[-1] = 0.0, largest
    counts, _ = np.histogram(values, edges)
    total = np.cumsum(counts) / len(values)
    return [
        {"seed": seed, "low": float(edges[k]), "high": float(edges[k + 1]), "count": int(counts[k]),
         "share": float(counts[k] / len(values)), "cumulative": float(total[k])}
        for k in range(len(counts))
    ]  # fmt: skip
