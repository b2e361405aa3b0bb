"""Non-inferiority and equivalence: by hand, against one-sample t-tests, and in words that claim no more than that."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from analysis.endpoints import PAPER, EndpointError
from analysis.report import reader_study_report
from analysis.stats import Plan, analyse, simulate_study
from analysis.stats.margins import against_margin, margin_test
from analysis.stats.rows import Comparison
from analysis.stats.simulate import Latent

AGREE, QUALITY, DIFFICULTY = PAPER
EQUAL = replace(QUALITY, aim="equivalence", margin=0.5)
NOT_WORSE = replace(QUALITY, aim="non-inferiority", margin=0.5)
NULL = Latent(effect={})


def test_two_one_sided_tests_by_hand():
    # Four readers' differences .2 .1 .3 .0: mean .15, se sqrt(.05 / 3 / 4) = .06455, 3 degrees of freedom.
    # t = (.15 + .5) / .06455 = 10.0697 and (.5 - .15) / .06455 = 5.4222; the larger p is P(T > 5.4222) = .00615.
    row = Comparison("quality", "difference", estimate=0.15, variance=0.05 / 12, df=3.0, scale="difference")
    found = against_margin(row, EQUAL, 0.05, 0.5)
    assert found.p == pytest.approx(0.00615, abs=5e-6)
    # 90 %: .15 -+ 2.35336 x .06455
    assert (found.ci_low, found.ci_high) == pytest.approx((-0.00191, 0.30191), abs=5e-6)
    assert found.extra == {"margin": 0.5, "aim": "equivalence", "interval_level": 0.9}
    # Not worse: lower quality is worse, so only the lower bound counts, doubled: 2 P(T > 10.0697) = .00208.
    found = against_margin(row, NOT_WORSE, 0.05, 0.5)
    assert found.p == pytest.approx(0.00208, abs=1e-5)
    assert (found.ci_low, found.ci_high) == pytest.approx(
        (0.15 - 3.18245 * 0.06455, 0.15 + 3.18245 * 0.06455), abs=1e-5
    )
    # Of a question whose high end is worse the upper bound counts: 2 P(T > 5.4222) = .0123.
    assert against_margin(row, replace(NOT_WORSE, worse="high"), 0.05, 0.5).p == pytest.approx(
        0.01231, abs=1e-5
    )


@pytest.mark.parametrize("aim", ["equivalence", "non-inferiority"])
@pytest.mark.parametrize("question", [AGREE, QUALITY, DIFFICULTY])
def test_the_interval_lies_within_the_margins_exactly_where_p_is_below_alpha(question, aim):
    rng = np.random.default_rng(3)
    outcomes = set()
    for _ in range(300):
        endpoint = replace(question, aim=aim, margin=0.2)
        estimate, variance, df = rng.uniform(-0.35, 0.35), rng.uniform(1e-4, 0.02), rng.uniform(1, 40)
        row = Comparison("x", "difference", estimate=estimate, variance=variance, df=df, scale="difference")
        alpha = rng.uniform(0.001, 0.2)
        found = against_margin(row, endpoint, alpha, rng.uniform(0.3, 0.6))
        above, below = found.ci_low > -0.2, found.ci_high < 0.2
        kept = above and below if aim == "equivalence" else (above if question.worse == "low" else below)
        assert (found.p < alpha) == kept
        outcomes.add(kept)
    assert outcomes == {True, False}


def test_nested_readers_are_two_one_sample_t_tests():
    tidy = simulate_study(seed=7, readers=6, cases=40, design="nested", model=NULL)
    row = analyse(tidy, seed=1, draws=9, bootstraps=5, plan=Plan(endpoints=(EQUAL,))).comparison(
        "quality", "difference"
    )
    first = tidy.groupby(["reader", "arm"])["quality"].mean().unstack()
    means = (first[1] - first[0]).to_numpy()
    sides = [
        stats.ttest_1samp(means, -0.5, alternative="greater"),
        stats.ttest_1samp(means, 0.5, alternative="less"),
    ]
    assert row["p"] == pytest.approx(max(side.pvalue for side in sides))
    interval = stats.ttest_1samp(means, 0).confidence_interval(0.9)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(tuple(interval))


@pytest.mark.parametrize("primary", ["u_centred", "theta_set"])
def test_margins_decide_in_one_family_with_the_others(primary):
    ends = (replace(AGREE, aim="equivalence", margin=0.4), NOT_WORSE, DIFFICULTY)
    tidy = simulate_study(seed=3, readers=5, cases=40, model=Latent(effect={"difficulty": 1.0}))
    results = analyse(tidy, seed=1, draws=99, bootstraps=5, plan=Plan(endpoints=ends, primary=primary))
    own = "difference_set" if primary == "theta_set" else "difference"
    assert [row["primary_method"] for row in results.multiplicity] == [own, own, primary]
    p = [results.comparison(row["endpoint"], row["primary_method"])["p"] for row in results.multiplicity]
    assert [row["p"] for row in results.multiplicity] == p
    assert results.multiplicity[0]["p_adjusted"] >= p[0]
    agree, quality, difficulty = (row["conclusion"] for row in results.multiplicity)
    assert (
        agree
        == "PIEs and controls differed by less than 40 percentage points in label agreement (equivalence)"
    )
    assert (
        "PIEs were not worse than controls by 0.5 points or more in image quality (non-inferiority)"
        in quality
    )
    assert difficulty == "PIEs had higher difficulty than controls"
    assert "90 % interval" in results.multiplicity[0]["numbers"]
    assert "95 % interval" in results.multiplicity[1]["numbers"]
    page = str(reader_study_report(results))
    assert "('Margin', 'equivalence, 0.4')" in page
    assert "90 % interval" in page


def test_what_is_not_shown_is_never_told_as_no_difference():
    for seed, effect in ((1, 0.0), (2, 0.3), (3, 1.0)):
        tidy = simulate_study(seed=seed, readers=3, cases=16, model=Latent(effect={"quality": -effect}))
        ends = (replace(AGREE, aim="equivalence", margin=0.02), replace(NOT_WORSE, margin=0.05), DIFFICULTY)
        results = analyse(tidy, seed=1, draws=9, bootstraps=5, plan=Plan(endpoints=ends))
        agree, quality = (row["conclusion"] for row in results.multiplicity[:2])
        assert agree.startswith(
            "Equivalence of PIEs and controls in label agreement was not shown: a difference of 2 percentage points or "
            "more is not ruled out (p = "
        )
        assert quality.startswith(
            "Non-inferiority of PIEs to controls in image quality was not shown: that PIEs are worse"
        )
        for section in reader_study_report(results).sections:
            if section.anchor in {"summary", "primary", "sensitivity"}:
                told = str(section).replace("0.5 means no difference", "").replace("(0 = no difference)", "")
                assert "no difference" not in told.replace("exact for no effect", "")


@pytest.mark.parametrize(
    ("aim", "margin", "words"),
    [
        ("equivalence", 0.0, "a margin above 0"),
        ("superiority", 0.5, "none for superiority"),
        ("equivalence", 4.0, "below the width of the scale, 4"),
        ("equivalence", -1, "at least 0"),
        ("equal", 0.5, "an aim of superiority"),
    ],
)
def test_a_margin_that_means_nothing_is_refused(aim, margin, words):
    with pytest.raises(EndpointError, match=words):
        replace(QUALITY, aim=aim, margin=margin).check()


def test_a_margin_travels_with_its_question_and_without_one_nothing_is_said():
    assert EQUAL.as_row()["margin"] == 0.5
    assert "margin" not in QUALITY.as_row()
    assert Plan.from_row(Plan(endpoints=(EQUAL,)).as_row()).endpoints == (EQUAL,)


def test_many_differences_at_once_are_the_ones_alone():
    d, v, df, share = (
        np.array([0.1, -0.3]),
        np.array([0.01, 0.02]),
        np.array([5.0, 9.0]),
        np.array([0.9, 0.4]),
    )
    endpoint = replace(AGREE, aim="equivalence", margin=0.2)
    alone = [float(margin_test(*each, endpoint, one)) for *each, one in zip(d, v, df, share, strict=True)]
    assert margin_test(d, v, df, endpoint, share).tolist() == pytest.approx(alone)


def test_the_variance_of_a_risk_difference_is_that_at_the_margin_by_hand():
    # Controls yes in .95, PIEs in .91: .0475 + .0819 = .1294. At -.15 PIEs are yes in .80: .0475 + .16 = .2075.
    endpoint = replace(AGREE, aim="non-inferiority", margin=0.15)
    values = [np.array(value) for value in (-0.04, 0.0016, 10.0)]
    t = (0.15 - 0.04) / (0.04 * np.sqrt(0.2075 / 0.1294))
    assert float(margin_test(*values, endpoint, np.array(0.95))) == pytest.approx(
        2 * stats.t.sf(t, 10), abs=1e-9
    )
    # Where the variance at the margin is smaller, the estimated one stays.
    upwards = replace(endpoint, worse="high", margin=0.05)
    assert float(margin_test(*values, upwards, np.array(0.95))) == pytest.approx(
        2 * stats.t.sf(0.09 / 0.04, 10)
    )
