"""Calibration of the tests on simulated studies: how often a true null is rejected, how often an interval
covers.

The latent model is that of `simulate`; the designs are those on which the choice of the primary method rests.
"""

import math
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from scipy import stats

from analysis.endpoints import Endpoint
from analysis.stats.covariance import reader_thetas, unbiased
from analysis.stats.grid import Floats
from analysis.stats.obuchowski_rockette import components
from analysis.stats.pairs import pair_variance
from analysis.stats.permutation import permute_arms
from analysis.stats.rows import ALPHA, Row, logit_interval, plain_interval, two_sided_p
from analysis.stats.simulate import Latent, scale_of, simulate_answers
from analysis.stats.ustatistic import u_statistic

PERMUTATIONS = 199
"""Relabellings per simulated study: the p-value's steps of .005 make the test at 5 % exact."""
_NULL = Latent()
SCALE = Endpoint("scale", "", "Scale", "ordinal", tuple((value, "") for value in range(1, 6)))
YES_NO = Endpoint("yes_no", "", "Yes or no", "binary", ((0, "no"), (1, "yes")))
"""Questions of the two kinds: five levels, and two."""


@dataclass(frozen=True)
class Cell:
    """One simulated design: `cases` counts the cases that one reader reads, half of them PIEs.

    `matched` says that case k of one arm and case k of the other are a matched pair, which share half of the
    variance of a case.
    """

    name: str
    design: Literal["crossed", "nested", "blocks"] = "crossed"
    readers: int = 6
    cases: int = 40
    endpoint: Endpoint = SCALE
    model: Latent = field(default=_NULL)
    missing: float = 0.0
    matched: bool = False


def _cells() -> tuple[Cell, ...]:
    def ra(value: float, **changes: float) -> Latent:
        return replace(_NULL, reader_by_arm=value, **changes)  # type: ignore[arg-type]

    return (
        Cell("crossed6x40_ord_RA0", model=ra(0.0)),
        Cell("crossed6x40_ord_RA.044", model=ra(0.044)),
        Cell("crossed6x40_ord_RA.15", model=ra(0.15)),
        Cell("crossed6x40_ord_lowC_RA.15", model=ra(0.15, case=0.2, rest=0.8)),
        Cell("nested6x40_ord_RA0", "nested", model=ra(0.0)),
        Cell("nested6x40_ord_RA.044", "nested", model=ra(0.044)),
        Cell("nested6x40_ord_RA.15", "nested", model=ra(0.15)),
        Cell("blocks2_6x40_ord_RA.044_miss8", "blocks", model=ra(0.044), missing=0.08),
        Cell("crossed6x40_bin_RA.044", endpoint=YES_NO, model=ra(0.044)),
        Cell("nested6x40_bin_RA.044", "nested", endpoint=YES_NO, model=ra(0.044)),
        Cell("crossed3x20_ord_RA.044", readers=3, cases=20, model=ra(0.044)),
        Cell("nested3x20_ord_RA.044", "nested", readers=3, cases=20, model=ra(0.044)),
        Cell("crossed12x40_ord_RA.044", readers=12, model=ra(0.044)),
        Cell("crossed6x40_ord_pairs_RA.044", model=ra(0.044), matched=True),
    )


def _effects() -> tuple[Cell, ...]:
    def moved(name: str, effect: float) -> tuple[Cell, Cell]:
        model = Latent(effect={SCALE.name: effect})
        return (
            Cell(f"crossed6x40_ord_RA.044_{name}", model=model),
            Cell(f"nested6x40_ord_RA.044_{name}", "nested", model=model),
        )

    # The latent difference of two cases of a reader has variance 2: theta is near Phi(effect / sqrt 2).
    return (*moved("theta.39", -0.45), *moved("theta.61", 0.45), *moved("theta.85", 1.79))


CELLS = _cells()
"""Null designs, named as in the published table of the method choice."""

EFFECTS = _effects()
"""Designs with an effect, for the coverage of the intervals; named by theta, which `exact_theta` computes."""


def simulate_cell(rng: np.random.Generator, cell: Cell) -> tuple[Floats, Floats]:
    """Draw one study of a cell: answers to PIEs and controls, readers x cases, NaN where not read."""
    blocks = {"crossed": 1, "nested": cell.readers, "blocks": 2}[cell.design]
    n_cases = cell.cases * blocks
    is_pie = np.arange(n_cases) % 2 == 1
    shared = None
    if cell.matched:
        shared = np.repeat(rng.normal(0.0, math.sqrt(cell.model.case / 2), n_cases // 2), 2)
    answers = simulate_answers(rng, is_pie, cell.readers, cell.endpoint, cell.model, shared=shared)
    block_of_case = np.arange(n_cases) // cell.cases
    block_of_reader = np.arange(cell.readers) % blocks
    unread = block_of_reader[:, None] != block_of_case[None, :]
    unread |= rng.random(answers.shape) < cell.missing
    answers[unread] = np.nan
    return answers[:, is_pie], answers[:, ~is_pie]


def calibrate(
    cells: Sequence[Cell] = CELLS,
    *,
    simulations: int,
    seed: int,
    progress: Callable[[str, int], None] | None = None,
) -> list[Row]:
    """Simulate each cell and count rejections at 5 % and intervals that cover.

    Parameters
    ----------
    cells: designs; null ones unless their model has an effect.
    simulations: studies per cell.
    seed: of the whole table; a cell's own stream comes from the seed and its name, so that a cell gives the
        same row alone and in company.
    progress: is told the cell and the studies done.

    Returns
    -------
    list: per cell `theta` (the truth); the rejection rates of u_centred (primary), u_normal (its variance, z),
    u_imrmc (uncentred), u_biased, or_unbiased, fixed_readers, permutation, reader_t (readers only) and
    kruskal_pooled, for matched cells pairs and sign_flip (None elsewhere); the coverage of the logit and the
    plain interval; the share of studies without a positive variance; the Monte Carlo standard errors of a
    rate of 5 % and of each coverage's 95 %.
    """
    return [_cell_row(cell, simulations, seed, progress) for cell in cells]


def _cell_row(cell: Cell, simulations: int, seed: int, progress: Callable[[str, int], None] | None) -> Row:
    rng = np.random.default_rng([seed, zlib.crc32(cell.name.encode())])
    theta = exact_theta(cell)
    outcomes = []
    for done in range(simulations):
        if progress is not None and done % 50 == 0:
            progress(cell.name, done)
        outcomes.append(_outcome(*simulate_cell(rng, cell), theta, cell))
    rates = {
        name: None if outcomes[0][name] is None else float(np.mean([o[name] for o in outcomes]))
        for name in outcomes[0]
    }
    error = math.sqrt(ALPHA * (1 - ALPHA) / simulations)
    return {
        "cell": cell.name,
        "simulations": simulations,
        "theta": theta,
        **rates,
        "monte_carlo_error": error,
    }


def _outcome(pie: Floats, control: Floats, truth: float, cell: Cell) -> dict[str, bool | None]:
    u, uncentred = u_statistic(pie, control), u_statistic(pie, control, center=False)
    thetas = reader_thetas(pie, control)
    shared = bool(((~np.isnan(pie)).sum(axis=0) > 1).any())
    parts = components(thetas, unbiased(pie, control), shares_cases=shared)
    pooled = [arm[~np.isnan(arm)] for arm in (pie, control)]
    varied = len({*pooled[0].tolist(), *pooled[1].tolist()}) > 1
    variance, df = (u.variance, u.df) if u.usable else (u.variance_v, u.df_v)
    inside = 0 < u.estimate < 1 and variance > 0
    low, high = logit_interval(u.estimate, variance, df) if inside else (u.estimate, u.estimate)
    plain = plain_interval(u.estimate, variance, df) if inside else (u.estimate, u.estimate)
    pairs, flipped = _matched(pie, control) if cell.matched else (None, None)
    return {
        "u_centred": _rejects(u.estimate, variance, df),
        "u_normal": _rejects(u.estimate, variance, None),
        "u_imrmc": uncentred.usable and _rejects(u.estimate, uncentred.variance, uncentred.df),
        "u_biased": _rejects(u.estimate, u.variance_v, u.df_v),
        "or_unbiased": _rejects(parts.mean, parts.variance_random, parts.df_random),
        "fixed_readers": _rejects(parts.mean, parts.variance_fixed, None),
        "permutation": _permutation(pie, control, _block_strata(pie, control)),
        "reader_t": _rejects(parts.mean, parts.ms_readers / len(thetas), len(thetas) - 1),
        "kruskal_pooled": varied and float(stats.kruskal(*pooled).pvalue) < ALPHA,
        "pairs": pairs,
        "sign_flip": flipped,
        "coverage_logit": low <= truth <= high,
        "coverage_plain": plain[0] <= truth <= plain[1],
        "no_positive_variance": not u.usable,
    }


def _rejects(estimate: float, variance: float, df: float | None, null: float = 0.5) -> bool:
    return variance > 0 and two_sided_p(estimate, null, variance, df) <= ALPHA


def _matched(pie: Floats, control: Floats) -> tuple[bool, bool]:
    differences = pie - control
    variance, variance_v, df, _ = pair_variance(differences)
    variance = variance if variance > 0 else variance_v
    two_way = _rejects(float(np.nanmean(differences)), variance, df, null=0.0)
    return two_way, _permutation(pie, control, np.tile(np.arange(pie.shape[1]), 2))


def _permutation(pie: Floats, control: Floats, strata: "np.ndarray") -> bool:
    answers = np.hstack([pie, control])
    is_pie = np.arange(answers.shape[1]) < pie.shape[1]
    # A stream of its own: the relabellings of one study say nothing about the next.
    seed = zlib.crc32(np.nan_to_num(answers).tobytes())
    return permute_arms(answers, is_pie, strata, seed=seed, draws=PERMUTATIONS).p <= ALPHA


def _block_strata(pie: Floats, control: Floats) -> "np.ndarray":
    """Number the cases by the first reader who read them, which names their block."""
    read = ~np.isnan(np.hstack([pie, control]))
    return np.asarray(np.argmax(read, axis=0), dtype=np.int64)


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
    cuts = scale_of(cell.endpoint)[0]
    spread = math.sqrt(model.case + model.rest)

    def answers(arm: int) -> Floats:
        center = reader + own * (arm - 0.5) + model.effect.get(cell.endpoint.name, 0.0) * arm
        below = stats.norm.cdf((cuts[:, None, None] - center) / spread)
        edge = np.zeros((1, *center.shape))
        return np.asarray(np.diff(np.concatenate([edge, below, edge + 1]), axis=0), dtype=float)

    pie, control = answers(1), answers(0)
    beaten = np.cumsum(control, axis=0) - control / 2
    return float(((pie * beaten).sum(axis=0) * share).sum())
