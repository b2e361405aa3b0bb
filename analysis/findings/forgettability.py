"""Forgettability curves: how much of its average precision each class loses as weights are removed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.conditions import Condition
from analysis.findings.precision import FindingsError, Floats, Precision

Row = dict[str, Any]

DROP = 0.20
IMPACT_SPARSITY = 0.95
ROUNDING = 1e-12
"""A median change within this of the threshold equals it; a fall of exactly 20 % is not a drop below 20 %."""

NO_AP = "no average precision: no positive test image, or a dense average precision of 0"


@dataclass(frozen=True)
class Curves:
    """Forgettability curves of the measured classes.

    `conditions` are those but the reference; `median` is float64, classes x conditions, relative change of AP (-1 = all
    lost, 0 = unchanged); `low` and `high` are the bootstrap band, None with one seed. `unmeasured` names the
    classes without a curve.
    """

    classes: tuple[str, ...]
    conditions: tuple[str, ...]
    median: Floats
    low: Floats | None
    high: Floats | None
    unmeasured: tuple[str, ...]

    @property
    def sparsities(self) -> tuple[float | None, ...]:
        """Share of removed weights of each condition: all have one, or none has."""
        return tuple(Condition.of(name).level for name in self.conditions)

    def rows(self) -> list[Row]:
        """Return one row per class and condition: class, condition, sparsity, median, low, high, note."""
        out: list[Row] = []
        for c, name in enumerate(self.classes):
            for k, sparsity in enumerate(self.sparsities):
                low, high = self.band(c, k)
                out.append(
                    {"class": name, "condition": self.conditions[k], "sparsity": sparsity,
                     "median": float(self.median[c, k]), "low": low, "high": high,
                     "note": "" if low is not None else "no band: one seed"}
                )  # fmt: skip
        blank: Row = dict.fromkeys(("condition", "sparsity", "median", "low", "high")) | {"note": NO_AP}
        return out + [{"class": name} | blank for name in self.unmeasured]

    def band(self, row: int, column: int) -> tuple[float | None, float | None]:
        """Return the band of one class and sparsity by their places; None without a band."""
        if self.low is None or self.high is None:
            return None, None
        return float(self.low[row, column]), float(self.high[row, column])


def forgettability(precision: Precision, *, seed: int, draws: int = 2000) -> Curves:
    """Compute (AP_k - AP_0) / AP_0 per seed, its median over seeds, and a bootstrap band over seeds.

    The band holds the 2.5th to 97.5th percentile of the median over `draws` resamples of the seeds. A resample
    takes whole seeds, so that classes and sparsities stay together. It tells how far other training seeds
    would lead; the test images are taken as given. With few seeds it is too narrow.

    Parameters
    ----------
    precision: of a run; the conditions that make an axis (`Precision.on_axis`) are used.
    seed: of the bootstrap, from 0.
    draws: resamples, at least 1.

    Reference
    ---------
    Holste et al., MICCAI 2023 (doi 10.1007/978-3-031-43904-9_64); the band: Efron and Tibshirani 1993, ch. 13.
    """
    if draws < 1:
        raise FindingsError(f"expected 1 or more bootstrap draws, got {draws}")
    kept = precision.measured
    precision = precision.on_axis()
    dense = precision.ap[:, :1, kept]
    change: Floats = ((precision.ap[:, 1:, kept] - dense) / dense).transpose(0, 2, 1)
    seeds = len(change)
    low = high = None
    if seeds > 1:
        picks = np.random.default_rng(seed).integers(seeds, size=(draws, seeds))
        medians = np.stack([np.median(change[pick], axis=0) for pick in picks])
        low, high = np.quantile(medians, [0.025, 0.975], axis=0)
    return Curves(
        tuple(name for name, keep in zip(precision.classes, kept, strict=True) if keep),
        precision.conditions[1:],
        np.median(change, axis=0),
        low,
        high,
        tuple(name for name, keep in zip(precision.classes, kept, strict=True) if not keep),
    )


def first_drop(curves: Curves, drop: float = DROP) -> dict[str, float | None]:
    """Find, per class, the smallest sparsity at which the median change is below -`drop`.

    None if it never is, and where the conditions have no sparsities.
    """
    fallen = curves.median < -drop - ROUNDING
    return {
        name: curves.sparsities[int(np.argmax(row))] if row.any() else None
        for name, row in zip(curves.classes, fallen, strict=True)
    }


def impact_of(curves: Curves) -> str:
    """Return the condition in which the impact is read off: IMPACT_SPARSITY, or the last one without shares."""
    return Condition.of(IMPACT_SPARSITY).name if curves.sparsities[-1] is not None else curves.conditions[-1]


def class_rows(
    curves: Curves, positives: Mapping[str, int | None], order: Sequence[str], *, impact_at: str = ""
) -> list[Row]:
    """Tell first drop and impact of every class.

    Parameters
    ----------
    curves: of the run.
    positives: training positives of each class; None where not known.
    order: classes, in the order of the rows.
    impact_at: the condition in which the impact is read off; blank: IMPACT_SPARSITY, or the last one without shares.

    Returns
    -------
    class, train_positives, first_drop (sparsity; None = never or not known), never_drops (0/1 or None), impact_at
    (condition), impact, impact_low, impact_high (relative change), note.
    """
    drops = first_drop(curves)
    places = {name: place for place, name in enumerate(curves.classes)}
    impact_at = impact_at or impact_of(curves)
    column = curves.conditions.index(impact_at) if impact_at in curves.conditions else None
    rows: list[Row] = []
    for name in order:
        row: Row = {
            "class": name, "train_positives": positives.get(name), "first_drop": None, "never_drops": None,
            "impact_at": impact_at, "impact": None, "impact_low": None, "impact_high": None, "note": NO_AP,
        }  # fmt: skip
        if name in places:
            row["first_drop"] = drops[name]
            fallen = (curves.median[places[name]] < -DROP - ROUNDING).any()
            row["never_drops"] = int(not fallen)
            row["note"] = "" if column is not None else f"no impact: sparsity {impact_at} was not run"
            if column is not None:
                row["impact"] = float(curves.median[places[name], column])
                row["impact_low"], row["impact_high"] = curves.band(places[name], column)
        rows.append(row)
    return rows
