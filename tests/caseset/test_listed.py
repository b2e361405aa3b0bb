"""A reading study of any two groups: the case set is written from a list, no sweep is needed."""

import io
from pathlib import Path

import pandas as pd
import pytest
from django.core.management import CommandError, call_command

from analysis.caseset import CaseSetError, read_blind_half, read_key, verify_case_set
from analysis.caseset.read import read_report
from analysis.endpoints import Groups
from tests.caseset.pictures import CANARY, write_png

NAMES = ("missed nodule", "missed nodules", "found nodule", "found nodules")


def cases(folder: Path, **columns: list[str]) -> Path:
    """Write twenty images and their list, both groups in turn; columns replace or join those of the list."""
    images = [f"scans/{CANARY}_{number:02d}.png" for number in range(20)]
    for seed, name in enumerate(images):
        (folder / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        write_png(folder / "images" / name, seed)
    listed = {
        "image": images,
        "group": ["Missed nodule", "found  nodule"] * 10,
        "labels": ["Nodule", "No Finding"] * 5 + ["Mass; Nodule", "Mass"] * 5,
        "set": [str(number // 2) for number in range(20)],
        **columns,
    }
    pd.DataFrame(listed).to_csv(folder / "list.csv", index=False)
    return folder / "list.csv"


def written(listed: Path, *more: str) -> str:
    said = io.StringIO()
    folder = listed.parent
    call_command(
        "write_listed_cases", str(listed), "--groups", *NAMES, "--images", str(folder / "images"),
        "--out", str(folder / "cases"), "--key-out", str(folder / "key.csv"), *more, stdout=said,
    )  # fmt: skip
    return said.getvalue()


def test_both_halves_hold_what_the_list_says(tmp_path: Path) -> None:
    said = written(cases(tmp_path), "--synthetic")
    blind, key = read_blind_half(tmp_path / "cases"), read_key(tmp_path / "key.csv")
    assert verify_case_set(tmp_path / "cases", tmp_path / "key.csv").key_checked
    assert key.groups == Groups(*NAMES)
    rows = key.rows.set_index("source")
    assert rows.loc[f"scans/{CANARY}_04.png", ["arm", "n_findings"]].tolist() == [1, 1]
    assert rows.loc[f"scans/{CANARY}_05.png", ["arm", "n_findings"]].tolist() == [0, 0]
    assert rows.loc[f"scans/{CANARY}_10.png", "n_findings"] == 2
    assert rows["score"].isna().all()
    assert (rows.groupby("pair").size() == 2).all()
    assert blind.synthetic
    report = read_report(tmp_path / "key.csv")
    assert "rows" in report["leaks"]["numbers"]
    assert report["near_duplicates"] == []
    for half in (
        said,
        *((tmp_path / "cases" / name).read_text() for name in ("cases.csv", "provenance.json")),
    ):
        assert CANARY not in half
        assert "nodule" not in half  # the names of the groups


def test_a_case_without_a_set_is_matched_to_none(tmp_path: Path) -> None:
    written(cases(tmp_path, set=["", ""] * 9 + ["a", "a"]))
    sizes = read_key(tmp_path / "key.csv").rows.groupby("pair").size()
    assert sorted(sizes) == [1] * 18 + [2]


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        (
            {"group": ["missed nodule"] * 19 + ["lost"]},
            "row 20, column 'group': expected 'missed nodule' or 'found",
        ),
        ({"group": ["missed nodule"] * 20}, "got one group only"),
        ({"labels": ["Nodule"] * 19 + [""]}, "labels"),
        ({"group": [""] * 20}, "group"),
        ({"image": [f"scans/{CANARY}_00.png"] * 20}, "image"),
    ],
    ids=["neither group", "one group", "no label", "no group", "one image twice"],
)
def test_a_list_that_cannot_be_is_refused_and_leaves_nothing(
    tmp_path: Path, columns: dict[str, list[str]], says: str
) -> None:
    listed = cases(tmp_path, **columns)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(CommandError, match=says):
        written(listed)
    assert sorted(tmp_path.iterdir()) == before


def test_two_groups_of_one_name_are_refused(tmp_path: Path) -> None:
    listed = cases(tmp_path)
    with pytest.raises(CommandError, match="which are one name"):
        call_command(
            "write_listed_cases", str(listed), "--groups", "a", "as", "A ", "bs", "--images", str(tmp_path / "images"),
            "--out", str(tmp_path / "cases"), "--key-out", str(tmp_path / "key.csv"),
        )  # fmt: skip


@pytest.mark.parametrize("words", ["film; films", "film; films; scan; ", "; ; ; ", "a; b; c; " + "d" * 61])
def test_a_key_whose_groups_cannot_be_read_is_refused(tmp_path: Path, words: str) -> None:
    written(cases(tmp_path))
    key = tmp_path / "key.csv"
    key.write_text(key.read_text(encoding="utf-8").replace("; ".join(NAMES), words), encoding="utf-8")
    with pytest.raises(CaseSetError, match="expected four names of groups"):
        read_key(key)
