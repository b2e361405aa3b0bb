"""Order and learning: where in their order readers met either arm, and how their answers drift along it."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from analysis.stats.plan import Plan
from analysis.stats.rows import Row, plain_interval, two_sided_p
from analysis.stats.ustatistic import VARIANCE_TOLERANCE

MEASURES = {"balance": 1, "drift": 2, "drift_of_difference": 3}
"""What is told, and which coefficient of a reader's line it is."""


def order_table(first: pd.DataFrame, plan: Plan) -> list[Row]:
    """Estimate drift over the order of reading, and whether the arms are spread evenly over it.

    A place runs from 0, a reader's first case, to 1, the last. Each reader has a line of least squares: `drift` is how
    far the answers move from the first case to the last with the arm kept, `drift_of_difference` how far PIE minus
    control does. `balance` (of the question "position") is the mean place of PIEs less that of controls. All are means
    over readers, who count alike, with Student's interval over readers.

    Parameters
    ----------
    first: `Checked.first`; rows without a position are left out.
    plan: for the questions and the level.

    Returns
    -------
    list: endpoint, measure, estimate (places from 0 to 1, or the question's unit; a share for yes or no), ci_low,
    ci_high, p, df, readers, lowest and highest reader, note. Empty where no position is known.
    """
    known = first[first["position"].notna()]
    if known.empty:
        return []
    places = known.groupby("reader")["position"]
    span = (places.transform("max") - places.transform("min")).replace(0, np.nan)
    placed = known.assign(place=(known["position"] - places.transform("min")) / span)
    rows = [_over_readers(placed, "place", "balance", plan.level) | {"endpoint": "position"}]
    for endpoint in plan.endpoints:
        for measure in ("drift", "drift_of_difference"):
            rows.append(_over_readers(placed, endpoint.name, measure, plan.level))
    return rows


def _over_readers(placed: pd.DataFrame, column: str, measure: str, level: float) -> Row:
    slopes = list(_slopes(placed, column, measure))
    n = len(slopes)
    row: Row = {"endpoint": column, "measure": measure}
    row |= dict.fromkeys(("estimate", "ci_low", "ci_high", "p", "df", "readers", "lowest", "highest"))
    row["readers"] = n
    if not n:
        return row | {"note": "not estimable: no reader answered enough cases of both arms"}
    mean, variance = float(np.mean(slopes)), float(np.var(slopes, ddof=1)) / n if n > 1 else 0.0
    row |= {"estimate": mean, "lowest": min(slopes), "highest": max(slopes)}
    if variance <= VARIANCE_TOLERANCE**2:
        return row | {"note": "no interval: one reader, or readers who do not differ"}
    low, high = plain_interval(mean, variance, n - 1, level)
    p = two_sided_p(mean, 0.0, variance, n - 1)
    return row | {"ci_low": low, "ci_high": high, "p": p, "df": n - 1, "note": ""}


def _slopes(placed: pd.DataFrame, column: str, measure: str) -> Iterator[float]:
    """Yield the coefficient of each reader whose cases determine it."""
    terms = MEASURES[measure]
    for _, own in placed[placed[column].notna() & placed["place"].notna()].groupby("reader"):
        arm, place = own["arm"].to_numpy(dtype=float), own["place"].to_numpy(dtype=float)
        design = np.column_stack([np.ones(len(own)), arm, place, arm * place])[:, : terms + 1]
        if len(own) > terms + 1 and np.linalg.matrix_rank(design) > terms:
            yield float(np.linalg.lstsq(design, own[column].to_numpy(dtype=float), rcond=None)[0][terms])
