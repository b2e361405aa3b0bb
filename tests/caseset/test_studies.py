"""DICOM studies become cases by a rule that can be looked at before it is applied."""

from pathlib import Path

import pandas as pd
import pydicom
import pytest
from django.core.management import CommandError

from analysis.caseset import read_blind_half, read_key, verify_case_set
from tests.caseset.test_listed import written
from tests.stock import picture, write_dicom


def studies(folder: Path, views: tuple[str, ...] = ("LL", "PA"), sides: tuple[str, ...] = ("", "")) -> Path:
    """Write ten studies with an image of each view, in turn of one group and the other, and their list."""
    rows = []
    (folder / "images").mkdir()
    for number in range(20):
        name = f"{number:02d}.dcm"
        write_dicom(folder / "images" / name, picture(number), patient="nobody")
        file = pydicom.dcmread(folder / "images" / name)
        file.StudyInstanceUID = f"1.2.3.{number // 2}"
        file.ViewPosition, file.ImageLaterality = views[number % 2], sides[number % 2]
        file.save_as(folder / "images" / name)
        group = "missed nodule" if number // 2 % 2 else "found nodule"
        rows.append({"image": name, "group": group, "labels": "Nodule"})
    pd.DataFrame(rows).to_csv(folder / "list.csv", index=False)
    return folder / "list.csv"


def test_the_rule_is_shown_and_nothing_is_written(tmp_path: Path) -> None:
    listed = studies(tmp_path)
    before = sorted(tmp_path.iterdir())
    said = written(listed, "--by-study", "show")
    assert "study 1: PA 01.dcm, LATERAL 00.dcm" in said
    assert "PA + LATERAL: 10 cases" in said
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("side", ["", "U"])
def test_applied_it_makes_cases_of_two_images(tmp_path: Path, side: str) -> None:
    """U is what DX writes of an unpaired organ: no side."""
    written(studies(tmp_path, sides=(side, side)), "--by-study", "apply")
    assert verify_case_set(tmp_path / "cases", tmp_path / "key.csv").cases == 10
    key = read_key(tmp_path / "key.csv")
    assert list(key.images["role"]) == ["PA", "LATERAL"] * 10
    places = key.images["source"].str[:2].astype(int)
    assert set(places[::2] - places[1::2].to_numpy()) == {1}
    assert (
        read_blind_half(tmp_path / "cases").provenance["selection"]["rule"].startswith("Images of one study")
    )


def test_breasts_are_told_by_side_and_view(tmp_path: Path) -> None:
    written(studies(tmp_path, ("CC", "CC"), ("R", "L")), "--by-study", "apply")
    assert list(read_blind_half(tmp_path / "cases").images["role"]) == ["L-CC", "R-CC"] * 10


@pytest.mark.parametrize(
    ("views", "says"),
    [(("PA", "PA"), "a role of its own"), (("PA", ""), "10 of 20 images cannot be handed over")],
)
def test_studies_that_make_no_cases_are_refused(tmp_path: Path, views: tuple[str, ...], says: str) -> None:
    listed = studies(tmp_path, views)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(CommandError, match=says):
        written(listed, "--by-study", "apply")
    assert sorted(tmp_path.iterdir()) == before


def test_a_study_with_one_view_less_is_refused_with_the_counts(tmp_path: Path) -> None:
    listed = studies(tmp_path)
    pd.read_csv(listed, dtype=str).drop(index=0).to_csv(listed, index=False)
    with pytest.raises(CommandError, match=r"PA \+ LATERAL in 9; PA in 1 cases"):
        written(listed, "--by-study", "apply")


def test_a_wrong_group_is_named_by_its_row_in_the_list(tmp_path: Path) -> None:
    """The rule puts PA, which is the second row here, first."""
    listed = studies(tmp_path)
    table = pd.read_csv(listed, dtype=str)
    table.loc[1, "group"] = "no group"
    table.to_csv(listed, index=False)
    with pytest.raises(CommandError, match=r"row 2, column 'group': expected .*, got 'no group'"):
        written(listed, "--by-study", "apply")
