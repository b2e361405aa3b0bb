"""What a finished sweep found, class by class, for its page."""

import math
from typing import Any

import pandas as pd


def class_table(metrics: pd.DataFrame) -> list[dict[str, Any]]:
    """Return per class the median AP over seeds, dense and at the highest sparsity, and the median change.

    The change is relative, per seed, as in the figure beside the table.
    """
    last = float(metrics["sparsity"].max())
    rows = []
    for name, own in metrics.groupby("class", sort=False):
        ap = own.pivot_table(index="seed", columns="sparsity", values="ap", dropna=False)
        values = (ap[0.0].median(), ap[last].median(), (100 * (ap[last] - ap[0.0]) / ap[0.0]).median())
        dense, pruned, relative = (None if math.isnan(value) else float(value) for value in values)
        rows.append(
            {
                "name": name,
                "positives": int(own["positives"].iloc[0]),
                "dense": dense,
                "pruned": pruned,
                "change": relative,
                "sparsity": last,
            }
        )
    return sorted(rows, key=lambda row: -row["positives"])
