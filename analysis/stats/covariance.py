"""Covariance over cases of the readers' own thetas: DeLong, jackknife, unbiased U."""

import numpy as np

from analysis.stats.grid import Floats, Integers
from analysis.stats.ustatistic import kernel_matrix


def reader_thetas(pie: Floats, control: Floats) -> Floats:
    """Return each reader's theta from the reader's own cases (readers x cases, NaN = missing)."""
    sums = [kernel_matrix(own1, own0, "win").sum() for own1, own0 in zip(pie, control, strict=True)]
    counts = (~np.isnan(pie)).sum(axis=1) * (~np.isnan(control)).sum(axis=1)
    return np.asarray(np.array(sums) / counts)


def delong_variance(pie: Floats, control: Floats) -> float | None:
    """Return the variance of one reader's theta (DeLong, DeLong and Clarke-Pearson 1988, Biometrics 44:837).

    Parameters
    ----------
    pie, control: the reader's answers, NaN = missing.

    Returns
    -------
    float, or None with fewer than two answers in an arm.
    """
    own1, own0 = pie[~np.isnan(pie)], control[~np.isnan(control)]
    if min(len(own1), len(own0)) < 2:
        return None
    wins = kernel_matrix(own1, own0, "win")
    return float(wins.mean(axis=1).var(ddof=1) / len(own1) + wins.mean(axis=0).var(ddof=1) / len(own0))


def delong(pie: Floats, control: Floats) -> Floats | None:
    """Return the readers x readers DeLong covariance, or None unless every reader answered every case."""
    if np.isnan(pie).any() or np.isnan(control).any():
        return None
    wins = [kernel_matrix(own1, own0, "win") for own1, own0 in zip(pie, control, strict=True)]
    by_pie = np.array([w.mean(axis=1) for w in wins])
    by_control = np.array([w.mean(axis=0) for w in wins])
    parts = np.cov(by_pie) / pie.shape[1] + np.cov(by_control) / control.shape[1]
    return np.atleast_2d(np.asarray(parts, dtype=float))


def jackknife(pie: Floats, control: Floats, patients: Integers | None = None) -> Floats | None:
    """Return the readers x readers covariance by leaving out one case at a time; any missing pattern.

    With `patients`, the number of the patient of each case, PIEs first, one patient at a time. It does not depend on
    which arm is called 1. None when leaving out one empties an arm of a reader.
    """
    counts1, counts0 = (~np.isnan(pie)).sum(axis=1), (~np.isnan(control)).sum(axis=1)
    owner = np.arange(pie.shape[1] + control.shape[1]) if patients is None else patients
    out = np.equal.outer(np.arange(owner.max() + 1), owner).astype(float)
    n_out, (out1, out0) = len(out), (out[:, : pie.shape[1]], out[:, pie.shape[1] :])
    left_out = np.empty((pie.shape[0], n_out))
    for r, (own1, own0) in enumerate(zip(pie, control, strict=True)):
        wins = kernel_matrix(own1, own0, "win")
        present1, present0 = ~np.isnan(own1), ~np.isnan(own0)
        left = (counts1[r] - out1 @ present1) * (counts0[r] - out0 @ present0)
        if not left.all():
            return None
        gone = out1 @ wins.sum(axis=1) + out0 @ wins.sum(axis=0) - ((out1 @ wins) * out0).sum(axis=1)
        left_out[r] = (wins.sum() - gone) / left
    deviations = left_out - left_out.mean(axis=1, keepdims=True)
    return np.asarray((n_out - 1) / n_out * deviations @ deviations.T, dtype=float)


def unbiased(pie: Floats, control: Floats, *, center: bool = True) -> Floats:
    """Return the readers x readers covariance from pairwise U-statistics over the cases that two readers share.

    The product of two readers' thetas less the mean product of their kernels over different PIEs and controls, which
    are independent.

    Parameters
    ----------
    pie, control: readers x cases, NaN = missing.
    center: subtract each reader's theta from the kernel first, so that the result does not depend on which arm is
        called 1. With nothing missing this changes nothing. Two readers without a common case then have covariance 0.
        False is the form of MRMCaov (Gallas, Pennello and Myers 2007, J Opt Soc Am A 24:B70), for comparison with it.
    """
    thetas = reader_thetas(pie, control)
    in1, in0 = (~np.isnan(pie)).astype(float), (~np.isnan(control)).astype(float)
    wins = kernel_matrix(pie, control, "win")
    level = thetas if center else np.zeros_like(thetas)
    values = wins - level[:, None, None] * in1[:, :, None] * in0[:, None, :]
    rows, columns, flat = values.sum(axis=2), values.sum(axis=1), values.reshape(len(thetas), -1)
    totals = values.sum(axis=(1, 2))
    both1, both0 = in1 @ in1.T, in0 @ in0.T
    n1, n0 = in1.sum(axis=1), in0.sum(axis=1)
    disjoint = np.outer(totals, totals) - rows @ rows.T - columns @ columns.T + flat @ flat.T
    counts = np.outer(n1 * n0, n1 * n0) - both1 * np.outer(n0, n0) - both0 * np.outer(n1, n1) + both1 * both0
    independent = np.divide(disjoint, counts, out=np.zeros_like(disjoint), where=counts > 0)
    return np.asarray(np.outer(thetas - level, thetas - level) - independent, dtype=float)
