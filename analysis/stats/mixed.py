"""Mixed models as labelled sensitivity analyses: odds ratios for readers and cases like these.

Cumulative logit with crossed random intercepts, fitted by the Laplace approximation: y <= k with probability
F(alpha_k - x'beta - sum of random intercepts), F logistic; two levels make it the logistic mixed model. Laplace:
Pinheiro and Bates 1995 (J Comput Graph Stat 4:12); as ordinal::clmm and lme4::glmer with one quadrature point.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import optimize
from scipy.special import expit

from analysis.endpoints import Endpoint
from analysis.stats.grid import Floats, Grid, Integers
from analysis.stats.primary import NO_VARIATION, ONE_READER, blank_row, no_variation
from analysis.stats.rows import LEVEL, Comparison, plain_interval, with_test

WALD = "Wald z takes the effect of the arm as the same for all readers: sensitivity only"


def compare_mixed(grid: Grid, endpoint: Endpoint, level: float = LEVEL) -> Comparison:
    """Fit y ~ arm + (1 | reader) + (1 | case) on the logit scale by Laplace.

    Parameters
    ----------
    grid: the answers. When no case was answered twice the case intercept is left out: nothing identifies it.
    endpoint: "clmm" (proportional odds) for an ordinal question, "logistic_mixed" for a binary one.
    level: of the interval, 0 to 1.

    Returns
    -------
    Comparison: estimate = log odds ratio of a higher answer, PIE against control, with a Wald interval; extra
    holds the odds ratio with its interval, the variances, the log-likelihood and whether the fit is singular.
    """
    method = "logistic_mixed" if endpoint.kind == "binary" else "clmm"
    row = replace(blank_row(grid, endpoint, method), scale="log_odds_ratio")
    if endpoint.kind == "number":
        return row.noted("not available: a number has no levels, whose odds this model compares")
    if no_variation(grid):
        return row.noted(NO_VARIATION)
    if len(grid.readers) == 1:
        return row.noted(ONE_READER)
    readers, cases = np.nonzero(~np.isnan(grid.answers))
    values = grid.answers[readers, cases]
    _, levels = np.unique(values, return_inverse=True)
    factors = [readers, cases] if grid.shares_cases else [readers]
    fit = fit_cumulative_logit(levels, grid.is_pie[cases][:, None].astype(float), factors)
    estimate = float(fit.coefficients[0])
    variance = math.inf if fit.se is None else float(fit.se[0] ** 2)
    low, high = plain_interval(estimate, variance, None, level)
    if not max(-low, high) < FARTHEST:
        return row.noted("not estimable: the model did not converge or the arms are separated")
    row = replace(
        with_test(replace(row, estimate=estimate), variance, None, "normal", level),
        extra={
            "odds_ratio": math.exp(estimate),
            "odds_ratio_low": math.exp(low),
            "odds_ratio_high": math.exp(high),
            "variance_reader": float(fit.variances[0]),
            "variance_case": float(fit.variances[1]) if grid.shares_cases else None,
            "log_likelihood": fit.log_likelihood,
            "singular": fit.singular,
        },
    )
    flag = "singular fit: a random intercept has no variance" if fit.singular else ""
    nested = "" if grid.shares_cases else "no case answered twice: without a case intercept"
    return row.noted(WALD, flag, nested)


FARTHEST = 700.0
"""Log odds from which the odds are no number that a computer has."""

SINGULAR_SD = 1e-2
"""A random intercept whose standard deviation is below this is reported as a singular fit."""


_INNER_TOLERANCE = 1e-10


_INNER_STEPS = 60


_STEP = 1e-4
"""Step of the numerical second derivatives, on the scale of log odds."""


_LARGEST = 12.0
"""A log odds ratio beyond this means that the arms are separated: the estimate would run to infinity."""


@dataclass(frozen=True)
class MixedFit:
    """A fitted model: coefficients with standard errors, variances of the random intercepts, log-likelihood.

    `se` is None when the information matrix is not positive definite or the arms are separated.
    """

    coefficients: Floats
    se: Floats | None
    thresholds: Floats
    variances: Floats
    log_likelihood: float
    singular: bool


class _Model:
    """Data of one fit, and the mode of the random intercepts as a warm start for the next evaluation."""

    def __init__(self, levels: Integers, design: Floats, factors: Sequence[Integers]) -> None:
        self.levels, self.design = levels, design
        self.n_levels = int(levels.max()) + 1
        # The factor with more groups comes first: its block of the Hessian is diagonal and is eliminated.
        sizes = [int(codes.max()) + 1 for codes in factors]
        self.order = sorted(range(len(factors)), key=lambda k: -sizes[k])
        self.factors = [factors[k] for k in self.order]
        self.sizes = [sizes[k] for k in self.order]
        self.modes = [np.zeros(size) for size in self.sizes]
        self.cells = self.factors[0] * self.sizes[-1] + self.factors[-1]

    def unpack(self, parameters: Floats) -> tuple[Floats, Floats, Floats]:
        """Split parameters into thresholds, coefficients and standard deviations (of either sign)."""
        k = self.n_levels - 1
        thresholds = np.cumsum(np.concatenate([parameters[:1], np.exp(parameters[1:k])]))
        return thresholds, parameters[k : k + self.design.shape[1]], parameters[k + self.design.shape[1] :]

    def negative_log_likelihood(self, parameters: Floats) -> float:
        """Return minus the Laplace log-likelihood."""
        thresholds, coefficients, sds = self.unpack(parameters)
        edges = np.concatenate([[-np.inf], thresholds, [np.inf]])
        upper, lower = edges[self.levels + 1], edges[self.levels]
        fixed = self.design @ coefficients
        modes = [mode.copy() for mode in self.modes]
        value = self._penalised(fixed, modes, sds, upper, lower)
        for _ in range(_INNER_STEPS):
            steps, slope, log_determinant = self._newton(fixed, modes, sds, upper, lower)
            if slope < _INNER_TOLERANCE:
                break
            scale = 1.0
            while scale > 1e-6:
                trial = [mode + scale * step for mode, step in zip(modes, steps, strict=True)]
                new = self._penalised(fixed, trial, sds, upper, lower)
                if new <= value + 1e-12:
                    break
                scale /= 2
            modes, value = trial, new
        self.modes = modes
        return value + log_determinant / 2

    def _predictor(self, fixed: Floats, modes: list[Floats], sds: Floats) -> Floats:
        eta = fixed.copy()
        for codes, mode, sd in zip(self.factors, modes, sds, strict=True):
            eta += sd * mode[codes]
        return eta

    def _penalised(
        self, fixed: Floats, modes: list[Floats], sds: Floats, upper: Floats, lower: Floats
    ) -> float:
        eta = self._predictor(fixed, modes, sds)
        chance = np.maximum(expit(upper - eta) - expit(lower - eta), 1e-300)
        return float(-np.log(chance).sum() + sum((mode**2).sum() for mode in modes) / 2)

    def _newton(
        self, fixed: Floats, modes: list[Floats], sds: Floats, upper: Floats, lower: Floats
    ) -> tuple[list[Floats], float, float]:
        """Return the Newton step, the largest slope, and the log determinant of the Hessian."""
        eta = self._predictor(fixed, modes, sds)
        above, below = expit(upper - eta), expit(lower - eta)
        chance = np.maximum(above - below, 1e-300)
        dense_above, dense_below = above * (1 - above), below * (1 - below)
        score = (dense_below - dense_above) / chance
        bend = (dense_above * (1 - 2 * above) - dense_below * (1 - 2 * below)) / chance
        weight = score**2 - bend
        slopes = [
            sd * np.bincount(codes, score, size) - mode
            for codes, mode, sd, size in zip(self.factors, modes, sds, self.sizes, strict=True)
        ]
        blocks = [
            1 + sd**2 * np.bincount(codes, weight, size)
            for codes, sd, size in zip(self.factors, sds, self.sizes, strict=True)
        ]
        slope = max(float(np.abs(s).max()) for s in slopes)
        if len(blocks) == 1:
            return [slopes[0] / blocks[0]], slope, float(np.log(blocks[0]).sum())
        cross = sds[0] * sds[1] * np.bincount(self.cells, weight, math.prod(self.sizes)).reshape(self.sizes)
        scaled = cross / blocks[0][:, None]
        schur = np.diag(blocks[1]) - cross.T @ scaled
        second = np.linalg.solve(schur, slopes[1] - scaled.T @ slopes[0])
        first = (slopes[0] - cross @ second) / blocks[0]
        sign_and_log = np.linalg.slogdet(schur)
        return [first, second], slope, float(np.log(blocks[0]).sum() + sign_and_log[1])


def fit_cumulative_logit(levels: Integers, design: Floats, factors: Sequence[Integers]) -> MixedFit:
    """Fit the model by maximum Laplace likelihood.

    Parameters
    ----------
    levels: answers as 0..K-1, every level used.
    design: answers x covariates, without an intercept.
    factors: one or two grouping factors as codes 0..G-1.

    Returns
    -------
    MixedFit: variances in the order of `factors`.
    """
    model = _Model(levels, design, factors)
    shares = np.cumsum(np.bincount(levels, minlength=model.n_levels))[:-1] / len(levels)
    start_thresholds = np.log(shares / (1 - shares))
    start = np.concatenate(
        [
            start_thresholds[:1],
            np.log(np.maximum(np.diff(start_thresholds), 1e-3)),
            np.zeros(design.shape[1]),
            np.full(len(factors), 0.7),
        ]
    )
    found = optimize.minimize(
        model.negative_log_likelihood, start, method="BFGS", options={"gtol": 1e-4, "maxiter": 200}
    )
    parameters, hessian = polish(model.negative_log_likelihood, np.asarray(found.x, dtype=float))
    thresholds, coefficients, sds = model.unpack(parameters)
    variances = np.empty(len(factors))
    variances[model.order] = sds**2
    return MixedFit(
        coefficients=coefficients,
        se=_standard_errors(hessian, model.n_levels - 1, coefficients, sds),
        thresholds=thresholds,
        variances=variances,
        log_likelihood=-model.negative_log_likelihood(parameters),
        singular=bool((np.abs(sds) < SINGULAR_SD).any()),
    )


def polish(objective: Callable[[Floats], float], parameters: Floats) -> tuple[Floats, Floats]:
    """Take Newton steps with numerical derivatives where they lower the objective; return the last Hessian."""
    value = objective(parameters)
    for _ in range(4):
        gradient, hessian = derivatives(objective, parameters)
        try:
            step = np.linalg.solve(hessian, gradient)
        except np.linalg.LinAlgError:
            break
        trial = parameters - step
        if np.abs(step).max() > 1 or not (new := objective(trial)) < value - 1e-12:
            break
        parameters, value = trial, new
    return parameters, hessian


def derivatives(objective: Callable[[Floats], float], x: Floats) -> tuple[Floats, Floats]:
    """Return gradient and Hessian of a function by central differences."""
    n = len(x)
    unit = np.eye(n) * _STEP
    middle = objective(x)
    plus = np.array([objective(x + unit[k]) for k in range(n)])
    minus = np.array([objective(x - unit[k]) for k in range(n)])
    hessian = np.diag((plus - 2 * middle + minus) / _STEP**2)
    for j in range(n):
        for k in range(j):
            # Abramowitz and Stegun 25.3.27: the values along the axes are there already.
            both = objective(x + unit[j] + unit[k]) + objective(x - unit[j] - unit[k]) + 2 * middle
            both -= plus[j] + plus[k] + minus[j] + minus[k]
            hessian[j, k] = hessian[k, j] = both / (2 * _STEP**2)
    return (plus - minus) / (2 * _STEP), hessian


def _standard_errors(hessian: Floats, first: int, coefficients: Floats, sds: Floats) -> Floats | None:
    """Invert the information; a vanished random intercept is held at zero."""
    if np.abs(coefficients).max() > _LARGEST:
        return None
    n_before = first + len(coefficients)
    kept = [*range(n_before), *(n_before + k for k, sd in enumerate(sds) if abs(sd) >= SINGULAR_SD)]
    information = hessian[np.ix_(kept, kept)]
    if np.linalg.eigvalsh(information).min() <= 0:
        return None
    variances = np.diag(np.linalg.inv(information))[first:n_before]
    return np.asarray(np.sqrt(variances), dtype=float)
