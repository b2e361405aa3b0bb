"""Agreement between readers, overall and per arm, and of each with their own first reading, from hidden repeats.

Between readers the percentile intervals are from a bootstrap over cases, those of one patient together.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from analysis.endpoints import PAPER, Endpoint
from analysis.stats import agreement
from analysis.stats.grid import Floats, by_patient
from analysis.stats.intake import Checked
from analysis.stats.rows import LEVEL, Row, critical, plain_interval

BOOTSTRAPS = 2_000
LEAST_ESTIMABLE = 0.9
"""An interval is given when at least this share of the bootstrap samples had an estimate (judgement)."""

NOT_TWICE = "not estimable: no case was answered by two readers"
NO_VARIATION = "not estimable: all answers are the same"
NO_INTERVAL = "no interval: too many bootstrap samples without an estimate"
COLUMNS = ("endpoint", "statistic", "scope", "value", "ci_low", "ci_high", "z", "cases", "readers", "note")
_SCOPES = (("all", None), ("pie", 1.0), ("control", 0.0))


def agreement_table(
    first: pd.DataFrame,
    *,
    seed: int,
    bootstraps: int = BOOTSTRAPS,
    level: float = LEVEL,
    endpoints: Sequence[Endpoint] = PAPER,
) -> list[Row]:
    """Estimate agreement for every question, overall and in each arm.

    Parameters
    ----------
    first: `Checked.first` (presentation 1).
    seed, bootstraps: of the bootstrap over cases.
    level: of the intervals, 0 to 1.
    endpoints: the questions.

    Returns
    -------
    list: endpoint, statistic, scope (all, pie, control), value, ci_low, ci_high, cases (answered by two
    readers or more), readers, z (Fleiss), note.
    """
    rows: list[Row] = []
    for endpoint in endpoints:
        for scope, arm in _SCOPES:
            own = first if arm is None else first[first["arm"] == arm]
            rows += _scope(own, endpoint, scope, seed, bootstraps, level)
    return rows


def _scope(
    own: pd.DataFrame, endpoint: Endpoint, scope: str, seed: int, bootstraps: int, level: float
) -> list[Row]:
    answered = own[own[endpoint.name].notna()]
    wide = answered.pivot(index="case", columns="reader", values=endpoint.name)
    ratings = wide.to_numpy(dtype=float)
    twice = (~np.isnan(ratings)).sum(axis=1) >= 2
    pairable = ratings[twice]
    base: Row = {
        "endpoint": endpoint.name,
        "scope": scope,
        "cases": len(pairable),
        "readers": ratings.shape[1],
        "level": level,
    }
    number = endpoint.kind == "number"
    metric: agreement.Metric = "interval" if number else "nominal" if endpoint.kind == "binary" else "ordinal"
    kappa, percent = "mean_weighted_kappa", "percent_agreement"
    names = ("krippendorff_alpha", "icc_2_1", "icc_2_k", "fleiss_kappa", kappa, percent)
    if not len(pairable):
        return [_row(base, name, None, NOT_TWICE) for name in names]
    rng = np.random.default_rng(seed)
    owner = pd.factorize(by_patient(answered).groupby(answered["case"]).first()[wide.index[twice]])[0]
    patients = owner.max() + 1
    weights = rng.multinomial(patients, np.full(patients, 1 / patients), bootstraps)[:, owner].astype(float)
    levels = np.array([] if number else endpoint.values, dtype=float)
    counts = agreement.level_counts(pairable, levels)
    single = agreement.coincidences(counts)

    def alpha(w: Floats) -> Floats:
        if number:
            return agreement.interval_alpha(pairable, w)
        return agreement.krippendorff_alpha(np.tensordot(w, single, axes=1), levels, metric)

    def agreeing(w: Floats) -> Floats:
        given = (~np.isnan(pairable)).sum(axis=1)
        pairs = (pairable[:, :, None] == pairable[:, None, :]).sum(axis=(1, 2)) - given
        possible = given * (given - 1)
        return np.asarray((w @ pairs) / (w @ possible), dtype=float)

    return [
        _bootstrapped(base, names[0], alpha, weights, f"{metric} distances"),
        *_icc_rows(base, ratings),
        _row(base, "fleiss_kappa", None, "not available: a number has no categories")
        if number
        else _fleiss_row(base, agreement.level_counts(ratings, levels), weights, counts),
        _bootstrapped(base, kappa, lambda w: agreement.mean_pairwise_kappa(pairable, w), weights),
        _bootstrapped(base, percent, agreeing, weights),
    ]


def _bootstrapped(
    base: Row, name: str, statistic: Callable[[Floats], Floats], weights: Floats, note: str = ""
) -> Row:
    value = float(statistic(np.ones((1, weights.shape[1])))[0])
    if np.isnan(value):
        return _row(base, name, None, NO_VARIATION)
    return _row(base, name, value, note, _percentiles(statistic(weights), base["level"]))


def _percentiles(samples: Floats, level: float) -> tuple[float, float] | None:
    estimable = samples[~np.isnan(samples)]
    if len(estimable) < LEAST_ESTIMABLE * len(samples):
        return None
    low, high = np.quantile(estimable, [0.5 - level / 2, 0.5 + level / 2])
    return float(low), float(high)


def _icc_rows(base: Row, ratings: Floats) -> list[Row]:
    names = ("icc_2_1", "icc_2_k")
    both, reason = None, "not available: needs every reader to answer every case"
    if not np.isnan(ratings).any() and min(ratings.shape) >= 2:
        both, reason = (
            agreement.icc(ratings, base["level"]),
            "not estimable: no variation beside the readers' means",
        )
    if both is None:
        return [_row(base, name, None, reason) for name in names]
    return [
        _row(base, name, result.value, "limits after McGraw and Wong", (result.low, result.high))
        if result is not None
        else _row(base, name, None, "not estimable: readers agree less than by chance")
        for name, result in zip(names, both, strict=True)
    ]


def _fleiss_row(base: Row, all_counts: Floats, weights: Floats, counts: Floats) -> Row:
    if len({*all_counts.sum(axis=1).tolist()}) > 1:
        return _row(
            base, "fleiss_kappa", None, "not available: needs the same number of answers to each case"
        )
    result = agreement.fleiss_kappa(counts)
    if result is None:
        return _row(base, "fleiss_kappa", None, NO_VARIATION)

    def statistic(w: Floats) -> Floats:
        answered = counts.sum(axis=1)[0]
        share = (w @ counts) / (w.sum(axis=1, keepdims=True) * answered)
        chance = (share**2).sum(axis=1)
        pairs = (counts * (counts - 1)).sum(axis=1) / (answered * (answered - 1))
        observed = (w @ pairs) / w.sum(axis=1)
        return np.asarray(
            np.divide(observed - chance, 1 - chance, out=np.full(len(w), np.nan), where=chance < 1 - 1e-12),
            dtype=float,
        )

    return _row(
        base, "fleiss_kappa", result.kappa, "", _percentiles(statistic(weights), base["level"]), z=result.z
    )


def _row(
    base: Row,
    name: str,
    value: float | None,
    note: str,
    interval: tuple[float, float] | None = None,
    z: float | None = None,
) -> Row:
    if value is not None and interval is None:
        note = f"{note}; {NO_INTERVAL}" if note else NO_INTERVAL
    low, high = interval or (None, None)
    row = base | {"statistic": name, "value": value, "ci_low": low, "ci_high": high, "z": z, "note": note}
    return {column: row[column] for column in COLUMNS}


FEWEST_PAIRS = 5
"""Below this only counts are given."""

_OWN = (
    *("exact_agreement", "same_low", "same_high", "weighted_kappa", "kappa_low", "kappa_high"),
    *("mean_shift", "ci_low", "ci_high"),
)


def intra_reader_table(
    checked: Checked, level: float = LEVEL, endpoints: Sequence[Endpoint] = PAPER
) -> list[Row]:
    """Compare presentations 1 and 2 of the same case and reader.

    Parameters
    ----------
    checked: first readings and repeats.
    level: of the intervals, 0 to 1.
    endpoints: the questions.

    Returns
    -------
    list: endpoint, reader (None = all), n (pairs), exact_agreement (0..1) with same_low and same_high, weighted_kappa
    (quadratic) with kappa_low and kappa_high, mean_shift (second minus first, in points) with ci_low and ci_high, note.
    Empty without repeats. For all readers together pairs are clustered by reader (degrees of freedom: readers - 1).
    Shift and kappa have Student's interval, kappa by the jackknife; the share's is exact for the effective number of
    pairs (Korn and Graubard 1998, Surv Methodol 24:193).
    """
    second = checked.repeats[checked.repeats["presentation"] == 2]
    if second.empty:
        return []
    both = checked.first.merge(second, on=["reader", "case"], suffixes=("_first", "_second"))
    rows: list[Row] = []
    for endpoint in endpoints:
        names = [f"{endpoint.name}_first", f"{endpoint.name}_second"]
        pairs = both[["reader", *names]].dropna()
        for reader in sorted(second["reader"].unique()):
            rows.append(_own_agreement(endpoint, str(reader), pairs[pairs["reader"] == reader], names, level))
        rows.append(_own_agreement(endpoint, None, pairs, names, level))
    return rows


def _own_agreement(
    endpoint: Endpoint, reader: str | None, pairs: pd.DataFrame, names: list[str], level: float
) -> Row:
    first, second = (pairs[name].to_numpy(dtype=float) for name in names)
    same = int((first == second).sum())
    row: Row = {"endpoint": endpoint.name, "reader": reader, "n": len(pairs), "n_same": same}
    row |= dict.fromkeys((*_OWN, "note"))
    if len(pairs) < FEWEST_PAIRS:
        return row | {"note": f"fewer than {FEWEST_PAIRS} pairs: counts only"}
    n, readers = len(pairs), None if reader else pairs["reader"]
    kappa, alike = agreement.weighted_kappa(first, second), (first == second).astype(float)
    column = first[:, None], second[:, None]
    without_one = agreement.quadratic_kappa(*column, 1 - np.eye(n), np.ones((n, 1), dtype=bool))[:, 0]
    row |= {
        "exact_agreement": same / n,
        "weighted_kappa": kappa,
        "mean_shift": float(np.mean(second - first)),
    }
    row["same_low"], row["same_high"] = _share_interval(alike, readers, level)
    row["ci_low"], row["ci_high"] = _limits(row["mean_shift"], second - first, readers, level)
    notes = [] if row["ci_low"] is not None else ["no interval: the shift does not vary"]
    if kappa is None:
        notes.append("kappa not estimable: one answer throughout")
    else:
        low, high = _limits(kappa, n * kappa - (n - 1) * without_one, readers, level)
        if low is not None and high is not None:
            row |= {"kappa_low": max(low, -1.0), "kappa_high": min(high, 1.0)}
    return row | {"note": "; ".join(notes)}


def _limits(
    middle: float, values: Floats, readers: pd.Series | None, level: float
) -> tuple[float, float] | tuple[None, None]:
    """Return Student's interval of what is the mean of values of the pairs, or of their pseudo-values."""
    variance, df = _clustered(values, readers)
    return plain_interval(middle, variance, df, level) if variance > 0 else (None, None)


def _share_interval(alike: Floats, readers: pd.Series | None, level: float) -> tuple[float, float]:
    """Return Clopper and Pearson's interval for as many pairs as the clustered ones are worth."""
    n, share = len(alike), float(alike.mean())
    variance, df = _clustered(alike, readers)
    worth, alone = float(n), share * (1 - share) / (n - 1)
    if variance > alone:
        worth *= alone / variance * (critical(n - 1) / critical(df)) ** 2
    x = share * worth
    low = float(stats.beta.ppf(0.5 - level / 2, x, worth - x + 1)) if share > 0 else 0.0
    high = float(stats.beta.ppf(0.5 + level / 2, x + 1, worth - x)) if share < 1 else 1.0
    return low, high


def _clustered(values: Floats, readers: pd.Series | None) -> tuple[float, float]:
    """Return variance and degrees of freedom of a mean over pairs; clustered when several readers are given."""
    n = len(values)
    if readers is None or readers.nunique() == 1:
        return float(values.var(ddof=1) / n), float(n - 1)
    sums = pd.Series(values - values.mean(), index=readers.index).groupby(readers).sum().to_numpy()
    clusters = len(sums)
    variance = clusters / (clusters - 1) * math.fsum(sums**2) / n**2
    return variance, float(clusters - 1)
