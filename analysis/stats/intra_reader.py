"""Agreement of each reader with the own first reading, from hidden repeats."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.endpoints import PAPER, Endpoint
from analysis.stats.agreement import weighted_kappa
from analysis.stats.inference import LEVEL, plain_interval
from analysis.stats.intake import Checked
from analysis.stats.rows import Row

FEWEST_PAIRS = 5
"""Below this only counts are given."""


def intra_reader_table(
    checked: Checked, level: float = LEVEL, endpoints: Sequence[Endpoint] = PAPER
) -> list[Row]:
    """Compare presentations 1 and 2 of the same case and reader.

    Parameters
    ----------
    checked: first readings and repeats.
    level: of the intervals, 0 to 1.
    endpoints: the questions.

    Returns
    -------
    list: endpoint, reader (None = all), n (pairs), exact_agreement (0..1), weighted_kappa (quadratic),
    mean_shift (second minus first, in points) with ci_low and ci_high, note. Empty without repeats.
    The interval is Student's over the reader's pairs; for all readers together, pairs are clustered by reader
    (degrees of freedom: readers - 1).
    """
    second = checked.repeats[checked.repeats["presentation"] == 2]
    if second.empty:
        return []
    both = checked.first.merge(second, on=["reader", "case"], suffixes=("_first", "_second"))
    rows: list[Row] = []
    for endpoint in endpoints:
        names = [f"{endpoint.name}_first", f"{endpoint.name}_second"]
        pairs = both[["reader", *names]].dropna()
        for reader in sorted(second["reader"].unique()):
            rows.append(_row(endpoint, str(reader), pairs[pairs["reader"] == reader], names, level))
        rows.append(_row(endpoint, None, pairs, names, level))
    return rows


def _row(endpoint: Endpoint, reader: str | None, pairs: pd.DataFrame, names: list[str], level: float) -> Row:
    first, second = (pairs[name].to_numpy(dtype=float) for name in names)
    same = int((first == second).sum())
    row: Row = {
        "endpoint": endpoint.name, "reader": reader, "n": len(pairs), "n_same": same, "exact_agreement": None,
        "weighted_kappa": None, "mean_shift": None, "ci_low": None, "ci_high": None, "note": "",
    }  # fmt: skip
    if len(pairs) < FEWEST_PAIRS:
        return row | {"note": f"fewer than {FEWEST_PAIRS} pairs: counts only"}
    row |= {
        "exact_agreement": same / len(pairs),
        "weighted_kappa": weighted_kappa(first, second),
        "mean_shift": float(np.mean(second - first)),
    }
    variance, df = _shift_variance(second - first, None if reader else pairs["reader"])
    notes = [] if row["weighted_kappa"] is not None else ["kappa not estimable: one answer throughout"]
    if variance is None or variance <= 0:
        notes.append("no interval: the shift does not vary")
    else:
        row["ci_low"], row["ci_high"] = plain_interval(row["mean_shift"], variance, df, level)
    return row | {"note": "; ".join(notes)}


def _shift_variance(shift: "np.ndarray", readers: pd.Series | None) -> tuple[float | None, float]:
    """Return variance and degrees of freedom of the mean shift; clustered when several readers are given."""
    n = len(shift)
    if readers is None or readers.nunique() == 1:
        return float(shift.var(ddof=1) / n), float(n - 1)
    sums = pd.Series(shift - shift.mean(), index=readers.index).groupby(readers).sum().to_numpy()
    clusters = len(sums)
    variance = clusters / (clusters - 1) * math.fsum(sums**2) / n**2
    return variance, float(clusters - 1)
