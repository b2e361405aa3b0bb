"""Calibration of the tests on simulated studies: how often a true null is rejected, how often an interval
covers.

The latent model is that of `simulate`; the designs are those on which the choice of the primary method rests.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from scipy import stats

from analysis.stats.covariance import reader_thetas, unbiased
from analysis.stats.endpoints import AGREE, QUALITY, Endpoint
from analysis.stats.grid import Floats
from analysis.stats.inference import logit_interval, plain_interval, two_sided_p
from analysis.stats.obuchowski_rockette import components
from analysis.stats.rows import Row
from analysis.stats.simulate import Latent, simulate_answers
from analysis.stats.ustatistic import UEstimate, u_statistic

ALPHA = 0.05
_NULL = Latent(effect={})


@dataclass(frozen=True)
class Cell:
    """One simulated design: `cases` counts the cases that one reader reads, half of them PIEs."""

    name: str
    design: Literal["crossed", "nested", "blocks"] = "crossed"
    readers: int = 6
    cases: int = 40
    endpoint: Endpoint = QUALITY
    model: Latent = field(default=_NULL)
    missing: float = 0.0


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
        Cell("crossed6x40_bin_RA.044", endpoint=AGREE, model=ra(0.044)),
        Cell("nested6x40_bin_RA.044", "nested", endpoint=AGREE, model=ra(0.044)),
        Cell("crossed3x20_ord_RA.044", readers=3, cases=20, model=ra(0.044)),
        Cell("nested3x20_ord_RA.044", "nested", readers=3, cases=20, model=ra(0.044)),
        Cell("crossed12x40_ord_RA.044", readers=12, model=ra(0.044)),
    )


CELLS = _cells()
"""Null designs, named as in the published table of the method choice."""


def simulate_cell(rng: np.random.Generator, cell: Cell) -> tuple[Floats, Floats]:
    """Draw one study of a cell: answers to PIEs and controls, readers x cases, NaN where not read."""
    blocks = {"crossed": 1, "nested": cell.readers, "blocks": 2}[cell.design]
    n_cases = cell.cases * blocks
    is_pie = np.arange(n_cases) % 2 == 1
    answers = simulate_answers(rng, is_pie, cell.readers, cell.endpoint, cell.model)
    block_of_case = np.arange(n_cases) // cell.cases
    block_of_reader = np.arange(cell.readers) % blocks
    unread = block_of_reader[:, None] != block_of_case[None, :]
    unread |= rng.random(answers.shape) < cell.missing
    answers[unread] = np.nan
    return answers[:, is_pie], answers[:, ~is_pie]


def calibrate(
    cells: Sequence[Cell] = CELLS, *, simulations: int, seed: int, truth: float | None = None
) -> list[Row]:
    """Simulate each cell and count rejections at 5 % and intervals that cover.

    Parameters
    ----------
    cells: designs; null ones unless their model has an effect.
    simulations: studies per cell.
    seed: of the whole table.
    truth: theta of the model for the coverage; 0.5 under the null.

    Returns
    -------
    list: per cell the rejection rates of u_centred, u_imrmc, u_biased, or_unbiased, reader_t (readers only)
    and kruskal_pooled, coverage of the logit and the plain interval, the share of studies without a positive
    variance, and the Monte Carlo standard error of a rate of 5 %.
    """
    rows: list[Row] = []
    for cell, own_seed in zip(cells, np.random.SeedSequence(seed).spawn(len(cells)), strict=True):
        rng = np.random.default_rng(own_seed)
        outcomes = [_outcome(*simulate_cell(rng, cell), truth or 0.5) for _ in range(simulations)]
        rates = {name: float(np.mean([o[name] for o in outcomes])) for name in outcomes[0]}
        error = math.sqrt(ALPHA * (1 - ALPHA) / simulations)
        rows.append({"cell": cell.name, "simulations": simulations, **rates, "monte_carlo_error": error})
    return rows


def _outcome(pie: Floats, control: Floats, truth: float) -> dict[str, bool]:
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
    return {
        "u_centred": _rejects(u.estimate, variance, df),
        "u_imrmc": uncentred.usable and _rejects(u.estimate, uncentred.variance, uncentred.df),
        "u_biased": _rejects(u.estimate, u.variance_v, u.df_v),
        "or_unbiased": _rejects(parts.mean, parts.variance_random, parts.df_random),
        "reader_t": _rejects(parts.mean, parts.ms_readers / len(thetas), len(thetas) - 1),
        "kruskal_pooled": varied and float(stats.kruskal(*pooled).pvalue) < ALPHA,
        "coverage_logit": low <= truth <= high,
        "coverage_plain": plain[0] <= truth <= plain[1],
        "no_positive_variance": not u.usable,
    }


def _rejects(estimate: float, variance: float, df: float | None) -> bool:
    return variance > 0 and two_sided_p(estimate, 0.5, variance, df) < ALPHA


def true_theta(cell: Cell, *, simulations: int, seed: int) -> tuple[float, float]:
    """Return theta of a cell's model and its Monte Carlo error, as the mean of simulated estimates."""
    rng = np.random.default_rng(seed)
    estimates: list[UEstimate] = [u_statistic(*simulate_cell(rng, cell)) for _ in range(simulations)]
    values = np.array([u.estimate for u in estimates])
    return float(values.mean()), float(values.std(ddof=1) / math.sqrt(simulations))
