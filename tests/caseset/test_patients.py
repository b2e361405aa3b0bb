"""The key numbers the patients; the blind half says how many there are, where one has several images, and no more."""

import json
from pathlib import Path

import pytest

from analysis.caseset import CaseSetError, read_blind_half, read_key
from analysis.caseset.read import check_record
from analysis.endpoints import Groups
from analysis.services.listed import read_listed
from tests.caseset.pictures import CANARY
from tests.caseset.sets import selection, sources, swapped, write
from tests.caseset.test_listed import NAMES, cases, written


def named(pairs: int = 10) -> list[str]:
    """Name the patients: three have two images each, one of each group; one image is nobody's that is known."""
    return ["", *(f"{CANARY} {number // 2 if number < 8 else number}" for number in range(1, 2 * pairs))]


def test_the_key_numbers_patients_and_the_blind_half_tells_none_of_them(tmp_path: Path) -> None:
    rows = selection().assign(patient=named())
    images = sources(rows, tmp_path)
    write(rows, images, tmp_path / "one")
    key = read_key(tmp_path / "one" / "key.csv").rows
    assert CANARY not in " ".join(key["patient"].astype(str))
    told = key.merge(rows, left_on="source", right_on="image", suffixes=("", "_named"))
    # One number for each name, and one for the image of which nothing is known, from 1 in the order of the cases.
    assert (told.groupby("patient_named")["patient"].nunique() == 1).all()
    assert list(dict.fromkeys(key["patient"])) == list(range(1, 18))
    blind = read_blind_half(tmp_path / "one" / "cases")
    assert "patient" not in blind.cases.columns
    assert blind.custody == {"patients": 17}
    whole = b"".join(path.read_bytes() for path in (tmp_path / "one" / "cases").rglob("*") if path.is_file())
    assert CANARY.encode() not in whole

    write(swapped(rows), images, tmp_path / "other")
    other = read_blind_half(tmp_path / "other" / "cases")
    assert other.cases.equals(blind.cases)
    assert {**other.provenance, "key_sha256": ""} == {**blind.provenance, "key_sha256": ""}


def test_without_patients_or_with_one_image_each_the_blind_half_is_as_before(tmp_path: Path) -> None:
    rows = selection()
    images = sources(rows, tmp_path)
    write(rows, images, tmp_path / "none")
    write(rows.assign(patient=[str(k) for k in range(20)]), images, tmp_path / "each")
    none, each = (
        (tmp_path / name / "cases" / "provenance.json").read_text(encoding="utf-8")
        for name in ("none", "each")
    )
    assert "patient" not in read_key(tmp_path / "none" / "key.csv").rows.columns
    assert sorted(read_key(tmp_path / "each" / "key.csv").rows["patient"]) == list(range(1, 21))
    assert {**json.loads(none), "key_sha256": ""} == {**json.loads(each), "key_sha256": ""}


def test_a_list_may_name_patients(tmp_path: Path) -> None:
    listed = cases(tmp_path, patient=["Röntgen 1", " röntgen  1", *(str(number) for number in range(2, 20))])
    with pytest.raises(Exception, match="column 'patient'"):
        read_listed(listed, Groups(*NAMES))
    written(cases(tmp_path, patient=["7", "7", *(str(number) for number in range(20, 38))]), "--synthetic")
    key = read_key(tmp_path / "key.csv").rows.set_index("source")["patient"]
    assert key[f"scans/{CANARY}_00.png"] == key[f"scans/{CANARY}_01.png"]
    assert key.nunique() == 19
    assert read_blind_half(tmp_path / "cases").custody["patients"] == 19


@pytest.mark.parametrize("patients", ["19", -1, 2.5, None])
def test_a_record_of_patients_is_a_count(patients: object) -> None:
    assert check_record({"patients": 3}, "here") == {"patients": 3}
    with pytest.raises(CaseSetError, match="patients as a whole number"):
        check_record({"patients": patients}, "here")
