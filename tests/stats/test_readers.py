"""How far readers differ, what to expect of another one, and how they drift along their order."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from analysis.endpoints import PAPER
from analysis.stats import Plan, check, simulate_study
from analysis.stats.cells import NULLS, draw
from analysis.stats.covariance import jackknife, reader_thetas
from analysis.stats.grid import Grid, make_grid
from analysis.stats.obuchowski_rockette import compare_spread
from analysis.stats.order import order_table
from analysis.stats.primary import compare_u
from analysis.stats.simulate import Latent
from tests.stats.reference_data import A, B, analysed, ratings

QUALITY = PAPER[1]


def spread_of(grid):
    primary = compare_u(grid, QUALITY, seed=1, draws=9)[0]
    return compare_spread(grid, QUALITY, primary, 0.95)


def drawn(name, study=0, seed=1, studies=1):
    (cell,) = (cell for cell in NULLS if cell.name == name)
    pie, control = (arm[study] for arm in draw(np.random.default_rng(seed), cell, studies))
    cases = [tuple(map(str, range(arm.shape[1]))) for arm in (pie, control)]
    readers = tuple(map(str, range(len(pie))))
    n = sum(map(len, cases))
    return Grid("quality", readers, *cases, pie, control, (), np.zeros(n, dtype=int), ("",) * n)


def test_readers_with_cases_of_their_own_and_equal_errors_have_the_closed_form():
    # Equal errors: MS / (v + error) is chi-square over its df, so v = MS df / chi-square - error.
    grid = make_grid(check(ratings(B)).first, "quality")
    alike = replace(grid, pie=np.full((6, 240), np.nan), control=np.full((6, 240), np.nan))
    rng = np.random.default_rng(2)
    one, other = rng.integers(1, 6, 40).astype(float), rng.integers(1, 6, 40).astype(float)
    for r in range(6):  # the same answers turned, so that thetas differ and their errors do not
        turn = slice(40 * r, 40 * r + 40)
        alike.pie[r, turn], alike.control[r, turn] = (other, one) if r % 2 else (one, other)
    thetas, covariance = reader_thetas(alike.pie, alike.control), jackknife(alike.pie, alike.control)
    error, ms = covariance[0, 0], thetas.var(ddof=1)
    assert np.diag(covariance) == pytest.approx(error)
    names = tuple(map(str, range(240)))
    spread, _ = spread_of(replace(alike, pie_cases=names, control_cases=names,
                                  strata=np.zeros(480, dtype=int), pairs=("",) * 480))  # fmt: skip
    for found, share in ((spread.ci_low, 0.975), (spread.ci_high, 0.025)):
        wanted = max(5 * ms / stats.chi2.ppf(share, 5) - error, 0.0) ** 0.5
        assert found == pytest.approx(wanted, abs=1e-3)
    assert spread.estimate == pytest.approx(max(ms - error, 0.0) ** 0.5, abs=1e-3)


@pytest.mark.parametrize("name", ["nested6x40_ord_RA.15", "crossed6x40_ord_RA.15"])
def test_intervals_cover_the_spread_and_another_reader(name):
    (cell,) = (cell for cell in NULLS if cell.name == name)
    rng, model, cuts = np.random.default_rng(8), Latent(reader_by_arm=0.15), np.array(cell.cuts)
    level, lean = rng.normal(0, model.reader**0.5, 4000), rng.normal(0, model.reader_by_arm**0.5, 4000)
    below = [
        stats.norm.cdf(cuts[:, None] - (level + side * lean / 2)) for side in (1, -1)
    ]  # case and rest add up to 1
    pie, control = (np.diff(part, axis=0, prepend=0, append=1) for part in below)
    thetas = (pie * (np.cumsum(control, axis=0) - control / 2)).sum(axis=0)
    inside, found = [], []
    for study in range(60):
        spread, new = spread_of(drawn(name, study, seed=4, studies=60))
        found.append(spread.ci_low <= thetas.std() <= spread.ci_high)
        inside.append(np.mean((thetas >= new.ci_low) & (thetas <= new.ci_high)))
    assert np.mean(found) >= 0.85  # 60 studies; 0.92 of 200
    assert 0.92 <= np.mean(inside) <= 0.99


def test_a_study_without_a_variance_predicts_nobody():
    spread = [row for row in analysed("G_degenerate_perfect_separation").comparisons
              if row["method"] in ("reader_spread", "new_reader")]  # fmt: skip
    assert len(spread) == 6
    assert all(row["ci_low"] is None and row["note"].startswith("not estimable") for row in spread)


def first_of(change):
    first = check(simulate_study(seed=5, readers=4, cases=30)).first
    places = first.groupby("reader")["position"]
    place = (first["position"] - places.transform("min")) / (
        places.transform("max") - places.transform("min")
    )
    return first.assign(quality=change(place, first["arm"]))


def test_drift_by_hand():
    first = first_of(lambda place, arm: 2 + 0.7 * place + arm - 0.4 * place * arm)
    rows = {(r["endpoint"], r["measure"]): r for r in order_table(first, Plan())}
    moved = rows["quality", "drift_of_difference"]
    assert moved["estimate"] == pytest.approx(-0.4)
    assert (moved["readers"], moved["ci_low"]) == (4, None)  # readers who do not differ
    assert (moved["lowest"], moved["highest"]) == pytest.approx((-0.4, -0.4))
    plain = {
        (r["endpoint"], r["measure"]): r for r in order_table(first_of(lambda p, a: 3 - 0.5 * p + a), Plan())
    }
    assert plain["quality", "drift"]["estimate"] == pytest.approx(-0.5)


def test_balance_is_the_mean_over_readers_of_the_places_of_pies_less_those_of_controls():
    first = check(ratings(A)).first
    row = order_table(first, Plan())[0]
    own = []
    for _, reader in first.groupby("reader"):
        place = (reader["position"] - reader["position"].min()) / np.ptp(reader["position"])
        own.append(place[reader["arm"] == 1].mean() - place[reader["arm"] == 0].mean())
    test = stats.ttest_1samp(own, 0)
    assert (row["endpoint"], row["measure"], row["df"]) == ("position", "balance", 5)
    assert (row["estimate"], row["p"]) == pytest.approx((np.mean(own), test.pvalue))
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(tuple(test.confidence_interval()))
    assert (row["lowest"], row["highest"]) == pytest.approx((min(own), max(own)))


def test_without_positions_there_is_no_order():
    first = check(ratings(A)).first.assign(position=np.nan)
    assert order_table(first, Plan()) == []
    one = check(ratings(A)).first.assign(position=1.0)  # every reading at the same place
    assert {row["note"] for row in order_table(one, Plan())} == {
        "not estimable: no reader answered enough cases of both arms"
    }
