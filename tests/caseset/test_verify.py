from pathlib import Path

import pytest

from analysis.caseset import CaseSet, CaseSetError, read_key, verify_case_set
from tests.caseset.sets import selection, sources, write


@pytest.fixture
def written(tmp_path: Path) -> CaseSet:
    rows = selection(12)
    return write(rows, sources(rows, tmp_path / "in"), tmp_path / "out", block_size=8)


def flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def test_a_whole_set_is_counted(written: CaseSet) -> None:
    found = verify_case_set(written.folder)
    assert (found.cases, found.blocks, found.key_checked) == (24, 3, False)
    assert verify_case_set(written.folder, written.key).key_sha256 == written.key_sha256


@pytest.mark.parametrize("place", [0, 30, -20])
def test_a_flipped_bit_in_an_image_is_found(written: CaseSet, place: int) -> None:
    victim = sorted((written.folder / "images").iterdir())[3]
    flip(victim, place)
    with pytest.raises(CaseSetError, match=f"{victim.name}: expected SHA-256"):
        verify_case_set(written.folder)


@pytest.mark.parametrize("place", [0, 100, -2])
def test_a_flipped_bit_in_the_cases_is_found(written: CaseSet, place: int) -> None:
    flip(written.folder / "cases.csv", place)
    with pytest.raises(CaseSetError, match=r"cases\.csv: expected SHA-256"):
        verify_case_set(written.folder)


@pytest.mark.parametrize("place", [0, 100, -2])
def test_a_flipped_bit_in_the_key_is_found(written: CaseSet, place: int) -> None:
    flip(written.key, place)
    with pytest.raises(CaseSetError, match=r"key\.csv: expected the key with SHA-256"):
        verify_case_set(written.folder, written.key)


def test_missing_stray_and_linked_files_are_all_named(written: CaseSet) -> None:
    gone, linked = sorted((written.folder / "images").iterdir())[:2]
    gone.unlink()
    target = written.folder.parent / "elsewhere"
    linked.rename(target)
    linked.symlink_to(target)
    (written.folder / "notes.txt").write_text("arm 1")
    with pytest.raises(CaseSetError) as caught:
        verify_case_set(written.folder)
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    assert gone.name in lines[0]
    assert linked.name in lines[1]
    assert "notes.txt: is not part" in lines[2]


def test_a_key_rewritten_with_other_sources_is_found(written: CaseSet) -> None:
    text = written.key.read_text()
    written.key.write_text(text.replace("_003.png", "_999.png"))
    with pytest.raises(CaseSetError, match="does not match the nonce and the source"):
        read_key(written.key)


def test_seeds_that_do_not_open_the_commitment_are_found(written: CaseSet) -> None:
    written.report.write_text(written.report.read_text().replace("8675309", "1"))
    with pytest.raises(CaseSetError, match="do not match the commitments"):
        verify_case_set(written.folder, written.key)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"format": 2', '"format": 4', "expected format 1 or 2 or 3, got 4"),
        ('"key_sha256"', '"other"', "missing: key_sha256"),
        ("{", "[", "expected JSON"),
        ('"cases": 24', '"cases": 23', "expected 23 cases, got 24"),
    ],
)
def test_a_changed_provenance_is_found(written: CaseSet, old: str, new: str, message: str) -> None:
    path = written.folder / "provenance.json"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(CaseSetError, match=message):
        verify_case_set(written.folder)


def test_no_case_set_and_no_nonce(written: CaseSet, tmp_path: Path) -> None:
    with pytest.raises(CaseSetError, match=r"provenance\.json: expected a readable file"):
        verify_case_set(tmp_path / "nowhere")
    lines = written.key.read_text().splitlines()
    written.key.write_text("\n".join([lines[0], lines[1].rpartition(",")[0] + ",", *lines[2:]]))
    with pytest.raises(CaseSetError, match="nonce of 64 hex digits in the first row"):
        read_key(written.key)
