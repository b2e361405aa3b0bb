"""Linear mixed model with crossed random intercepts by REML, with Satterthwaite's degrees of freedom.

As lme4::lmer with lmerTest (Bates and others 2015, J Stat Softw 67(1); Kuznetsova and others 2017, J Stat Softw
82(13)). Everything is computed from cross-products, so the number of readings costs nothing.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import linalg, optimize

from analysis.stats.grid import Floats, Integers
from analysis.stats.laplace import SINGULAR_SD, derivatives, polish


@dataclass(frozen=True)
class LinearFit:
    """One coefficient of a fitted model, and its variance components (`variances`: factors, then residual)."""

    estimate: float
    se: float
    df: float | None
    variances: Floats
    singular: bool


class _CrossProducts:
    """Sufficient statistics of a linear mixed model."""

    def __init__(self, y: Floats, design: Floats, factors: Sequence[Integers]) -> None:
        sizes = [int(codes.max()) + 1 for codes in factors]
        self.n, self.p, self.sizes = len(y), design.shape[1], sizes
        z = np.zeros((len(y), sum(sizes)))
        for codes, start in zip(factors, np.cumsum([0, *sizes[:-1]]), strict=True):
            z[np.arange(len(y)), codes + start] = 1.0
        both = np.column_stack([design, y])
        self.zz, self.zxy, self.xyxy = z.T @ z, z.T @ both, both.T @ both

    def solve(self, sds: Floats) -> tuple[float, Floats, Floats]:
        """Return the REML deviance, the coefficients and their covariance; sds: factors, then residual."""
        residual = sds[-1] ** 2
        scale = np.repeat(sds[:-1], self.sizes)
        inner = np.eye(len(scale)) * residual + scale[:, None] * self.zz * scale[None, :]
        root = linalg.cholesky(inner, lower=True)
        half = linalg.solve_triangular(root, scale[:, None] * self.zxy, lower=True)
        crossed = (self.xyxy - half.T @ half) / residual
        information, right = crossed[: self.p, : self.p], crossed[: self.p, self.p]
        coefficients = np.linalg.solve(information, right)
        rest = float(crossed[self.p, self.p] - right @ coefficients)
        log_v = 2 * float(np.log(np.diag(root)).sum()) + (self.n - len(scale)) * math.log(residual)
        deviance = log_v + float(np.linalg.slogdet(information)[1]) + rest
        return deviance, coefficients, np.linalg.inv(information)


def fit_linear(y: Floats, design: Floats, factors: Sequence[Integers], *, coefficient: int) -> LinearFit:
    """Fit by REML and test one coefficient.

    Parameters
    ----------
    y: responses, without gaps.
    design: responses x covariates with the intercept's column.
    factors: grouping factors as codes 0..G-1.
    coefficient: column of the design to report.

    Returns
    -------
    LinearFit: `df` is None when the information on the variances cannot be inverted.
    """
    data = _CrossProducts(y, design, factors)
    start = np.full(len(factors) + 1, float(y.std(ddof=1)) / math.sqrt(len(factors) + 1))

    def deviance(logs_and_sds: Floats) -> float:
        # The residual is kept positive by its logarithm; a random intercept may vanish, so its sd is free.
        sds = np.append(logs_and_sds[:-1], math.exp(logs_and_sds[-1]))
        return data.solve(sds)[0]

    first = np.append(start[:-1], math.log(start[-1]))
    found = optimize.minimize(deviance, first, method="BFGS", options={"gtol": 1e-5})
    parameters, _ = polish(deviance, np.asarray(found.x, dtype=float))
    sds = np.append(np.abs(parameters[:-1]), math.exp(parameters[-1]))
    _, coefficients, covariance = data.solve(sds)
    singular = bool((sds[:-1] < SINGULAR_SD * sds[-1]).any())
    return LinearFit(
        estimate=float(coefficients[coefficient]),
        se=math.sqrt(covariance[coefficient, coefficient]),
        df=_satterthwaite(data, sds, coefficient),
        variances=sds**2,
        singular=singular,
    )


def _satterthwaite(data: _CrossProducts, sds: Floats, coefficient: int) -> float | None:
    kept = [k for k, sd in enumerate(sds) if k == len(sds) - 1 or sd >= SINGULAR_SD * sds[-1]]

    def filled(part: Floats) -> Floats:
        full = np.where(np.isin(np.arange(len(sds)), kept), sds, 0.0)
        full[kept] = part
        return full

    hessian = derivatives(lambda part: data.solve(filled(part))[0], sds[kept])[1]
    slope = derivatives(lambda part: float(data.solve(filled(part))[2][coefficient, coefficient]), sds[kept])[
        0
    ]
    if np.linalg.eigvalsh(hessian).min() <= 0:
        return None
    variance = float(data.solve(sds)[2][coefficient, coefficient])
    return float(2 * variance**2 / (slope @ (2 * np.linalg.inv(hessian)) @ slope))
