"""Controls matched to exemplars by optimal assignment (Rosenbaum 1989, J Am Stat Assoc 84:1024).

As many exemplars as possible get a control, with the smallest possible sum of distances.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from analysis.selection.covariates import is_blank, is_numeric, require
from analysis.selection.criteria import SelectionError
from analysis.vocabulary import age


@dataclass(frozen=True)
class Nearest:
    """A covariate to be near on: numbers by |difference| / SD, categories by 1 if different.

    `weight` multiplies it in the distance; `caliper` is the largest difference allowed, in the covariate's
    own unit (for a category, 0 demands equality).
    """

    column: str
    weight: float = 1.0
    caliper: float | None = None


@dataclass(frozen=True)
class Matching:
    """Pairs (exemplar, control, distance) and exemplars without enough controls (image, reason)."""

    pairs: pd.DataFrame
    unmatched: pd.DataFrame


def match_controls(
    exemplars: pd.DataFrame,
    pool: pd.DataFrame,
    *,
    exact: Sequence[str],
    nearest: Sequence[Nearest],
    ratio: int = 1,
    caliper: float | None = None,
    distinct_patients: bool = True,
    seed: int,
) -> Matching:
    """Match `ratio` controls to each exemplar: equal on the exact keys, near on the others, all different.

    The distance of two images is the sum over the nearest keys of weight x scaled difference; numbers are
    scaled by their SD over exemplars and pool together. With distinct patients no control is of an exemplar's
    patient and no two controls are of one patient. Each patient can serve one exemplar only, so an assignment
    of exemplars to patients, with each patient's nearest eligible image, is optimal over images too. With a
    ratio above 1, first controls come before second ones. Equal distances are decided by the seed, never by
    the order of the images. An image that is blank in a key that is used cannot be matched.

    Parameters
    ----------
    exemplars, pool: disjoint images, with `image`, `patient` (when distinct) and the columns used; `age` in years,
        or as DICOM writes it (060Y), where what is no age is blank.
    exact: columns to match exactly.
    nearest: columns to be near on.
    ratio: controls per exemplar, from 1.
    caliper: largest distance allowed.
    seed: whole number from 0.

    Raises
    ------
    SelectionError: a column that no image has, a ratio below 1, a negative weight.
    """
    if ratio < 1 or any(not key.weight >= 0 for key in nearest):
        raise SelectionError(
            f"expected a ratio of 1 or more and weights of 0 or more, got {ratio} and {nearest}"
        )
    both = pd.concat([exemplars.assign(_pool=False), pool.assign(_pool=True)])
    if "age" in both and not is_numeric(both["age"]):
        both["age"] = pd.to_numeric(both["age"].map(lambda text: age(str(text))))
    for name in exact:
        require(both, name, f"matching exactly on {name}")
    for key in nearest:
        require(both, key.column, f"matching on the nearest {key.column}")
    if distinct_patients:
        require(both, "patient", "keeping images of one patient apart")
    used = [*exact, *(key.column for key in nearest), *(["patient"] if distinct_patients else [])]
    problem = _Problem(both, exact, nearest, caliper, used, distinct_patients, seed)
    if problem.targets.empty:
        return Matching(_pairs([]), _reasons([]))
    costs = np.vstack([problem.cost(row) for row in range(len(problem.targets))])
    chosen = _assign(np.repeat(costs, ratio, axis=0), ratio)
    pairs = []
    for copy, patient in chosen:
        row = copy // ratio
        control, distance = problem.nearest_image(row, patient)
        pairs.append((problem.targets["image"].iloc[row], control, distance))
    return Matching(_pairs(pairs), _reasons(problem.shortfalls([copy // ratio for copy, _ in chosen], ratio)))


class _Problem:
    """Distances between exemplars and eligible images, and between exemplars and patients."""

    def __init__(
        self, both: pd.DataFrame, exact: Sequence[str], nearest: Sequence[Nearest], caliper: float | None,
        used: Sequence[str], distinct: bool, seed: int,
    ) -> None:  # fmt: skip
        self.exact, self.nearest, self.caliper, self.used = list(exact), list(nearest), caliper, list(used)
        blank = pd.Series(False, index=both.index)
        for name in used:
            blank |= is_blank(both[name])
        in_pool = both["_pool"].to_numpy(dtype=bool)
        eligible = in_pool & ~blank.to_numpy()
        if distinct:
            eligible &= ~both["patient"].isin(both.loc[~in_pool, "patient"]).to_numpy()
        places = np.random.default_rng([seed, 2]).permutation(np.flatnonzero(eligible))
        owners = both["patient"].to_numpy(dtype=object)[places] if distinct else places
        self.owner, patients = pd.factorize(owners)
        self.patients = len(patients)
        self.pool, self.targets = both.iloc[places], both[~in_pool]
        self.blank = blank[~in_pool].to_numpy(dtype=bool)
        # Whole numbers compare faster than texts: each category becomes its code, the exact keys one code.
        keys = (*exact, *(key.column for key in nearest))
        coded = pd.DataFrame({name: _coded(both[name]) for name in keys}, index=both.index)
        group = coded.assign(_all="all").groupby([*self.exact, "_all"]).ngroup().to_numpy()
        self.pool_key, self.target_key = group[places], group[~in_pool]
        values = {key.column: coded[key.column].to_numpy(dtype=float) for key in nearest}
        self.pool_values = {name: column[places] for name, column in values.items()}
        self.target_values = {name: column[~in_pool] for name, column in values.items()}
        self.scale = {key.column: _scale(both[key.column]) for key in nearest if is_numeric(both[key.column])}

    def cost(self, row: int) -> np.ndarray:
        """Compute the distance of one exemplar to each patient's nearest image; infinite if not allowed."""
        patients = np.full(self.patients, np.inf)
        np.minimum.at(patients, self.owner, self._distance(row))
        return patients

    def nearest_image(self, row: int, patient: int) -> tuple[str, float]:
        """Find the patient's image that is nearest to an exemplar, and its distance."""
        images = np.where(self.owner == patient, self._distance(row), np.inf)
        place = int(images.argmin())
        return str(self.pool["image"].iloc[place]), float(images[place])

    def shortfalls(self, matched: list[int], ratio: int) -> list[tuple[str, str]]:
        """Say for each exemplar with too few controls how many it got and why not more."""
        counts = np.bincount(np.asarray(matched, dtype=int), minlength=len(self.targets))
        return [
            (str(self.targets["image"].iloc[row]), self._reason(row, int(counts[row]), ratio))
            for row in np.flatnonzero(counts < ratio).tolist()
        ]

    def _distance(self, row: int, calipers: bool = True) -> np.ndarray:
        allowed = (self.pool_key == self.target_key[row]) & (not self.blank[row])
        distance = np.zeros(len(self.pool))
        for key in self.nearest:
            gap = np.abs(self.pool_values[key.column] - self.target_values[key.column][row])
            if key.column not in self.scale:
                gap = (gap != 0).astype(float)
            if calipers and key.caliper is not None:
                allowed &= gap <= key.caliper
            distance += key.weight * gap / self.scale.get(key.column, 1.0)
        if calipers and self.caliper is not None:
            allowed &= distance <= self.caliper
        return np.where(allowed, distance, np.inf)

    def _reason(self, row: int, got: int, ratio: int) -> str:
        target = self.targets.iloc[row]
        so_far = f"{got} of {ratio} controls: " if ratio > 1 else ""
        if self.blank[row]:
            empty = [name for name in self.used if is_blank(self.targets[name].iloc[[row]]).all()]
            return f"{so_far}no {' or '.join(empty)} in the metadata"
        if not np.isfinite(self._distance(row, calipers=False)).any():
            wanted = ", ".join(f"{name} {target[name]}" for name in self.exact)
            return f"{so_far}no image of another patient with {wanted or 'the keys'}"
        if not np.isfinite(self._distance(row)).any():
            return f"{so_far}no control within the caliper"
        return f"{so_far}every control within the caliper is used for another exemplar"


def _assign(costs: np.ndarray, ratio: int) -> list[tuple[int, int]]:
    """Solve the assignment; give (row, column) of what was matched.

    Each row may also stay alone at a price above any sum of distances; a first copy's price is above all
    prices of later copies.
    """
    rows = len(costs)
    finite = costs[np.isfinite(costs)]
    price = rows * float(finite.max(initial=0.0)) + 1.0
    alone = np.full(rows, price)
    if ratio > 1:
        alone[::ratio] *= rows + 1
    full = np.hstack([costs, np.repeat(alone[:, None], rows, axis=1)])
    found, columns = linear_sum_assignment(full)
    return [(r, c) for r, c in np.column_stack((found, columns)).tolist() if c < costs.shape[1]]


def _coded(values: pd.Series) -> np.ndarray:
    """Return numbers as they are and categories as codes; a blank category is a category here."""
    if is_numeric(values):
        return values.to_numpy(dtype=float)
    return pd.factorize(values.fillna("").astype(str))[0]


def _scale(values: pd.Series) -> float:
    spread = float(pd.to_numeric(values).std())
    return spread if spread > 0 else 1.0


def _pairs(rows: list[tuple[str, str, float]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["exemplar", "control", "distance"])


def _reasons(rows: list[tuple[str, str]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["image", "reason"])
