"""Label files and metadata in the layouts of the two data sets, and what is refused."""

from pathlib import Path

import pandas as pd
import pytest

from analysis.frames import MIMIC_CLASSES, NIH_CLASSES
from analysis.sweep.data.people import read_people
from analysis.sweep.data.splits import locate_images, read_split
from analysis.sweep.data_spec import DataSpec
from analysis.sweep.errors import DataError
from tests.sweep.tiny import label_frame, write_images, write_labels

NAMES = ("00000013_005.png", "00000013_006.png", "00000099_000.png")
MIMIC_NAMES = ("files/p10/p10000032/s50414267/02aa.jpg", "files/p11/p11000011/s50000001/03bb.jpg")


def nih(root: Path, **changes) -> DataSpec:
    return DataSpec("nih-cxr-lt", root / "images", labels_test=root / "labels.csv", **changes)


def test_nih_layout(tmp_path):
    frame = write_labels(tmp_path / "labels.csv", NAMES)
    write_images(tmp_path / "images", NAMES)
    data = nih(tmp_path)
    split = read_split(data.labels_test, data, "test")
    assert split.images == NAMES
    assert (split.labels == frame[list(NIH_CLASSES)].to_numpy()).all()
    assert locate_images(split, data) == [tmp_path / "images" / name for name in NAMES]
    assert read_people(split.images, data).frame["patient"].tolist() == ["00000013", "00000013", "00000099"]


def test_nih_metadata(tmp_path):
    rows = {
        "Image Index": [*reversed(NAMES), "00000100_000.png"],
        "Patient ID": [99, 13, 13, 100],
        "Patient Age": ["414", "058Y", "59", "1"],
        "Patient Gender": ["F", "M", "M", "F"],
        "View Position": ["AP", "PA", "AP", "PA"],
    }
    pd.DataFrame(rows).to_csv(tmp_path / "Data_Entry_2017.csv", index=False)
    people = read_people(NAMES, nih(tmp_path, metadata=tmp_path / "Data_Entry_2017.csv"))
    assert people.frame["view"].tolist() == ["AP", "PA", "AP"]
    assert people.frame["sex"].tolist() == ["M", "M", "F"]
    assert people.frame["age"].tolist()[:2] == [59, 58]
    assert people.frame["age"].isna().tolist() == [False, False, True]
    (warning,) = people.warnings
    assert warning.startswith(
        "Data_Entry_2017.csv: age is unknown for 1 of 3 images; expected an age in years"
    )
    assert warning.endswith("not read: row 1 '414'")


def test_mimic_layout_and_metadata(tmp_path):
    write_labels(tmp_path / "labels.csv", MIMIC_NAMES, classes=MIMIC_CLASSES, id_column="path")
    write_images(tmp_path / "root", MIMIC_NAMES)
    rows = {"dicom_id": ["03bb", "02aa"], "subject_id": [11000011, 10000032], "ViewPosition": ["LL", "PA"]}
    pd.DataFrame(rows).to_csv(tmp_path / "metadata.csv", index=False)
    data = DataSpec(
        "mimic-cxr-lt", tmp_path / "root", labels_test=tmp_path / "labels.csv",
        metadata=tmp_path / "metadata.csv", classes=MIMIC_CLASSES, id_column="path",
    )  # fmt: skip
    split = read_split(data.labels_test, data, "test")
    assert split.labels.shape == (2, 19)
    assert all(file.is_file() for file in locate_images(split, data))
    people = read_people(split.images, data)
    assert people.frame["view"].tolist() == ["PA", "LATERAL"]
    assert people.frame["patient"].astype(int).tolist() == [10000032, 11000011]
    without = DataSpec("mimic-cxr-lt", tmp_path, classes=MIMIC_CLASSES, id_column="path")
    assert read_people(MIMIC_NAMES, without).frame["patient"].tolist() == ["10000032", "11000011"]


def test_suffix_points_to_dicom(tmp_path):
    write_labels(tmp_path / "labels.csv", NAMES)
    (tmp_path / "images").mkdir()
    for name in NAMES:
        (tmp_path / "images" / name).with_suffix(".dcm").touch()
    data = nih(tmp_path, suffix=".dcm")
    assert locate_images(read_split(data.labels_test, data, "test"), data)[0].suffix == ".dcm"


def test_paths_written_on_windows(tmp_path):
    write_images(tmp_path / "images", [f"a/{name}" for name in NAMES])
    label_frame([f"a\\{name} " for name in NAMES]).to_csv(tmp_path / "labels.csv", index=False)
    split = read_split(tmp_path / "labels.csv", nih(tmp_path), "test")
    assert split.images == tuple(f"a/{name}" for name in NAMES)
    assert len(locate_images(split, nih(tmp_path))) == 3


def refused(tmp_path, frame, *words, **changes):
    frame.to_csv(tmp_path / "labels.csv", index=False)
    data = nih(tmp_path, **changes)
    with pytest.raises(DataError) as error:
        locate_images(read_split(data.labels_test, data, "test"), data)
    for word in ("labels.csv", *words):
        assert word in str(error.value)


def test_bad_labels_are_named(tmp_path):
    frame = label_frame(NAMES).astype(object)
    frame.loc[1, "Hernia"] = 2
    refused(tmp_path, frame, "row 2", "'Hernia'", "0 or 1", "got '2'")
    frame.loc[1, "Hernia"] = "yes"
    refused(tmp_path, frame, "row 2", "'Hernia'", "got 'yes'")
    frame.loc[1, "Hernia"] = None
    refused(tmp_path, frame, "row 2", "'Hernia'", "got a blank")


def test_other_bad_label_files(tmp_path):
    refused(tmp_path, label_frame(NAMES).drop(columns="Mass"), "missing: Mass")
    twice = label_frame((*NAMES, NAMES[0]))
    twice.loc[3, "Hernia"] = 1 - twice.loc[0, "Hernia"]
    refused(tmp_path, twice, "row 4", "each id once", "row 1")
    refused(tmp_path, label_frame(NAMES).iloc[:0], "at least one row")
    refused(tmp_path, label_frame((*NAMES, "../../etc/passwd")), "row 4", "inside the image folder")
    refused(tmp_path, label_frame((*NAMES, r"..\..\etc")), "row 4", "inside the image folder")
    refused(tmp_path, label_frame(NAMES), "row 1", "00000013_005.png", "3 of 3 images are missing")


def test_an_image_that_comes_again_with_the_same_labels_is_one_image(tmp_path):
    write_images(tmp_path / "images", NAMES)
    again = pd.concat([label_frame(NAMES), label_frame(NAMES).iloc[[0]]])  # one row for each box of an image
    again.to_csv(tmp_path / "labels.csv", index=False)
    assert read_split(tmp_path / "labels.csv", nih(tmp_path), "test").images == NAMES


def test_two_spellings_with_the_same_labels_are_refused_and_none_is_left_out(tmp_path):
    """Both may be files of their own: the second was passed over as a repeat."""
    again = pd.concat([label_frame(NAMES), label_frame(NAMES).iloc[[0]].replace(NAMES[0], NAMES[0].upper())])
    refused(tmp_path, again, "in one spelling", f"row 1 {NAMES[0]!r}", f"row 4 {NAMES[0].upper()!r}")


def test_absent_files_are_named(tmp_path):
    data = nih(tmp_path)
    with pytest.raises(
        DataError, match=r"labels\.csv: expected a CSV file in UTF-8, got the error 'No such file"
    ):
        read_split(data.labels_test, data, "test")
    with pytest.raises(DataError, match="labels_val"):
        read_split(data.labels_val, data, "val")
    (tmp_path / "labels.csv").write_text("")
    with pytest.raises(DataError, match="expected a CSV file in UTF-8"):
        read_split(data.labels_test, data, "test")


def test_metadata_without_an_image_is_named(tmp_path):
    pd.DataFrame({"Image Index": NAMES[:2], "Patient Age": ["1", "2"]}).to_csv(
        tmp_path / "m.csv", index=False
    )
    with pytest.raises(DataError, match=r"got none for '00000099_000\.png' \(1 of 3"):
        read_people(NAMES, nih(tmp_path, metadata=tmp_path / "m.csv"))
    pd.DataFrame({"who": NAMES}).to_csv(tmp_path / "m.csv", index=False)
    with pytest.raises(DataError, match="Image Index"):
        read_people(NAMES, nih(tmp_path, metadata=tmp_path / "m.csv"))
