"""Ratings that are not in order are refused with the row, the wanted and the found."""

import numpy as np
import pandas as pd
import pytest

from analysis.columns import FrameError
from analysis.stats import StatsError, analyse, check, read_ratings, simulate_study


@pytest.fixture
def tidy():
    return simulate_study(seed=1, readers=2, cases=8, repeats=2)


def test_repeats_are_kept_apart(tidy):
    checked = check(tidy)
    assert len(checked.first) == 16
    assert len(checked.repeats) == 4
    assert (checked.repeats["presentation"] == 2).all()


def test_repeats_left_in_as_first_readings_are_refused(tidy):
    with pytest.raises(FrameError, match=r"reader \+ case \+ presentation once, got .*presentation 1 again"):
        check(tidy.assign(presentation=1))


def test_a_negative_time_is_left_out_and_counted(tidy):
    tidy["time_s"] = tidy["time_s"].astype(float)
    tidy.loc[tidy.index[tidy["presentation"] == 1][:2], "time_s"] = -1.5
    results = analyse(tidy, seed=1, draws=9, bootstraps=5)
    assert {row["n_excluded"] for row in results.reading_time} == {2}


def test_a_case_that_carries_both_arms_is_refused(tidy):
    case = tidy["case"].iloc[0]
    row = tidy.index[(tidy["reader"] == "R2") & (tidy["case"] == case)][0]
    tidy.loc[row, "arm"] = 1 - tidy.loc[row, "arm"]
    with pytest.raises(StatsError, match=f"case '{case}', column 'arm'.*got '0' and '1'"):
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
    with pytest.raises(
        StatsError, match=r"ratings\.csv: expected a CSV file in UTF-8, got the error 'No such file"
    ):
        read_ratings(tmp_path / "ratings.csv")


@pytest.mark.parametrize(("mark", "simulated"), [("yes", True), ("no", False)])
def test_column_simulated_marks_the_ratings(tidy, mark, simulated):
    assert check(tidy.assign(simulated=mark)).simulated is simulated
    assert not check(tidy).simulated


def test_another_mark_than_yes_and_no_is_refused(tidy):
    with pytest.raises(FrameError, match="column 'simulated': expected one of yes, no, got 'perhaps'"):
        check(tidy.assign(simulated="perhaps"))


def respelled(tidy, column, old, new, rows=slice(1, None)):
    """Write some of one name's cells in another way."""
    places = tidy.index[tidy[column].astype(str) == old][rows]
    frame = tidy.astype({column: object})
    frame.loc[places, column] = new
    return frame


def readers_of(tidy, folder):
    path = folder / "ratings.csv"
    tidy.to_csv(path, index=False)
    return set(check(read_ratings(path)).first["reader"])


@pytest.mark.parametrize("other", ["Mu\u0308ller", " M\u00fcller\u00a0", "\ufeffM\u00fcller"])
def test_a_reader_in_two_unicode_forms_or_with_blanks_is_one(tidy, tmp_path, other):
    tidy["reader"] = tidy["reader"].replace({"R1": "M\u00fcller"})
    wanted = check(tidy).first
    assert readers_of(respelled(tidy, "reader", "M\u00fcller", other), tmp_path) == {"M\u00fcller", "R2"}
    again = check(read_ratings(tmp_path / "ratings.csv")).first
    assert again["quality"].tolist() == wanted["quality"].tolist()


@pytest.mark.parametrize(
    ("column", "old", "new"),
    [("reader", "R1", "r1"), ("reader", "R1", "R\uff11"), ("case", "07", "7"), ("case", "07", "7.0"),
     ("pair", "3", "3.0"), ("batch", "B", "b")],
)  # fmt: skip
def test_two_spellings_of_one_name_are_refused_and_both_are_named(tidy, tmp_path, column, old, new):
    tidy["case"] = tidy["case"].replace({tidy["case"].iloc[0]: "07"})
    tidy = tidy.assign(batch="B", pair="3", presentation=1).drop_duplicates(["reader", "case"])
    with pytest.raises(
        FrameError, match=f"column '{column}': expected each {column} in one spelling"
    ) as error:
        readers_of(respelled(tidy, column, old, new), tmp_path)
    assert repr(old) in str(error.value)
    assert repr(new) in str(error.value)


def test_a_reading_that_comes_again_the_same_is_one_reading(tidy, tmp_path):
    again = pd.concat([tidy.astype({"presentation": str}), tidy.iloc[[2]].assign(presentation="1.0")])
    assert readers_of(again, tmp_path) == readers_of(tidy, tmp_path)
    pd.testing.assert_frame_equal(check(again).first, check(tidy).first)


def test_a_reading_that_comes_again_with_another_answer_is_refused(tidy, tmp_path):
    other = tidy.iloc[[2]].assign(presentation="1.0", quality=tidy["quality"].iloc[2] % 5 + 1)
    again = pd.concat([tidy.astype({"presentation": str}), other])
    with pytest.raises(FrameError, match=rf"row {len(again)}: .*presentation once, got .* again \(row 3\)"):
        readers_of(again, tmp_path)


def test_ratings_by_semicolon_are_read_and_a_decimal_comma_is_refused_by_name(tidy, tmp_path):
    path = tmp_path / "ratings.csv"
    tidy.to_csv(path, index=False, sep=";")
    pd.testing.assert_frame_equal(check(read_ratings(path)).first, check(tidy).first)
    tidy.to_csv(path, index=False, sep=";", decimal=",")
    with pytest.raises(FrameError, match=r"row 1, column 'agree': .*got '[01],0'; write a decimal point"):
        check(read_ratings(path))
