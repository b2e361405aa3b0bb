"""Calibration of the primary comparisons on the cells of `cells`, and the rule by which one fails a cell.

It fails a cell only if it rejects a true null in more than .070 of studies, or if its interval covers theta in fewer
than .925, both beyond the Monte Carlo error at 99 %. At a margin that is exactly the true difference equivalence may be
found in .070 too, and non-inferiority, which has half of the level, in .035.
"""

import math
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from scipy import stats

from analysis.endpoints import Aim, End, Endpoint, Kind
from analysis.stats.candidates import CANDIDATES, MATCHED_ONLY, Studies, difference
from analysis.stats.cells import EFFECTS, NULLS, Cell, draw, masks
from analysis.stats.grid import Floats
from analysis.stats.rows import ALPHA, Row
from analysis.stats.simulate import level_shares

MOST_REJECTED, LEAST_COVERED = 0.070, 0.925
ONE_IN_100 = float(stats.norm.ppf(0.99))
"""Standard errors by which a rate must lie beyond its limit, so that chance alone fails a cell once in 100."""

CONSERVATIVE = 0.030
"""A null cell with fewer rejections is named as conservative."""

AT_MARGIN: Mapping[Aim, float] = {"equivalence": MOST_REJECTED, "non-inferiority": MOST_REJECTED / 2}
"""Tests of a margin that is the true difference, and how often they may find it kept."""

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
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Row]:
    """Simulate cells, and count rejections at 5 % and intervals that cover.

    Parameters
    ----------
    cells: which; a cell with an effect needs its null cell among them for its adjusted power.
    simulations: studies per cell.
    seed: of the whole table; a cell's own stream comes from the seed and its name, so that a cell gives the same row
        alone and in company.
    processes: how many share the work.
    progress: is told how many cells are done, of how many.

    Returns
    -------
    list: per cell `cell`, `simulations`, `theta` (the truth; of matched cells that within sets), `readers`,
    `monte_carlo_error` (of a rate of 5 %); by method `rejects`, `covers` (of the studies with an interval),
    `no_interval` (share), and of a cell with an effect `power` (adjusted for size; None without the null cell). Of a
    cell with an effect also `rejects` of `AT_MARGIN`; of every cell of kruskal_pooled, which is run for comparison.
    """
    rows: list[Row] = []
    run = partial(_family_rows, simulations=simulations, seed=seed)
    with ExitStack() as stack:
        pool = None if processes == 1 else stack.enter_context(ProcessPoolExecutor(processes))
        for found in (pool.map if pool else map)(run, _families(cells)):
            rows += found
            progress(len(rows), len(cells))
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
        studies = Studies(*draw(rng, cell, min(chunk, simulations - start)), cell.ratio, cell.images)
        for name, columns in _outcomes(studies, theta, cell).items():
            parts.setdefault(name, []).append(columns)
    row: Row = {"cell": cell.name, "simulations": simulations, "theta": theta, "readers": len(cell.loads)}
    p_values = {}
    for name, chunks in parts.items():
        p, covers = np.concatenate(chunks, axis=1)
        row[name] = {"rejects": float(np.mean(p <= ALPHA))}
        if name in CANDIDATES:
            p_values[name] = p
            row[name]["no_interval"] = float(np.isnan(covers).mean())
            # Matched sets have a theta of their own, which the intervals of unmatched cases need not cover.
            if cell.effect == 0 or bool(cell.ratio) == (name in MATCHED_ONLY):
                row[name]["covers"] = float(np.nanmean(covers))
    return row | {"monte_carlo_error": math.sqrt(ALPHA * (1 - ALPHA) / simulations)}, p_values


def _outcomes(studies: Studies, theta: float, cell: Cell) -> dict[str, Floats]:
    """Return p and whether the interval covers (NaN: there is none), by method: 2 x studies."""
    found = {}
    for name, method in CANDIDATES.items():
        if cell.ratio or name not in MATCHED_ONLY:
            tested = method(studies)
            covers = np.where(tested.there, tested.p_values(theta) > ALPHA, np.nan)
            found[name] = np.stack([tested.p_values(), covers])
    others = {"kruskal_pooled": _kruskal(studies)}
    if cell.effect:
        apart = difference(studies)
        others |= {aim: apart.within(at_margin(cell, aim), studies) for aim in AT_MARGIN}
    return found | {name: np.stack([p, np.full_like(p, np.nan)]) for name, p in others.items()}


def at_margin(cell: Cell, aim: Aim) -> Endpoint:
    """Return the question of a cell with the true difference of its answers, 0, 1, 2 and so on, as the margin."""
    model = cell.model
    spread = math.sqrt(model.reader + model.reader_by_arm / 4 + model.case + model.rest)
    above = [stats.norm.sf((np.array(cell.cuts) - mean) / spread).sum() for mean in (cell.effect, 0.0)]
    levels = tuple((k, str(k)) for k in range(len(cell.cuts) + 1))
    kind: Kind = "binary" if len(levels) == 2 else "ordinal"
    margin = abs(float(above[0] - above[1]))
    worse: End = "high" if cell.effect > 0 else "low"
    return Endpoint("answer", "", "Answer", kind, levels, worse=worse, aim=aim, margin=margin)


def _kruskal(studies: Studies) -> Floats:
    """Kruskal-Wallis of all answers pooled, as the published study computed it; 1 where all are the same."""
    arms = [arm.reshape(len(arm), -1) for arm in (studies.pie, studies.control)]
    with np.errstate(invalid="ignore"):
        p = stats.kruskal(*arms, axis=1, nan_policy="omit").pvalue
    return np.asarray(np.nan_to_num(p, nan=1.0), dtype=float)


def exact_theta(cell: Cell, points: int = 40) -> float:
    """Return theta of a cell's model by Gauss-Hermite quadrature over the readers' two effects.

    Given the reader, answers to two cases are independent, so theta is the mean over readers of
    P(PIE > control) + P(tie) / 2 from the two arms' answer probabilities. What the members of a matched set share
    moves both answers alike, as the reader's own level does: of a matched cell this is theta within sets.
    """
    share = cell.correlation * cell.model.case if cell.ratio else 0.0
    model = replace(cell.model, reader=cell.model.reader + share, case=cell.model.case - share)
    nodes, weights = np.polynomial.hermite_e.hermegauss(points)
    weights = weights / weights.sum()
    reader, own = np.meshgrid(nodes * math.sqrt(model.reader), nodes * math.sqrt(model.reader_by_arm))
    share_of = np.outer(weights, weights)
    centers = (reader + own * (arm - 0.5) + cell.effect * arm for arm in (1, 0))
    spread = math.sqrt(model.case + model.rest)
    pie, control = (level_shares(np.array(cell.cuts), center, spread) for center in centers)
    beaten = np.cumsum(control, axis=-1) - control / 2
    return float(((pie * beaten).sum(axis=-1) * share_of).sum())


@dataclass(frozen=True)
class Judged:
    """What the rule says of one method: the cells it fails, and where it is conservative."""

    name: str
    fails: tuple[str, ...]
    conservative: tuple[str, ...] = ()


def judge(rows: Sequence[Row]) -> list[Judged]:
    """Apply the rule to the rows of `calibrate`; a method for some designs only is judged on those."""
    judged = [
        Judged(name, tuple(_fails(name, rows)), tuple(_conservative(name, rows))) for name in CANDIDATES
    ]
    return [*judged, *(Judged(name, tuple(_at_margin(name, rows))) for name in AT_MARGIN)]


def _fails(name: str, rows: Sequence[Row]) -> Iterator[str]:
    for row in rows:
        found: Mapping[str, float] | None = row.get(name)
        if found is None:
            continue
        n = row["simulations"]
        if row["theta"] == 0.5 and found["rejects"] - _margin(found["rejects"], n) > MOST_REJECTED:
            yield f"{row['cell']} rejects {found['rejects']:.3f}"
        n_covered = n * (1 - found["no_interval"])
        covers = found.get("covers", 1.0)
        if n_covered and covers + _margin(covers, n_covered) < LEAST_COVERED:
            yield f"{row['cell']} covers {covers:.3f}"


def _at_margin(name: Aim, rows: Sequence[Row]) -> Iterator[str]:
    for row in rows:
        rate = row.get(name, {}).get("rejects", 0.0)
        if rate - _margin(rate, row["simulations"]) > AT_MARGIN[name]:
            yield f"{row['cell']} {rate:.3f}"


def _conservative(name: str, rows: Sequence[Row]) -> Iterator[str]:
    for row in rows:
        if name in row and row["theta"] == 0.5 and row[name]["rejects"] < CONSERVATIVE:
            yield f"{row['cell']} {row[name]['rejects']:.3f}"


def _margin(rate: float, n: float) -> float:
    return ONE_IN_100 * math.sqrt(rate * (1 - rate) / n)
