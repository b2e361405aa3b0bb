from pathlib import Path

import pytest

from analysis.caseset import CaseSetError, find_images


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.png", "p1/b.dcm", "p1/c.dcm", "p2/c.jpg", "p2/d.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_by_path_first_and_by_stem_else(folder: Path) -> None:
    found = find_images(["a.png", "files/b.jpg", "p1/c.dcm"], folder)
    assert found == {
        "a.png": folder / "a.png",
        "files/b.jpg": folder / "p1/b.dcm",
        "p1/c.dcm": folder / "p1/c.dcm",
    }


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("c.png", r"expected one match for 'c\.png', got 'p1/c\.dcm' and 'p2/c\.jpg'"),
        ("d.png", "got none"),
        ("../a.png", "inside the image folder"),
        ("/a.png", "inside the image folder"),
        ("", "inside the image folder"),
    ],
)
def test_what_is_missing_doubtful_or_outside_is_refused(folder: Path, name: str, message: str) -> None:
    with pytest.raises(CaseSetError, match=message):
        find_images(["a.png", name], folder)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(CaseSetError, match="expected a folder of images"):
        find_images([], tmp_path / "none")
