"""Permutation of the arm labels within strata: exact for "no effect for these readers", not for new ones."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np

from analysis.stats.grid import Bools, Floats, Integers

DRAWS = 9_999
"""Random relabellings when there are too many to list; the smallest p is then 1 / 10,000."""

EXACT_LIMIT = 20_000
"""Up to this many distinct relabellings all are listed and the p-value has no Monte Carlo error."""

_TIE = 1e-9
"""Two statistics closer than this are equal: sums in another order differ by rounding only."""

_CHUNK = 1_000

Distance = Callable[[Floats], Floats]
"""How far an estimate is from no difference, for each relabelling (relabellings x cases, 1 = PIE)."""


@dataclass(frozen=True)
class Permuted:
    """A permutation p-value; `relabellings` counts what was looked at, `exact` says it was all there are."""

    p: float
    relabellings: int
    exact: bool


def permute_arms(
    answers: Floats,
    is_pie: Bools,
    strata: Integers,
    *,
    seed: int,
    draws: int = DRAWS,
    distance: Distance | None = None,
) -> Permuted:
    """Test theta = 0.5 by exchanging the arms of cases within strata; two-sided in |theta - 0.5|.

    Parameters
    ----------
    answers: readers x cases, NaN where missing.
    is_pie: cases, True for PIEs.
    strata: cases, number of the stratum (a batch, or a matched set); the number of PIEs in each stratum is kept.
    seed: of the random relabellings; unused when all can be listed.
    draws: number of random relabellings.
    distance: of another estimate than theta.

    Notes
    -----
    Anti-conservative for new readers once readers differ in their effect; a relabelling that leaves no pair
    to compare counts as theta = 0.5. With sgn the comparison matrix, antisymmetric, theta - 0.5 is
    sum_r a' sgn_r 1 / (2 x number of pairs), so a relabelling costs one product with a vector.
    """
    distance = distance or _theta_distance(answers)
    observed = distance(is_pie[None, :].astype(float))[0]
    sizes = [_choices(is_pie, strata == stratum) for stratum in np.unique(strata)]
    exact = math.prod(math.comb(len(members), k) for members, k in sizes) <= EXACT_LIMIT
    labels = _all_labels(sizes, len(is_pie)) if exact else _random_labels(sizes, len(is_pie), seed, draws)
    as_far = looked_at = 0
    for chunk in labels:
        as_far += int((distance(chunk) >= observed - _TIE).sum())
        looked_at += len(chunk)
    if exact:
        return Permuted(as_far / looked_at, looked_at, True)
    return Permuted((1 + as_far) / (1 + looked_at), looked_at, False)


def _theta_distance(answers: Floats) -> Distance:
    """Return |theta - 0.5| of relabellings; a case's score sums the signs of (it - another) over readers and others."""
    present = (~np.isnan(answers)).astype(float)
    score = np.zeros(answers.shape[1])
    for row in answers:
        score += np.nan_to_num(np.sign(np.subtract.outer(row, row))).sum(axis=1)

    def distance(labels: Floats) -> Floats:
        pairs = ((labels @ present.T) * ((1 - labels) @ present.T)).sum(axis=1)
        effect = np.abs(labels @ score) / 2
        return np.asarray(np.divide(effect, pairs, out=np.zeros(len(labels)), where=pairs > 0), dtype=float)

    return distance


def _choices(is_pie: Bools, member: Bools) -> tuple[Integers, int]:
    return np.flatnonzero(member), int(is_pie[member].sum())


def _all_labels(sizes: list[tuple[Integers, int]], n: int) -> Iterator[Floats]:
    chunk: list[Floats] = []
    for chosen in product(*(combinations(members, k) for members, k in sizes)):
        row = np.zeros(n)
        row[[index for group in chosen for index in group]] = 1.0
        chunk.append(row)
        if len(chunk) == _CHUNK:
            yield np.array(chunk)
            chunk = []
    if chunk:
        yield np.array(chunk)


def _random_labels(sizes: list[tuple[Integers, int]], n: int, seed: int, draws: int) -> Iterator[Floats]:
    rng = np.random.default_rng(seed)
    for start in range(0, draws, _CHUNK):
        rows = min(_CHUNK, draws - start)
        labels = np.zeros((rows, n))
        for members, k in sizes:
            order = np.argsort(rng.random((rows, len(members))), axis=1)[:, :k]
            np.put_along_axis(labels, members[order], 1.0, axis=1)
        yield labels
