"""Planning: power by formula, from the latent model and by simulation, and the design that reaches a power."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from analysis.endpoints import Endpoint
from analysis.stats.candidates import Studies, chosen, difference
from analysis.stats.covariance import reader_thetas, unbiased
from analysis.stats.grid import Floats
from analysis.stats.obuchowski_rockette import components
from analysis.stats.rows import ALPHA, StatsError, two_sided_p
from analysis.stats.simulate import Latent, level_shares, scale_of, simulate_answers

DESIGNS = ("fully crossed", "own cases", "overlapping blocks")
MOST_PAIRS = 8_000_000
"""Readers x cases of one arm x cases of the other, above which a study is not simulated."""


@dataclass(frozen=True)
class Pilot:
    """Variances to plan with, from a pilot or an assumption; all on the scale of theta.

    `readers`: variance of the readers' own thetas beyond chance (>= 0); `error`: variance of one reader's theta
    over cases; `covariance`: of two readers' thetas over cases (0 when no case is shared); `cases`: number of
    cases per reader at which error and covariance hold.
    """

    readers: float
    error: float
    covariance: float
    cases: int


@dataclass(frozen=True)
class Power:
    """Power of a design (0..1), with the non-centrality and the degrees of freedom behind it."""

    power: float
    ncp: float
    df: float


def power(pilot: Pilot, *, readers: int, cases: int, delta: float, alpha: float = ALPHA) -> Power:
    """Return the power to find theta = 0.5 + delta with readers and cases random.

    Parameters
    ----------
    pilot: variances.
    readers: planned, at least 2.
    cases: planned per reader.
    delta: theta - 0.5; a risk difference RD is delta = RD / 2.
    alpha: two-sided level.

    Notes
    -----
    Single-test analogue of Hillis, Obuchowski and Berbaum 2011 (Acad Radiol 18:129, eq. 10): the variance of
    test x reader becomes that of readers, Cov1 is 0, Cov2 - Cov3 is Cov2. Readers dominate: with six readers of
    their own cases there are five degrees of freedom whatever the number of cases.
    """
    if readers < 2 or cases < 2:
        raise StatsError(f"expected at least 2 readers and 2 cases, got {readers} and {cases}")
    shrink = pilot.cases / cases
    spread = pilot.readers + shrink * (pilot.error + (readers - 1) * pilot.covariance)
    own = pilot.readers + shrink * (pilot.error - pilot.covariance)
    if not spread > 0 or not own > 0:
        raise StatsError("expected variances that add up to more than 0; give a pilot with variation")
    df = spread**2 * (readers - 1) / own**2
    ncp = readers * delta**2 / spread
    limit = float(stats.f.isf(alpha, 1, df))
    chance = float(stats.ncf.sf(limit, 1, df, ncp)) if ncp > 0 else alpha
    return Power(chance, ncp, df)


@dataclass(frozen=True)
class Plan:
    """A planned study. `cases` are those of one reader, half of each arm; `anchors` of them are read by all.

    `ratio`: controls of a PIE that form a matched set with it, 0: not matched; `correlation` is the part of a case's
    variance (0 to 1) that the members of a set share.
    """

    design: str
    readers: int
    cases: int
    blocks: int = 3
    anchors: int = 0
    ratio: int = 0
    correlation: float = 0.25

    def check(self) -> None:
        """Refuse a plan that nobody can read.

        Raises
        ------
        StatsError: an unknown design, or too few readers or cases.
        """
        if self.design not in DESIGNS:
            raise StatsError(f"expected a design of {', '.join(DESIGNS)}, got {self.design!r}")
        if self.readers < 2 or self.cases < 6:  # as a lock asks: 3 of either group
            raise StatsError(f"expected at least 2 readers and 6 cases, got {self.readers} and {self.cases}")
        if not 0 <= self.anchors <= self.cases or self.blocks < 2:
            raise StatsError("expected 0 to all cases of a reader as anchors, and at least 2 blocks")
        if self.ratio < 0 or not 0 <= self.correlation <= 1:
            raise StatsError("expected 0 or more controls in a matched set, and a correlation from 0 to 1")
        if self.ratio and self.cases < 3 * (self.ratio + 1):
            raise StatsError(
                f"expected at least 3 matched sets, {3 * (self.ratio + 1)} cases of a reader; got {self.cases} cases"
            )

    @property
    def sets(self) -> int:
        """Matched sets of one reader."""
        return self.cases // (self.ratio + 1) if self.ratio else 0


@dataclass(frozen=True)
class Simulated:
    """Share of simulated studies in which each test rejected, with its Monte Carlo standard error."""

    studies: int
    primary: float
    obuchowski_rockette: float | None
    error: float
    wanted: int


def latent_pilot(
    model: Latent, endpoint: Endpoint, *, cases: int, shares_cases: bool = True
) -> tuple[Pilot, float]:
    """Return the variances of theta that the latent model implies for this many cases, and theta itself.

    The model's random terms are integrated by Gauss-Hermite quadrature; no sampling. With n1 = n0 = cases / 2,
    a reader's variance over cases is that of a two-sample U-statistic,
    [z11 + (n0 - 1) z10 + (n1 - 1) z01] / (n1 n0) (Lehmann 1951), and two readers' covariance is the same with
    their shared case effects only.

    Parameters
    ----------
    model: effects and variances on the latent scale.
    endpoint: the question; its cuts are those of the calibration.
    cases: of one reader, half of each arm, at least 2.
    shares_cases: False where no case is read twice: the covariance is 0.
    """
    n1, n0 = cases - cases // 2, cases // 2
    win, weights_r, weights_c = _levels(model, endpoint)
    theta_r = np.einsum("rkl,k,l->r", win.given, weights_c, weights_c)
    theta = float(weights_r @ theta_r)
    own = _own_error(win, weights_r, theta_r, n1, n0)
    shared = np.einsum("rkl,r->kl", win.given, weights_r)
    z11 = float(np.einsum("kl,k,l->", shared**2, weights_c, weights_c)) - theta**2
    z10 = float(weights_c @ (shared @ weights_c) ** 2) - theta**2
    z01 = float(weights_c @ (weights_c @ shared) ** 2) - theta**2
    covariance = (z11 + (n0 - 1) * z10 + (n1 - 1) * z01) / (n1 * n0) if shares_cases else 0.0
    spread = max(float(weights_r @ theta_r**2) - theta**2, 0.0)
    return Pilot(spread, own, covariance, cases), theta


def within_sets(model: Latent, plan: Plan) -> Latent:
    """Return the model of answers within sets: what their members share moves both, as a reader's own level does."""
    shared = plan.correlation * model.case if plan.ratio else 0.0
    return replace(model, reader=model.reader + shared, case=model.case - shared)


def answer_shares(model: Latent, endpoint: Endpoint) -> tuple[Floats, Floats]:
    """Return how often each answer is given, over readers, cases and readings: to the other arm, then to the one.

    The latent value is normal with the sum of the variances around 0 and around the effect; the shares, one for each
    level in its order, are what the cuts take from it. Each adds up to 1.
    """
    cuts = scale_of(endpoint)[0]
    spread = math.sqrt(model.reader + model.reader_by_arm / 4 + model.case + model.rest)
    effect = np.array(model.effect.get(endpoint.name, 0.0))
    return level_shares(cuts, np.zeros(()), spread), level_shares(cuts, effect, spread)


@dataclass(frozen=True)
class _Win:
    """Level probabilities and win probabilities: `given` readers x cases x cases, `one`, `zero` readers x levels."""

    given: Floats
    one: Floats
    zero: Floats
    kernel: Floats


def _levels(model: Latent, endpoint: Endpoint) -> tuple[_Win, Floats, Floats]:
    nodes, weights = np.polynomial.hermite_e.hermegauss(21)
    few, few_weights = np.polynomial.hermite_e.hermegauss(11)
    weights, few_weights = weights / weights.sum(), few_weights / few_weights.sum()
    reader = np.repeat(few * math.sqrt(model.reader), len(few))
    lean = np.tile(few * math.sqrt(model.reader_by_arm), len(few))
    weights_r = np.repeat(few_weights, len(few)) * np.tile(few_weights, len(few))
    cuts = scale_of(endpoint)[0]
    scale = math.sqrt(model.rest)
    probabilities = []
    for arm in (1.0, 0.0):
        mean = reader + lean * (arm - 0.5) + model.effect.get(endpoint.name, 0.0) * arm
        center = mean[:, None] + nodes * math.sqrt(model.case)
        probabilities.append(level_shares(cuts, center, scale))
    levels = np.arange(len(cuts) + 1)
    kernel = 0.5 * np.sign(levels[:, None] - levels[None, :]) + 0.5
    given = np.einsum("rkx,xy,rly->rkl", probabilities[0], kernel, probabilities[1])
    one, zero = (np.einsum("rkx,k->rx", each, weights) for each in probabilities)
    return _Win(given, one, zero, kernel), weights_r, weights


def _own_error(win: _Win, weights_r: Floats, theta_r: Floats, n1: int, n0: int) -> float:
    """Return one reader's variance of theta over cases, averaged over readers."""
    z11 = np.einsum("rx,xy,ry->r", win.one, win.kernel**2, win.zero) - theta_r**2
    z10 = np.einsum("rx,rx->r", win.one, (win.zero @ win.kernel.T) ** 2) - theta_r**2
    z01 = np.einsum("ry,ry->r", win.zero, (win.one @ win.kernel) ** 2) - theta_r**2
    return float(weights_r @ (z11 + (n0 - 1) * z10 + (n1 - 1) * z01)) / (n1 * n0)


def simulated_power(
    plan: Plan,
    model: Latent,
    endpoint: Endpoint,
    *,
    seed: int,
    studies: int = 400,
    alpha: float = ALPHA,
    seconds: float = math.inf,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Simulated:
    """Draw studies of the plan from the latent model and count those in which the primary test shows what it is to.

    That is a difference, or with a margin non-inferiority or equivalence. Stops early when `seconds` have passed;
    `Simulated.studies` says how many were drawn, `wanted` how many were asked for. `error` is the standard error of
    the share for the primary test. Obuchowski-Rockette's rejections are counted for unmatched cases without a margin.

    Raises
    ------
    StatsError: a plan that nobody can read, or one too large to simulate.
    """
    plan.check()
    size = plan.readers * total_cases(plan) ** 2 / 4
    if size > MOST_PAIRS:
        raise StatsError("expected a smaller plan: this one takes too long to simulate; use the formula")
    rng = np.random.default_rng(seed)
    until = time.monotonic() + seconds
    done, found, second = 0, 0, 0
    compared = not plan.ratio and not endpoint.margin
    while done < studies and (done < 20 or time.monotonic() < until):
        drawn = draw_studies(rng, plan, model, endpoint, min(20, studies - done))
        tested = difference(drawn).within(endpoint, drawn) if endpoint.margin else chosen(drawn).p_values()
        found += int((tested <= alpha).sum())
        if compared:
            shares = plan.design != "own cases"
            second += sum(
                _rejects(*each, alpha, shares) for each in zip(drawn.pie, drawn.control, strict=True)
            )
        done += len(drawn.pie)
        progress(done, studies)
    share = found / done
    error = math.sqrt(max(share * (1 - share), 1 / done) / done)
    return Simulated(done, share, second / done if compared else None, error, studies)


def simulated_curve(
    plan: Plan, model: Latent, endpoint: Endpoint, cases: Sequence[int], *, seed: int, alpha: float
) -> list[float]:
    """Return the power of a plan of matched sets at each number of cases: simulated at a few, a line between them."""
    step = plan.ratio + 1
    few = sorted({max(3 * step, round(each / step) * step) for each in np.geomspace(3 * step, max(cases), 8)})
    powers = [
        simulated_power(
            replace(plan, cases=each), model, endpoint, seed=seed, studies=200, alpha=alpha
        ).primary
        for each in few
    ]
    return np.interp(cases, few, powers, left=0.0).tolist()


def total_cases(plan: Plan) -> int:
    """Return the cases of the whole study."""
    if plan.design == "fully crossed":
        return plan.cases
    if plan.design == "own cases":
        return plan.cases * plan.readers
    return plan.anchors + (plan.cases - plan.anchors) * min(plan.blocks, plan.readers)


def draw_studies(
    rng: np.random.Generator, plan: Plan, model: Latent, endpoint: Endpoint, studies: int
) -> Studies:
    """Draw the answers of studies of a plan; a matched set's members share a part of what makes a case."""
    size = plan.ratio + 1 if plan.ratio else 2
    place = np.arange(total_cases(plan) // size * size)
    one, shared = place % size == 0, plan.correlation if plan.ratio else 0.0
    answers = simulate_answers(
        rng,
        one,
        plan.readers,
        endpoint,
        model,
        studies=studies,
        set_size=size if plan.ratio else 0,
        shared=shared,
    )
    hands = {"fully crossed": 1, "own cases": plan.readers}.get(plan.design, min(plan.blocks, plan.readers))
    anchors = plan.anchors // size * size if plan.design == "overlapping blocks" else 0
    # Sets, or pairs of neighbours, are dealt, so that each reader has as many of either arm.
    hand_of_case = np.where(place < anchors, -1, (place - anchors) // size % hands)
    unread = (hand_of_case >= 0) & (hand_of_case != (np.arange(plan.readers) % hands)[:, None])
    answers[:, unread] = np.nan
    return Studies(answers[..., one], answers[..., ~one], plan.ratio)


def _rejects(pie: Floats, other: Floats, alpha: float, shares: bool) -> bool:
    parts = components(reader_thetas(pie, other), unbiased(pie, other), shares_cases=shares)
    return bool(
        parts.variance_random > 0
        and two_sided_p(parts.mean, 0.5, parts.variance_random, parts.df_random) <= alpha
    )
