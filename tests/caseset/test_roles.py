"""Several images to a case: written, read and verified alike; other images in one case than in the rest are refused."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import pytest

from analysis.caseset import CaseSetError, read_blind_half, read_key, verify_case_set
from analysis.caseset.read import read_report
from analysis.columns import FrameError
from analysis.durable import sha256_file
from tests.caseset.sets import contents, selection, sources, swapped, write
from tests.caseset.test_listed import cases, written

TWO = ("PA", "LATERAL")


def of_several(roles: Sequence[str] = TWO, pairs: int = 10) -> pd.DataFrame:
    """Make selection rows with an image of each role for every case."""
    rows = selection(pairs)
    rows = rows.loc[rows.index.repeat(len(roles))].reset_index(drop=True)
    rows["case"] = rows["image"]
    rows["role"] = list(roles) * (2 * pairs)
    rows["image"] = [
        name.replace(".", f"_{role}.") for name, role in zip(rows["image"], rows["role"], strict=True)
    ]
    return rows


def test_a_case_of_two_images_is_written_read_and_verified(tmp_path: Path) -> None:
    rows = of_several()
    made = write(rows, sources(rows, tmp_path / "scans"), tmp_path)
    blind, key = read_blind_half(made.folder), read_key(made.key, made.key_sha256)
    assert (
        verify_case_set(made.folder, made.key).cases == made.cases == len(blind.cases) == len(key.rows) == 20
    )
    assert list(blind.images["role"]) == list(TWO) * 20
    first, second = blind.images["image"].iloc[:2]
    assert second == first.replace(".png", "-2.png")
    assert blind.provenance["format"] == 3
    assert blind.provenance["cases"] == 20
    assert set(key.images["source"]) == set(rows["image"])
    assert key.rows["source"].str.contains("_PA").all()


def test_exchanging_the_arms_of_a_set_of_two_images_changes_nothing_but_the_digest_of_the_key(
    tmp_path: Path,
) -> None:
    rows = of_several()
    images = sources(rows, tmp_path / "scans")
    halves = []
    for name, table in (("one", rows), ("other", swapped(rows))):
        made = write(table, images, tmp_path / name)
        found = contents(made.folder)
        said = json.loads(found.pop("provenance.json")[2])
        assert said.pop("key_sha256") == made.key_sha256
        halves.append((found, said))
    assert halves[0] == halves[1]


def test_roles_of_one_image_to_a_case_change_nothing(tmp_path: Path) -> None:
    rows = selection()
    images = sources(rows, tmp_path / "scans")
    plain = write(rows, images, tmp_path / "plain")
    named = write(rows.assign(case="", role="PA"), images, tmp_path / "named")
    assert contents(plain.folder) == contents(named.folder)
    assert plain.key.read_bytes() == named.key.read_bytes()
    assert json.loads((plain.folder / "provenance.json").read_text())["format"] == 2


def test_the_leak_report_tells_images_by_arm_and_compares_each_role(tmp_path: Path) -> None:
    rows = of_several()
    made = write(rows, sources(rows, tmp_path / "scans"), tmp_path)
    leaks = read_report(made.key)["leaks"]
    assert leaks["images"] == {"PA + LATERAL": {"exemplar": 10, "control": 10}}
    assert set(leaks["roles"]) == set(TWO)
    assert leaks["roles"]["LATERAL"]["numbers"]["rows"]["auc"] == 0.5


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda rows: rows.drop(index=1), r"PA \+ LATERAL in 19; PA in 1 cases"),
        (lambda rows: rows.loc[[1, 0, *rows.index[2:]]], r"LATERAL \+ PA in 1"),
        (lambda rows: rows.assign(role="PA"), r"each with a role of its own.*got PA \+ PA"),
        (lambda rows: rows.assign(role=rows["role"].str.lower()), "capital letters"),
        (lambda rows: rows.drop(columns="role"), "each with a role of its own"),
        (lambda rows: rows.assign(labels=["A", "B"] * 20), "column 'labels': expected one value.*of row 1"),
        (lambda rows: rows.assign(arm=[0, 1] * 20), "column 'arm': expected one value"),
    ],
    ids=["one too few", "other order", "one role twice", "no role", "none", "labels", "arm"],
)  # fmt: skip
def test_cases_with_other_images_than_the_rest_are_refused(
    tmp_path: Path, change: Callable[[pd.DataFrame], pd.DataFrame], says: str
) -> None:
    rows = of_several()
    images = sources(rows, tmp_path / "scans")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(CaseSetError, match=says):
        write(change(rows), images, tmp_path)
    assert sorted(tmp_path.iterdir()) == before


def test_five_images_are_too_many(tmp_path: Path) -> None:
    rows = of_several(("A", "B", "C", "D", "E"))
    with pytest.raises(CaseSetError, match="1 to 4 images"):
        write(rows, sources(rows, tmp_path / "scans"), tmp_path)


def test_listed_images_that_share_a_case_become_one_case(tmp_path: Path) -> None:
    twenty = [f"c{number // 2}" for number in range(20)]
    roles = ["CURRENT", "PRIOR"] * 10
    groups = ["missed nodule" if number // 2 % 2 else "found nodule" for number in range(20)]
    listed = cases(tmp_path, case=twenty, role=roles, group=groups, set=[""] * 20, labels=["Nodule"] * 20)
    written(listed)
    assert verify_case_set(tmp_path / "cases", tmp_path / "key.csv").cases == 10
    assert set(read_report(tmp_path / "key.csv")["pixels"]) == {"CURRENT", "PRIOR"}
    assert read_key(tmp_path / "key.csv").rows.groupby("pair").size().eq(1).all()


@pytest.mark.parametrize(("old", "new"), [("LATERAL", "AP"), ("LATERAL", "PA")])
def test_a_set_with_other_images_in_one_case_is_not_read(tmp_path: Path, old: str, new: str) -> None:
    rows = of_several()
    made = write(rows, sources(rows, tmp_path / "scans"), tmp_path)
    path, said = made.folder / "cases.csv", made.folder / "provenance.json"
    before = sha256_file(path)
    path.write_text(path.read_text().replace(old, new, 1))
    said.write_text(said.read_text().replace(before, sha256_file(path)))
    with pytest.raises((CaseSetError, FrameError), match=r"same images in every case|expected each case"):
        read_blind_half(made.folder)


def test_a_set_of_several_images_does_not_pass_as_one_that_older_versions_read(tmp_path: Path) -> None:
    rows = of_several()
    made = write(rows, sources(rows, tmp_path / "scans"), tmp_path)
    said = made.folder / "provenance.json"
    said.write_text(said.read_text().replace('"format": 3', '"format": 2'))
    with pytest.raises(CaseSetError, match="expected format 3"):
        read_blind_half(made.folder)
