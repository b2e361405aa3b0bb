"""Ratings that are not in order are refused with the row, the wanted and the found."""

import numpy as np
import pandas as pd
import pytest

from analysis.frames import FrameError
from analysis.stats import StatsError, check, read_ratings, simulate_study


@pytest.fixture
def tidy():
    return simulate_study(seed=1, readers=2, cases=8, repeats=2)


def test_repeats_are_kept_apart(tidy):
    checked = check(tidy)
    assert len(checked.first) == 16
    assert len(checked.repeats) == 4
    assert (checked.repeats["presentation"] == 2).all()


def test_repeats_left_in_as_first_readings_are_refused(tidy):
    with pytest.raises(FrameError, match="reader \\+ case \\+ presentation once"):
        check(tidy.assign(presentation=1))


def test_a_case_that_carries_both_arms_is_refused(tidy):
    case = tidy["case"].iloc[0]
    row = tidy.index[(tidy["reader"] == "R2") & (tidy["case"] == case)][0]
    tidy.loc[row, "arm"] = 1 - tidy.loc[row, "arm"]
    with pytest.raises(StatsError, match=f"case '{case}', column 'arm'.*'0' and '1' came"):
        check(tidy)


def test_a_case_in_two_pairs_is_refused(tidy):
    tidy.loc[0, "pair"] = "another"
    with pytest.raises(StatsError, match="column 'pair'"):
        check(tidy)


def test_a_status_that_contradicts_its_answer_is_refused(tidy):
    tidy.loc[2, "quality_status"] = "cannot_assess"
    with pytest.raises(FrameError, match=r"row 3, column 'quality'.*cannot_assess"):
        check(tidy)


def test_an_answer_off_the_scale_names_row_and_column(tidy):
    tidy.loc[4, "difficulty"] = 6
    with pytest.raises(FrameError, match="row 5, column 'difficulty'"):
        check(tidy)


def test_an_empty_table_is_refused(tidy):
    with pytest.raises(StatsError, match="at least one rating"):
        check(tidy.iloc[:0])


def test_case_ids_stay_text(tmp_path, tidy):
    tidy["case"] = tidy["case"].replace({tidy["case"].iloc[0]: "1.1", tidy["case"].iloc[1]: "1.10"})
    path = tmp_path / "ratings.csv"
    tidy.to_csv(path, index=False)
    cases = set(check(read_ratings(path)).first["case"])
    assert {"1.1", "1.10"} <= cases


def test_the_order_of_rows_changes_nothing(tidy):
    shuffled = tidy.sample(frac=1, random_state=3)
    pd.testing.assert_frame_equal(check(tidy).first, check(shuffled).first)


def test_without_status_columns_a_blank_is_missing(tidy):
    bare = tidy.drop(columns=["agree_status", "quality_status", "difficulty_status"])
    bare.loc[0, "agree"] = np.nan
    status = check(bare).first["agree_status"]
    assert status.value_counts().to_dict() == {"answered": 15, "missing": 1}


def test_a_reader_without_one_arm_is_listed(tidy):
    gone = (tidy["reader"] == "R2") & (tidy["arm"] == 1)
    assert check(tidy[~gone]).lacking_an_arm == ("R2",)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(StatsError, match=r"ratings\.csv: expected a CSV file in UTF-8, No such file"):
        read_ratings(tmp_path / "ratings.csv")


@pytest.mark.parametrize(("mark", "simulated"), [("yes", True), ("no", False)])
def test_column_simulated_marks_the_ratings(tidy, mark, simulated):
    assert check(tidy.assign(simulated=mark)).simulated is simulated
    assert not check(tidy).simulated


def test_another_mark_than_yes_and_no_is_refused(tidy):
    with pytest.raises(FrameError, match="column 'simulated': expected one of yes, no, 'perhaps' came"):
        check(tidy.assign(simulated="perhaps"))
