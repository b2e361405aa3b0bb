"""Calibration of the candidates for the primary comparison on the cells of `cells`, and the rule that chooses.

A candidate fails a cell only if it rejects a true null in more than .070 of studies, or if its interval covers theta
in fewer than .925, both beyond the Monte Carlo error at 99 %. Of those that fail none the power decides, adjusted for
size: within 5 points of the best in 90 % of the cells with an effect, and never 15 below.
"""

import math
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from scipy import stats

from analysis.stats.candidates import BESIDE, CANDIDATES, NESTED_ONLY, Studies
from analysis.stats.cells import EFFECTS, NULLS, Cell, draw, masks
from analysis.stats.grid import Floats
from analysis.stats.pairs import pair_variance
from analysis.stats.permutation import permute_arms
from analysis.stats.rows import ALPHA, Row, two_sided_p

MOST_REJECTED, LEAST_COVERED = 0.070, 0.925
ONE_IN_100 = float(stats.norm.ppf(0.99))
"""Standard errors by which a rate must lie beyond its limit, so that chance alone fails a cell once in 100."""

CONSERVATIVE = 0.030
"""A null cell with fewer rejections is named as conservative."""

NEAR, FAR, NEAR_IN = 0.05, 0.15, 0.90
"""Power below the best that counts as near, that fails a candidate, and the share of cells in which it must be near."""

PERMUTATIONS = 199
"""Relabellings per simulated study: the p-value's steps of .005 make the test at 5 % exact."""

_CHUNK = 2_000_000
"""PIEs x controls x studies drawn at once."""

Family = tuple[Cell, ...]
"""A null cell and the cells that differ from it in the effect."""


def calibrate(
    cells: Sequence[Cell] = (*NULLS, *EFFECTS),
    *,
    simulations: int,
    seed: int,
    processes: int = 1,
    progress: Callable[[int], None] = lambda cells: None,
) -> list[Row]:
    """Simulate cells, and count rejections at 5 % and intervals that cover.

    Parameters
    ----------
    cells: which; a cell with an effect needs its null cell among them for its adjusted power.
    simulations: studies per cell.
    seed: of the whole table; a cell's own stream comes from the seed and its name, so that a cell gives the same row
        alone and in company.
    processes: how many share the work.
    progress: is told how many cells more are done.

    Returns
    -------
    list: per cell `cell`, `simulations`, `theta` (the truth), `readers`, `monte_carlo_error` (of a rate of 5 %); by
    candidate `rejects`, `covers` (of the studies with an interval), `no_interval` (share), and of a cell with an effect
    `power` (adjusted for size; None without the null cell); by method `rejects` of what is run beside them:
    kruskal_pooled, reader_t, fixed_readers, and in the matched cell pairs and sign_flip.
    """
    rows: list[Row] = []
    run = partial(_family_rows, simulations=simulations, seed=seed)
    if processes == 1:
        made: Iterator[list[Row]] = map(run, _families(cells))
        for found in made:
            rows += found
            progress(len(found))
        return rows
    with ProcessPoolExecutor(processes) as pool:
        for found in pool.map(run, _families(cells)):
            rows += found
            progress(len(found))
    return rows


def _families(cells: Sequence[Cell]) -> list[Family]:
    families: dict[str, list[Cell]] = {}
    for cell in cells:
        families.setdefault(cell.family or cell.name, []).append(cell)
    return [tuple(sorted(family, key=lambda cell: cell.effect != 0)) for family in families.values()]


def _family_rows(family: Family, simulations: int, seed: int) -> list[Row]:
    rows: list[Row] = []
    limits: dict[str, float] = {}
    for cell in family:
        row, p_values = _cell_row(cell, simulations, seed)
        if cell.effect == 0:
            limits = {name: float(np.quantile(p, ALPHA)) for name, p in p_values.items()}
        else:
            for name, p in p_values.items():
                row[name]["power"] = float(np.mean(p <= limits[name])) if limits else None
        rows.append(row)
    return rows


def _cell_row(cell: Cell, simulations: int, seed: int) -> tuple[Row, dict[str, Floats]]:
    rng = np.random.default_rng([seed, zlib.crc32(cell.name.encode())])
    theta = exact_theta(cell) if cell.effect else 0.5  # by symmetry of the arms
    pies, controls = (mask.shape[1] for mask in masks(cell))
    chunk = max(1, min(500, _CHUNK // (pies * controls)))
    parts: dict[str, list[Floats]] = {}
    for start in range(0, simulations, chunk):
        studies = Studies(*draw(rng, cell, min(chunk, simulations - start)))
        for name, columns in _outcomes(studies, theta, cell).items():
            parts.setdefault(name, []).append(columns)
    row: Row = {"cell": cell.name, "simulations": simulations, "theta": theta, "readers": len(cell.loads)}
    p_values = {}
    for name, chunks in parts.items():
        p, covers = np.concatenate(chunks, axis=1)
        row[name] = {"rejects": float(np.mean(p <= ALPHA))}
        if name in CANDIDATES:
            p_values[name] = p
            row[name] |= {"covers": float(np.nanmean(covers)), "no_interval": float(np.isnan(covers).mean())}
    return row | {"monte_carlo_error": math.sqrt(ALPHA * (1 - ALPHA) / simulations)}, p_values


def _outcomes(studies: Studies, theta: float, cell: Cell) -> dict[str, Floats]:
    """Return p and whether the interval covers (NaN: there is none), by method: 2 x studies."""
    found = {}
    for name, method in {**CANDIDATES, **BESIDE}.items():
        if cell.design == "nested" or name not in NESTED_ONLY:
            tested = method(studies)
            covers = np.where(tested.there, tested.p_values(theta) > ALPHA, np.nan)
            found[name] = np.stack([tested.p_values(), covers])
    others = {"kruskal_pooled": _kruskal(studies)}
    if cell.matched:
        pairs = [_matched(*study) for study in zip(studies.pie, studies.control, strict=True)]
        others |= dict(zip(("pairs", "sign_flip"), np.array(pairs).T, strict=True))
    return found | {name: np.stack([p, np.full_like(p, np.nan)]) for name, p in others.items()}


def _kruskal(studies: Studies) -> Floats:
    """Kruskal-Wallis of all answers pooled, as the published study computed it; 1 where all are the same."""
    arms = [arm.reshape(len(arm), -1) for arm in (studies.pie, studies.control)]
    with np.errstate(invalid="ignore"):
        p = stats.kruskal(*arms, axis=1, nan_policy="omit").pvalue
    return np.asarray(np.nan_to_num(p, nan=1.0), dtype=float)


def _matched(pie: Floats, control: Floats) -> tuple[float, float]:
    differences = pie - control
    variance, variance_v, df, _ = pair_variance(differences)
    variance = variance if variance > 0 else variance_v
    two_way = two_sided_p(float(differences.mean()), 0.0, variance, df) if variance > 0 else 1.0
    answers = np.hstack([pie, control])
    sets = np.tile(np.arange(pie.shape[1]), 2)
    # A stream of its own: the relabellings of one study say nothing about the next.
    seed = zlib.crc32(answers.tobytes())
    flipped = permute_arms(answers, np.arange(len(sets)) < pie.shape[1], sets, seed=seed, draws=PERMUTATIONS)
    return two_way, flipped.p


def exact_theta(cell: Cell, points: int = 40) -> float:
    """Return theta of a cell's model by Gauss-Hermite quadrature over the readers' two effects.

    Given the reader, answers to two cases are independent, so theta is the mean over readers of
    P(PIE > control) + P(tie) / 2 from the two arms' answer probabilities. In a matched cell the one control in
    twenty that is a PIE's own partner is not independent of it; under the null theta is 0.5 all the same.
    """
    model = cell.model
    nodes, weights = np.polynomial.hermite_e.hermegauss(points)
    weights = weights / weights.sum()
    reader, own = np.meshgrid(nodes * math.sqrt(model.reader), nodes * math.sqrt(model.reader_by_arm))
    share = np.outer(weights, weights)
    cuts = np.array(cell.cuts)
    spread = math.sqrt(model.case + model.rest)

    def answers(arm: int) -> Floats:
        center = reader + own * (arm - 0.5) + cell.effect * arm
        below = stats.norm.cdf((cuts[:, None, None] - center) / spread)
        edge = np.zeros((1, *center.shape))
        return np.asarray(np.diff(np.concatenate([edge, below, edge + 1]), axis=0), dtype=float)

    pie, control = answers(1), answers(0)
    beaten = np.cumsum(control, axis=0) - control / 2
    return float(((pie * beaten).sum(axis=0) * share).sum())


@dataclass(frozen=True)
class Judged:
    """What the rule says of one candidate: the cells it fails, where it is conservative, and its power."""

    name: str
    fails: tuple[str, ...]
    conservative: tuple[str, ...]
    near: float | None = None
    furthest: float | None = None

    @property
    def holds(self) -> bool:
        """Whether the candidate fails no cell and finds about as much as the best that fails none."""
        if self.fails or self.near is None or self.furthest is None:
            return False
        return self.near >= NEAR_IN and self.furthest <= FAR


def judge(rows: Sequence[Row]) -> list[Judged]:
    """Apply the rule to the rows of `calibrate`; candidates for some designs only are judged on those.

    `near`: share of the cells with an effect in which the adjusted power is within 5 points of the best of those that
    fail no cell; `furthest`: the largest distance. Both None for a candidate that fails.
    """
    judged = [
        Judged(name, tuple(_fails(name, rows)), tuple(_conservative(name, rows))) for name in CANDIDATES
    ]
    left = [each.name for each in judged if not each.fails]
    powers = [row for row in rows if any(_power(row, name) is not None for name in left)]
    return [_with_power(each, powers, left) if each.name in left else each for each in judged]


def _with_power(judged: Judged, rows: Sequence[Row], left: Sequence[str]) -> Judged:
    own = [_best(row, left) - power for row in rows if (power := _power(row, judged.name)) is not None]
    if not own:
        return judged
    return replace(judged, near=float(np.mean([distance <= NEAR for distance in own])), furthest=max(own))


def _fails(name: str, rows: Sequence[Row]) -> Iterator[str]:
    for row in rows:
        found: Mapping[str, float] | None = row.get(name)
        if found is None:
            continue
        n = row["simulations"]
        if row["theta"] == 0.5 and found["rejects"] - _margin(found["rejects"], n) > MOST_REJECTED:
            yield f"{row['cell']} rejects {found['rejects']:.3f}"
        n_covered = n * (1 - found["no_interval"])
        if n_covered and found["covers"] + _margin(found["covers"], n_covered) < LEAST_COVERED:
            yield f"{row['cell']} covers {found['covers']:.3f}"


def _conservative(name: str, rows: Sequence[Row]) -> Iterator[str]:
    for row in rows:
        if name in row and row["theta"] == 0.5 and row[name]["rejects"] < CONSERVATIVE:
            yield f"{row['cell']} {row[name]['rejects']:.3f}"


def _margin(rate: float, n: float) -> float:
    return ONE_IN_100 * math.sqrt(rate * (1 - rate) / n)


def _power(row: Row, name: str) -> float | None:
    power: float | None = row.get(name, {}).get("power")
    return power


def _best(row: Row, names: Sequence[str]) -> float:
    return max(power for name in names if (power := _power(row, name)) is not None)
