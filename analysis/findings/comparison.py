"""Two methods of pruning side by side, such as by magnitude and at random, on the same networks and images."""

from typing import Any

import numpy as np

from analysis.findings.errors import FindingsError
from analysis.findings.overall import interval, paired_p
from analysis.findings.precision import Precision
from analysis.metrics.multiplicity import holm

Row = dict[str, Any]


def side_by_side(one: Precision, other: Precision, names: tuple[str, str]) -> list[Row]:
    """Compare the mAP of two sweeps at every sparsity that both have, over the seeds that both have.

    The mean is over the classes measured in both. Paired t-test over seeds, Holm over the sparsities above 0.

    Parameters
    ----------
    one, other: of two runs on the same networks, images and classes.
    names: of the two methods.

    Returns
    -------
    sparsity, seeds, method_a, map_a, map_a_low, map_a_high, method_b, map_b, map_b_low, map_b_high, difference
    (a - b), difference_low, difference_high, p_paired, p_paired_holm, note. None where not estimable.

    Raises
    ------
    FindingsError: no seed, no sparsity or no class in common, or other classes.
    """
    if one.classes != other.classes:
        raise FindingsError("expected two runs of the same classes, got different ones")
    seeds = [seed for seed in one.seeds if seed in other.seeds]
    levels = [level for level in one.sparsities if level in other.sparsities]
    kept = one.measured & other.measured
    if not seeds or not levels or not kept.any():
        raise FindingsError(
            f"expected seeds, sparsities and classes in common, got {len(seeds)}, {len(levels)} and {int(kept.sum())}"
        )
    rows: list[Row] = []
    for level in levels:
        a, b = (
            run.ap[[run.seeds.index(seed) for seed in seeds], run.sparsities.index(level)][:, kept].mean(
                axis=1
            )
            for run in (one, other)
        )
        rows.append(_row(level, names, a, b))
    adjusted = iter(holm([row["p_paired"] for row in rows if row["sparsity"] > 0]))
    return [row | {"p_paired_holm": next(adjusted) if row["sparsity"] > 0 else None} for row in rows]


def _row(level: float, names: tuple[str, str], a: np.ndarray, b: np.ndarray) -> Row:
    row: Row = {"sparsity": level, "seeds": len(a)}
    for side, name, values in (("a", names[0], a), ("b", names[1], b)):
        mean, low, high = interval(values)
        row |= {f"method_{side}": name, f"map_{side}": mean, f"map_{side}_low": low, f"map_{side}_high": high}
    middle, low, high = interval(a - b)
    row |= {"difference": middle, "difference_low": low, "difference_high": high}
    p = None if level == 0 else paired_p(a - b)
    note = (
        "nothing is removed"
        if level == 0
        else ""
        if p is not None
        else "not estimable: one seed, or no spread"
    )
    return row | {"p_paired": p, "p_paired_holm": None, "note": note}
