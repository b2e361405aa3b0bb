"""The folder on disk: NIH-CXR-LT's layout, whole or resumed, the truth kept out of it."""

import csv
import hashlib
import json
import stat
from dataclasses import replace
from pathlib import Path

import cv2
import pytest

from analysis.frames import NIH_CLASSES
from analysis.phantoms import PhantomError, PhantomSpec, write_data_set
from analysis.phantoms.catalogue import catalogue
from analysis.phantoms.dataset import TRUTH
from analysis.phantoms.drawing import render
from tests.phantoms.conftest import SMALL


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def rows(path: Path) -> list[list[str]]:
    with open(path, newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_label_files_have_the_layout_of_nih_cxr_lt(written: Path, split: str) -> None:
    header, *body = rows(written / "labels" / f"miccai2023_nih-cxr-lt_labels_{split}.csv")
    assert header == ["id", *NIH_CLASSES, "subj_id"]
    assert len(body) == getattr(SMALL, split)
    for row in body:
        assert (written / "images" / row[0]).is_file()
        assert set(row[1:-1]) <= {"0", "1"}
        assert int(row[0][:8]) == int(row[-1])


def test_metadata_has_the_columns_of_data_entry_2017(written: Path) -> None:
    header, *body = rows(written / "metadata.csv")
    assert ",".join(header) == (
        "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
        "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
    )
    assert [row[0] for row in body] == [image.name for image in catalogue(SMALL)]
    assert {row[6] for row in body} == {"PA", "AP"}
    assert {row[5] for row in body} == {"F", "M"}


def test_images_are_the_upper_8_bits_of_what_is_drawn(written: Path) -> None:
    for image in catalogue(SMALL)[:5]:
        stored = cv2.imread(str(written / "images" / image.name), cv2.IMREAD_UNCHANGED)
        assert stored.shape == (SMALL.rows, SMALL.columns)
        assert (stored == render(SMALL, image, SMALL.rows, SMALL.columns) >> 8).all()


def test_provenance_says_synthetic(written: Path) -> None:
    found = json.loads((written / "provenance.json").read_text())
    assert found["format"] == 1
    assert found["synthetic"] is True
    assert found["seed"] == SMALL.seed
    assert found["spec_sha256"] == SMALL.digest
    for name, digest in found["label_files_sha256"].items():
        assert hashlib.sha256((written / "labels" / name).read_bytes()).hexdigest() == digest


def test_the_truth_lies_outside_and_names_every_planted_fault(written: Path) -> None:
    path = written.parent / "truth.csv"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    header, *body = rows(path)
    assert header == list(TRUTH)
    truth = {row[0]: row for row in body}
    for image in catalogue(SMALL):
        planted = image.planted
        assert truth[image.name][1:] == [
            "; ".join(planted.flipped), *(str(int(planted.label == kind)) for kind in TRUTH[2:5]),
            str(int(bool(planted.quality))), planted.quality, str(int(planted.difficult)), str(planted.contrast),
        ]  # fmt: skip
    told = b"".join(path.read_bytes() for path in written.rglob("*") if path.suffix in {".csv", ".json"})
    assert b"under-exposure" not in told
    assert b"flipped" not in told


def test_two_processes_write_the_same_bytes_as_one(tmp_path: Path) -> None:
    spec = replace(SMALL, val=0, train=20, test=20, rows=16, columns=20)
    for workers in (1, 2):
        write_data_set(spec, tmp_path / str(workers), tmp_path / f"truth-{workers}.csv", workers=workers)
    assert digests(tmp_path / "1") == digests(tmp_path / "2")
    assert (tmp_path / "truth-1.csv").read_bytes() == (tmp_path / "truth-2.csv").read_bytes()


def test_a_set_cut_short_is_completed_and_nothing_is_drawn_twice(tmp_path: Path) -> None:
    spec = replace(SMALL, val=0, train=20, test=20, rows=16, columns=20)
    seen: list[tuple[int, int]] = []

    def stop_at_ten(done: int, total: int) -> None:
        if done == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_data_set(spec, tmp_path / "set", tmp_path / "truth.csv", progress=stop_at_ten, workers=1)
    assert not (tmp_path / "set" / "provenance.json").exists()
    write_data_set(
        spec, tmp_path / "set", tmp_path / "truth.csv", progress=lambda *at: seen.append(at), workers=1
    )
    assert seen == [(done, 40) for done in range(11, 41)]
    write_data_set(spec, tmp_path / "whole", tmp_path / "truth.csv", workers=1)
    assert digests(tmp_path / "set") == digests(tmp_path / "whole")


@pytest.mark.parametrize("change", [{"seed": 8}, {"rows": 48}, {"test": 25}])
def test_another_set_is_not_overwritten(written: Path, change: dict[str, int]) -> None:
    before = digests(written)
    with pytest.raises(PhantomError, match="expected the set"):
        write_data_set(replace(SMALL, **change), written, written.parent / "other.csv")
    assert digests(written) == before
    assert not (written.parent / "other.csv").exists()


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(PhantomError, match="found other files"):
        write_data_set(PhantomSpec(), tmp_path, tmp_path.parent / "truth.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_the_truth_inside_the_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PhantomError, match="expected a path outside"):
        write_data_set(PhantomSpec(), tmp_path / "set", tmp_path / "set" / "truth.csv")
    assert not (tmp_path / "set").exists()


@pytest.mark.parametrize("formats", [(), ("jpeg",)])
def test_unknown_formats_are_named(tmp_path: Path, formats: tuple[str, ...]) -> None:
    with pytest.raises(PhantomError, match="formats: expected one or more of png, dicom"):
        write_data_set(PhantomSpec(), tmp_path / "set", tmp_path / "truth.csv", formats)
