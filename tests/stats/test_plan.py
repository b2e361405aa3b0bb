"""The declared analysis: endpoints, primary method, level, what Holm counts, which times are left out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from analysis.endpoints import PAPER, Endpoint
from analysis.report import reader_study_report
from analysis.stats import Plan, StatsError, analyse, simulate_study
from analysis.stats.intake import check
from analysis.stats.paper import paper_compatible
from analysis.stats.sensitivity import findings_group, subgroup_table
from tests.stats.reference_data import A, analysed, ratings

AGREE, QUALITY, DIFFICULTY = PAPER


def run(plan, **more):
    return analyse(ratings(A), seed=1, draws=99, bootstraps=20, plan=plan, **more)


def test_only_declared_endpoints_are_tested_and_counted():
    results = run(Plan(endpoints=(DIFFICULTY, QUALITY)))
    for table in (
        "comparisons",
        "agreement",
        "intra_reader",
        "missing",
        "paper_compatible",
        "answers",
        "endpoints",
    ):
        found = {row["endpoint"].split("_")[0] for row in getattr(results, table)}
        assert found == {"difficulty", "quality"}, table
    assert [row["endpoint"] for row in results.multiplicity] == ["difficulty", "quality"]
    p = {row["endpoint"]: row["p"] for row in results.multiplicity}
    adjusted = {row["endpoint"]: row["p_adjusted"] for row in results.multiplicity}
    assert adjusted["quality"] == pytest.approx(2 * p["quality"])
    assert p["quality"] == analysed(A).comparison("quality", "u_centred")["p"]


def test_without_holm_p_values_stay():
    results = run(Plan(multiplicity="none"))
    assert all(row["p"] == row["p_adjusted"] and row["method"] == "none" for row in results.multiplicity)


def test_a_fixed_sequence_is_that_of_the_endpoints_and_ends_at_the_first_without_a_verdict():
    results = run(Plan(endpoints=(QUALITY, DIFFICULTY, AGREE), multiplicity="fixed sequence"))
    quality, difficulty, agree = results.multiplicity
    assert quality["p"] == quality["p_adjusted"] < 0.05
    assert difficulty["p"] == difficulty["p_adjusted"] > 0.05
    assert agree["p"] < 0.05 < agree["p_adjusted"] == difficulty["p"]  # or this test shows nothing
    assert quality["conclusion"] == "PIEs had lower image quality than controls"
    taken_back = "a question before it in the fixed sequence has no verdict, so this one has none either"
    assert (
        f"controls, but {taken_back} (adjusted p = {difficulty['p']:.3f}); the interval is that"
        in agree["conclusion"]
    )
    page = str(reader_study_report(results))
    assert "p (sequence)" in page
    assert "Fixed sequence" in page
    assert "Holm" not in page
    first = run(Plan(endpoints=(AGREE, QUALITY), multiplicity="fixed sequence")).multiplicity
    assert first[1]["p"] < first[0]["p"] == first[0]["p_adjusted"] == first[1]["p_adjusted"] < 0.05
    assert first[1]["conclusion"] == quality["conclusion"]


def test_an_endpoint_without_a_p_value_ends_the_sequence():
    table = ratings(A)
    table.loc[table["arm"] == "1", "quality"] = None
    plan = Plan(endpoints=(QUALITY, AGREE), multiplicity="fixed sequence")
    quality, agree = analyse(table, seed=1, draws=99, bootstraps=20, plan=plan).multiplicity
    assert (quality["p_adjusted"], agree["p_adjusted"]) == (None, 1.0)


def test_effective_readers_by_hand_and_shown_with_the_primary():
    # Reader 1 of four answers 12 + 12 cases, the others 3 + 3: pairs of cases 144, 9, 9, 9.
    tidy = simulate_study(seed=5, readers=4, cases=24)
    cases = tidy.drop_duplicates("case")
    few = [case for arm in (0, 1) for case in cases.loc[cases["arm"] == arm, "case"].iloc[:3]]
    uneven = tidy[(tidy["reader"] == "R1") | tidy["case"].isin(few)]
    shares = np.array([144, 9, 9, 9]) / 171
    for version, wanted in ((2, 1 / (shares**2).sum()), (3, 4.0)):
        results = analyse(uneven, seed=1, draws=19, bootstraps=5, plan=Plan(version=version))
        row = results.comparison("quality", "u_centred")
        assert row["effective_readers"] == pytest.approx(wanted)
        assert ("count as 1.4" in row["note"]) == (version == 2)
        assert results.multiplicity[1]["numbers"].count(f"effective readers {wanted:.1f}") == 1
        primary = next(s for s in reader_study_report(results).sections if s.anchor == "primary")
        assert str(primary).count(f"'Effective readers', '{wanted:.1f}'") == 3
        if version == 3:
            own = [r["estimate"] for r in results.comparisons
                   if (r["endpoint"], r["method"]) == ("quality", "reader_delong")]  # fmt: skip
            assert row["estimate"] == pytest.approx(np.mean(own))
    pairs = analyse(uneven, seed=1, draws=19, bootstraps=5, plan=Plan(version=2)).comparison(
        "quality", "pairs"
    )
    assert 1 < pairs["effective_readers"] < 4


def test_pairs_as_primary_take_their_own_p_values():
    results = run(Plan(primary="pairs", version=3))
    wanted = [results.comparison(name, "pairs")["p"] for name in ("agree", "quality", "difficulty")]
    assert [row["p"] for row in results.multiplicity] == wanted
    assert results.study["primary_method"] == "pairs"


def test_plan_travels_through_results_json():
    plan = Plan(
        endpoints=(QUALITY,), primary="theta_set", alpha=0.01, multiplicity="none", shortest=2.0, longest=None
    )
    assert Plan.from_row(run(plan).study) == plan


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (Plan(primary="clmm"), "primary method of u_centred, theta_set"),
        (Plan(multiplicity="bonferroni"), "multiplicity of holm, fixed sequence, none"),
        (Plan(endpoints=()), "at least one question"),
        (Plan(endpoints=(QUALITY, QUALITY)), "its own name"),
        (Plan(endpoints=(QUALITY,), others=(QUALITY,)), "its own name"),
        (Plan(endpoints=(Endpoint("arm", "", "Arm", "number"),)), "question's name"),
        (Plan(alpha=5.0), "level above 0 and up to 0.5"),
        (Plan(alpha=0.6), "level above 0 and up to 0.5"),
        (Plan(primary="pairs"), "primary method of u_centred, theta_set"),
        (Plan(primary="theta_set", version=3), "primary method of u_centred, pairs"),
        (Plan(version=6), "version 1, 2, 3, 4, 5 of the analysis, got 6"),
        (Plan(version=True), "version 1, 2, 3, 4, 5 of the analysis, got True"),
    ],
)
def test_a_plan_that_cannot_be_carried_out_is_refused(plan, words):
    with pytest.raises(StatsError, match=words):
        run(plan)


def test_times_outside_the_rule_are_left_out_and_counted():
    times = ratings(A).query("presentation == '1'")["time_s"].astype(float)
    shortest, longest = times.quantile([0.1, 0.9])
    ratio = run(Plan(shortest=shortest, longest=longest)).reading_time[0]
    inside = ((times >= shortest) & (times <= longest)).sum()
    assert (ratio["n_used"], ratio["n_excluded"]) == (inside, len(times) - inside)
    everything = run(Plan(longest=None)).reading_time[0]
    assert everything["n_used"] == len(times)
    assert everything["longest_s"] is None


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_pooled_kruskal_wallis_is_mann_whitney_without_correction(seed):
    first = check(simulate_study(seed=seed, readers=3, cases=10)).first
    for row in paper_compatible(first):
        arms = [first.loc[first["arm"] == arm, row["endpoint"]] for arm in (1, 0)]
        if row["kruskal_p"] is not None:
            plain = stats.mannwhitneyu(*arms, use_continuity=False, method="asymptotic").pvalue
            assert row["kruskal_p"] == pytest.approx(plain, rel=1e-9)


def test_numbers_of_diseases_are_grouped_and_groups_sorted_from_frequent_to_rare():
    assert [findings_group(n) for n in (0, 3, 4, 9)] == ["0", "3", "4+", "4+"]
    first = check(simulate_study(seed=1, readers=3, cases=24)).first
    cases = first.drop_duplicates("case")[["case"]].reset_index(drop=True)
    groups = cases.assign(class_group=["tail", "none", "head", "medium"] * 6)
    rows = subgroup_table(first, groups, seed=1, draws=19)
    assert list(dict.fromkeys(row["group"] for row in rows)) == ["head", "medium", "tail", "none"]
