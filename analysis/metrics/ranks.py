"""Exact average ranks and Spearman's correlation, row by row."""

import numpy as np
from numba import njit
from numpy.typing import NDArray


def spearman_rows(x: NDArray[np.floating], y: NDArray[np.floating]) -> NDArray[np.float64]:
    """Correlate row i of `x` with row i of `y` by rank.

    The sums are integers, so two rows of equal rank order give exactly equal correlations: cuts and ties at a
    quantile do not depend on rounding.

    Parameters
    ----------
    x, y: finite, the same shape (rows, columns), at least 2 columns.

    Returns
    -------
    Spearman's rho of each pair of rows, float64, from -1 to 1, equal to `scipy.stats.spearmanr` within 1e-12; nan
    where a row is constant.

    Raises
    ------
    ValueError: shapes that differ, fewer than 2 columns, a value that is not finite.

    Reference
    ---------
    Pearson's correlation of average ranks (Kendall and Gibbons 1990, chapter 3).
    """
    a, b = _check_rows(x), _check_rows(y)
    if a.shape != b.shape or a.shape[1] < 2:
        raise ValueError(
            f"expected two tables of one shape with 2 columns or more, got {a.shape} and {b.shape}"
        )
    return np.asarray(_spearman_rows(_doubled_ranks(a), _doubled_ranks(b)))


def _check_rows(values: NDArray[np.floating]) -> NDArray[np.floating]:
    table = np.asarray(values)
    if table.ndim != 2:
        raise ValueError(f"expected rows x columns, got an array of shape {table.shape}")
    if not np.isfinite(table).all():
        raise ValueError("expected finite values, got nan or infinity")
    if table.dtype != np.float32:
        table = table.astype(np.float64)
    return np.ascontiguousarray(table)


_WIDE = 64
"""Up to this width counting every pair of a row is faster than sorting it."""


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _doubled_ranks(table: NDArray[np.floating]) -> NDArray[np.int64]:
    rows, columns = table.shape
    out = np.empty((rows, columns), np.int64)
    for i in range(rows):
        if columns <= _WIDE:
            for j in range(columns):
                twice = np.int64(1)
                for k in range(columns):
                    twice += 2 * np.int64(table[i, k] < table[i, j]) + np.int64(table[i, k] == table[i, j])
                out[i, j] = twice
        else:
            order = np.argsort(table[i])
            start = 0
            while start < columns:
                stop = start + 1
                while stop < columns and table[i, order[stop]] == table[i, order[start]]:
                    stop += 1
                for j in range(start, stop):
                    out[i, order[j]] = start + stop + 1
                start = stop
    return out


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _spearman_rows(x: NDArray[np.int64], y: NDArray[np.int64]) -> NDArray[np.float64]:
    rows, n = x.shape
    out = np.empty(rows)
    for i in range(rows):
        sxx = syy = sxy = np.int64(0)
        for j in range(n):
            # centred at the mean of doubled ranks, n + 1, which keeps the sums small
            a, b = x[i, j] - (n + 1), y[i, j] - (n + 1)
            sxx += a * a
            syy += b * b
            sxy += a * b
        if sxx == 0 or syy == 0:
            out[i] = np.nan
        else:
            out[i] = min(1.0, max(-1.0, sxy / np.sqrt(float(sxx) * float(syy))))
    return out
