"""Cannot-assess as an endpoint and ranked worst; subgroups of cases."""

import numpy as np
import pandas as pd
import pytest

from analysis.columns import FrameError
from analysis.stats import StatsError, analyse, simulate_study


@pytest.fixture(scope="module")
def unassessable():
    """A study in which the first PIEs of every reader could not be assessed in quality."""
    tidy = simulate_study(seed=5, readers=4, cases=40)
    cannot = tidy["case"].isin(sorted(tidy.loc[tidy["arm"] == 1, "case"].unique())[:6])
    tidy.loc[cannot, "quality"] = np.nan
    tidy.loc[cannot, "quality_status"] = "cannot_assess"
    return tidy


def test_cannot_assess_is_compared_as_a_binary_endpoint(unassessable):
    results = analyse(unassessable, seed=1, draws=99, bootstraps=5)
    row = results.comparison("quality_cannot_assess", "u_centred")
    assert row["cliffs_delta"] == pytest.approx(6 / 20)
    assert row["direction"].startswith("PIEs had more cases that could not be assessed than controls")


def test_ranked_worst_moves_the_estimate_down(unassessable):
    results = analyse(unassessable, seed=1, draws=99, bootstraps=5)
    primary = results.comparison("quality", "u_centred")
    worst = results.comparison("quality_worst_rank", "u_centred")
    assert worst["estimate"] < primary["estimate"]
    assert worst["pie_cases"] == primary["pie_cases"] + 6
    assert "ranked worst (1)" in worst["note"]


def test_they_do_not_count_as_primary_endpoints(unassessable):
    results = analyse(unassessable, seed=1, draws=99, bootstraps=5)
    assert [row["endpoint"] for row in results.multiplicity] == ["agree", "quality", "difficulty"]


def test_no_such_rows_when_everything_could_be_assessed():
    results = analyse(simulate_study(seed=1, readers=3, cases=12), seed=1, draws=9, bootstraps=5)
    assert {r["endpoint"] for r in results.comparisons} == {"agree", "quality", "difficulty"}


def test_subgroups_repeat_the_primary_comparison():
    tidy = simulate_study(seed=1, readers=4, cases=40)
    cases = sorted(tidy["case"].unique())
    groups = pd.DataFrame({"case": cases, "class_group": ["head", "tail"] * 10 + ["tail", "head"] * 10})
    results = analyse(tidy, seed=1, draws=19, bootstraps=5, subgroups=groups)
    assert [(r["grouping"], r["group"], r["endpoint"]) for r in results.subgroups] == [
        ("class_group", group, name)
        for group in ("head", "tail")
        for name in ("agree", "quality", "difficulty")
    ]
    kept = tidy[tidy["case"].isin(groups[groups["class_group"] == "tail"]["case"])]
    alone = analyse(kept, seed=1, draws=19, bootstraps=5).comparison("quality", "u_centred")
    row = next(r for r in results.subgroups if (r["group"], r["endpoint"]) == ("tail", "quality"))
    assert row["p"] == alone["p"]


def test_a_subgroup_with_one_arm_says_so_and_a_forgotten_case_is_refused():
    tidy = simulate_study(seed=1, readers=3, cases=12)
    arms = tidy.drop_duplicates("case")[["case", "arm"]]
    groups = arms.assign(g=np.where(arms["arm"] == 1, "a", "b"))[["case", "g"]]
    results = analyse(tidy, seed=1, draws=9, bootstraps=5, subgroups=groups)
    assert {r["estimate"] for r in results.subgroups} == {None}
    with pytest.raises(StatsError, match="a row for every rated case"):
        analyse(tidy, seed=1, subgroups=groups.iloc[1:])


def test_subgroups_find_their_cases_by_name():
    tidy = simulate_study(seed=7, readers=3, cases=12)
    numbers = {case: f"{number:03d}" for number, case in enumerate(sorted(set(tidy["case"])), 1)}
    tidy["case"] = tidy["case"].map(numbers)
    groups = pd.DataFrame({"case": sorted(numbers.values()), "class_group": ["head", "tail"] * 6})
    wanted = analyse(tidy, seed=1, draws=9, bootstraps=5, subgroups=groups).subgroups
    floats = groups.assign(case=[f"{int(case)}.0" for case in groups["case"]])
    assert analyse(tidy, seed=1, draws=9, bootstraps=5, subgroups=floats).subgroups == wanted
    twice = pd.concat([groups, groups.iloc[[4]].assign(case="5")])
    with pytest.raises(FrameError, match="each case in one spelling, got row 5 '005' and row 13 '5'"):
        analyse(tidy, seed=1, subgroups=twice)
    with pytest.raises(FrameError, match="subgroups, row 5: expected each case once, got case '005' again"):
        analyse(tidy, seed=1, subgroups=pd.concat([groups, groups.iloc[[4]]]))
    with pytest.raises(FrameError, match="subgroups: expected the columns case; missing: case"):
        analyse(tidy, seed=1, subgroups=groups.drop(columns="case"))
