"""Published data sets come in as they are: labels, splits, views, sexes, ages, patients and studies by hand."""

import io
from pathlib import Path

import pandas as pd
import pytest

from analysis.frames import IGNORED
from analysis.sweep.data.people import read_people
from analysis.sweep.data.splits import Split, locate_images, read_split
from analysis.sweep.data_spec import DataSpec
from analysis.sweep.errors import DataError, SpecError
from analysis.sweep.layouts import LAYOUTS
from analysis.sweep.toml import spec_from
from tests.sweep import published
from tests.sweep.published import write


def spec_of(folder: Path, layout: str, **keys: object) -> DataSpec:
    section = {"name": "d", "images": "images", "layout": layout} | keys
    return spec_from({"data": section}, base=folder).data


def positives(split: Split, data: DataSpec) -> list[list[str]]:
    return [
        [name for name, value in zip(data.classes, row, strict=True) if value == 1] for row in split.labels
    ]


def people(split: Split, data: DataSpec) -> list[tuple[object, ...]]:
    frame = read_people(split.images, data).frame
    return [
        tuple(None if value != value else value for value in row)
        for row in frame.reindex(columns=["view", "sex", "age", "patient", "study"]).itertuples(index=False)
    ]


def refusal(data: DataSpec, role: str = "test") -> str:
    with pytest.raises(DataError) as error:
        read_split(data.labels_test, data, role)
    return str(error.value)


def test_nih_chest_xray14(tmp_path: Path) -> None:
    write(tmp_path, labels=published.NIH, test_list="00000003_000.png\n00000001_001.png\n")
    data = spec_of(tmp_path, "nih-cxr14", labels_test="labels.csv", split_test="test_list.txt")
    split = read_split(data.labels_test, data, "test")
    assert split.images == ("00000001_001.png", "00000003_000.png")
    assert positives(split, data) == [["Cardiomegaly", "Emphysema"], ["Pleural_Thickening", "Hernia"]]
    assert people(split, data) == [("PA", "M", 58, "1", None), ("PA", "F", 75, "3", None)]
    counted = "labels.csv: 2 test images; 2 patients; view PA 2; sex M 1, F 1; age 58 to 75"
    assert read_people(split.images, data).warnings == (counted,)
    whole = spec_of(tmp_path, "nih-cxr14", labels_test="labels.csv")
    assert read_split(whole.labels_test, whole, "test").labels.sum(axis=0).tolist() == [
        0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 1, 1
    ]  # fmt: skip


def test_a_missing_image_is_named_by_its_row_in_the_published_file(tmp_path: Path) -> None:
    write(tmp_path, labels=published.NIH, test_list="00000003_000.png\n")
    data = spec_of(tmp_path, "nih-cxr14", labels_test="labels.csv", split_test="test_list.txt")
    with pytest.raises(DataError, match=r"labels\.csv, row 4: expected the image .*00000003_000\.png"):
        locate_images(read_split(data.labels_test, data, "test"), data)


def test_nih_refusals(tmp_path: Path) -> None:
    write(tmp_path, labels=published.NIH.replace("Hernia|", "Hernai|"), a_list="00000009_000.png\n")
    data = spec_of(tmp_path, "nih-cxr14", labels_test="labels.csv")
    assert refusal(data).startswith(
        f"{tmp_path}/labels.csv, row 4, column 'Finding Labels': expected names of"
    )
    assert refusal(data).endswith("got 'Hernai'")
    write(tmp_path, labels=published.NIH)
    listed = spec_of(tmp_path, "nih-cxr14", labels_test="labels.csv", split_test="a_list.txt")
    assert refusal(listed) == (
        f"{tmp_path}/a_list.txt, row 1: expected an image of labels.csv, got '00000009_000.png'"
    )
    write(tmp_path, labels=published.NIH.replace("No Finding", ""))
    assert refusal(data).endswith(
        "row 3, column 'Atelectasis': expected 0 or 1, got a blank; "
        '[data] blank = "negative", "positive" or "ignore" reads it'
    )


def test_chexpert(tmp_path: Path) -> None:
    write(tmp_path, train=published.CHEXPERT)
    data = spec_of(
        tmp_path, "chexpert", labels_test="train.csv", uncertain=["ignore", "Edema=positive", "Cardiomegaly=negative"],
        blank="negative",
    )  # fmt: skip
    split = read_split(data.labels_test, data, "test")
    both = ["Lung Opacity", "Edema", "Fracture"]
    assert positives(split, data) == [["No Finding", "Support Devices"], both, both]
    # Of two rows with five uncertain classes, Edema and Cardiomegaly are told; three are left in each.
    assert dict(zip(data.classes, split.ignored.tolist(), strict=True)) == dict.fromkeys(data.classes, 0) | {
        "Consolidation": 2, "Atelectasis": 2, "Pleural Effusion": 2,
    }  # fmt: skip
    study = "patient00002/study2"
    assert people(split, data) == [
        ("AP", "F", 68, "patient00001", "patient00001/study1"), ("PA", "M", 87, "patient00002", study),
        ("LATERAL", "M", 87, "patient00002", study),
    ]  # fmt: skip
    said = read_people(split.images, data).warnings[0]
    assert said.startswith(
        "train.csv: 3 test images; 2 patients; 2 studies; view AP 1, PA 1, LATERAL 1; sex M 2, F 1"
    )
    # 42 cells: row 1 tells 3; rows 2 and 3 tell 7 each. 42 - 17 = 25 blanks.
    assert split.notes[0].startswith("train.csv: 25 blank labels count as negative (")
    assert (
        "train.csv: 6 uncertain labels are ignored (Consolidation 2, Atelectasis 2, Pleural Effusion 2)"
        in split.notes
    )
    bare = spec_of(tmp_path, "chexpert", labels_test="train.csv", blank="negative")
    assert "row 2, column 'Cardiomegaly': expected 0 or 1, got '-1.0'; [data] uncertain =" in refusal(bare)


def test_chexpert_without_columns_of_people(tmp_path: Path) -> None:
    """As the labels of its test split are published: paths and classes alone."""
    table = pd.read_csv(io.StringIO(published.CHEXPERT), dtype=str, keep_default_na=False)
    write(
        tmp_path,
        groundtruth=table.drop(columns=["Sex", "Age", "Frontal/Lateral", "AP/PA"]).to_csv(index=False),
    )
    data = spec_of(tmp_path, "chexpert", labels_test="groundtruth.csv", uncertain="ignore", blank="negative")
    split = read_split(data.labels_test, data, "test")
    assert len(split.images) == len(table)
    people = read_people(split.images, data)
    assert people.frame.reindex(columns=["sex", "age", "view"]).isna().all().all()
    assert people.frame["patient"].str.fullmatch("patient[0-9]{5}").all()


def test_mimic_cxr(tmp_path: Path) -> None:
    write(
        tmp_path, chexpert=published.MIMIC_LABELS, split=published.MIMIC_SPLIT, meta=published.MIMIC_METADATA
    )
    data = spec_of(
        tmp_path, "mimic-cxr", labels_test="chexpert.csv", split_test="split.csv", split_train="split.csv",
        metadata="meta.csv", uncertain="ignore", blank="negative",
    )  # fmt: skip
    train = read_split(data.labels_test, data, "train")
    folder = "files/p10/p10000032/s50414267"
    assert train.images == (f"{folder}/02aa.jpg", f"{folder}/174b.jpg")
    assert positives(train, data) == [["No Finding"], ["No Finding"]]
    test = read_split(data.labels_test, data, "test")
    assert test.images == ("files/p10/p10000764/s57375967/096e.jpg",)
    assert test.labels[0, data.classes.index("Pneumonia")] == IGNORED
    assert "chexpert.csv: 1 of 2 images are left out, their study has no labels" in test.notes
    assert people(train, data) == [(view, None, None, "10000032", "50414267") for view in ("PA", "LATERAL")]
    alone = spec_of(tmp_path, "mimic-cxr", labels_test="chexpert.csv")
    assert "mimic-cxr-2.0.0-split.csv.gz), got none" in refusal(alone)
    write(tmp_path, chexpert=published.MIMIC_LABELS + published.MIMIC_LABELS.splitlines()[1] + "\n")
    assert "row 3, column 'study_id': expected each study once, got '50414267' again" in refusal(data)


def test_padchest(tmp_path: Path) -> None:
    write(tmp_path, labels=published.PADCHEST)
    classes = ["No Finding", "pleural effusion", "pulmonary fibrosis"]
    data = spec_of(tmp_path, "padchest", labels_test="labels.csv", classes=classes, blank="ignore")
    split = read_split(data.labels_test, data, "test")
    assert split.images[1] == "11/135803415504923515076821959678074435083_fzis7b.png"
    assert positives(split, data) == [["pleural effusion", "pulmonary fibrosis"], ["No Finding"], []]
    assert split.ignored.tolist() == [1, 1, 1]  # the third image has no list: nothing is known of it
    found = people(split, data)
    # 2014 - 1930 = 84 and 2015 - 1929 = 86; no birth, no age.
    assert [one[:3] for one in found] == [("PA", "F", 84), ("LATERAL", "M", 86), ("AP", None, None)]
    assert found[1][3:] == (
        "313572750430997347502932654319389875966",
        "135803415504923515076821959678074435083",
    )
    unknown = spec_of(tmp_path, "padchest", labels_test="labels.csv", classes=["pneumonia"])
    assert "expected the class 'pneumonia'" in refusal(unknown)
    write(tmp_path, labels=published.PADCHEST.replace("['normal']", "normal"))
    assert "row 2, column 'Labels': expected a list of names, got 'normal'" in refusal(data)


@pytest.mark.parametrize(
    ("rule", "positive", "uncertain"),
    [
        ("majority", ["Cardiomegaly"], 0),  # two of three readers
        ("any", ["Cardiomegaly", "Edema", "Pneumonia"], 0),
        ("all", [], 0),
        ("unanimous", [], 3),
    ],
)
def test_vindr_cxr_has_several_readers(
    tmp_path: Path, rule: str, positive: list[str], uncertain: int
) -> None:
    write(tmp_path, labels=published.VINDR)
    data = spec_of(
        tmp_path, "vindr-cxr", labels_test="labels.csv", readers=rule, uncertain="ignore", suffix=".dicom"
    )
    split = read_split(data.labels_test, data, "test")
    assert split.images == ("aa", "bb")
    assert positives(split, data) == [positive, ["No Finding"]]
    assert split.ignored.sum() == uncertain
    assert f"labels.csv: 3 to 3 readers per image, decided by '{rule}'" in split.notes


def test_vindr_cxr_an_even_number_can_be_undecided(tmp_path: Path) -> None:
    write(tmp_path, labels=published.vindr([("aa", "R1", {"Edema"}), ("aa", "R2", set())]))
    data = spec_of(tmp_path, "vindr-cxr", labels_test="labels.csv")
    assert "row 1, column 'Edema': expected 0 or 1, got '-1'; [data] uncertain" in refusal(data)
    consensus = published.VINDR.replace("rad_id,", "").replace("R1,", "").splitlines()[:3]
    write(tmp_path, labels="\n".join(consensus) + "\n")
    assert positives(read_split(data.labels_test, data, "test"), data) == [["Cardiomegaly"], ["No Finding"]]


def test_vindr_cxr_refusals(tmp_path: Path) -> None:
    data = spec_of(tmp_path, "vindr-cxr", labels_test="labels.csv")
    write(tmp_path, labels=published.vindr([("aa", "R1", set()), ("aa", "R1", {"Edema"})]))
    assert "row 2, column 'rad_id': expected each reader once" in refusal(data)
    write(tmp_path, labels=published.VINDR.replace("bb,R5,0", "bb,R5,x"))
    assert "row 6, column 'Aortic enlargement': expected 0 or 1 of each reader, got 'x'" in refusal(data)


def test_a_manifest_of_any_names(tmp_path: Path) -> None:
    write(tmp_path, manifest=published.MANIFEST, split=published.MANIFEST.replace("Teil", "split"))
    headings = {
        "view": "Ebene", "sex": "Geschlecht", "age": "Alter", "patient": "Nummer", "study": "Aufnahme",
    }  # fmt: skip
    keys = {
        "labels_test": "manifest.csv", "split_test": "split.csv", "id_column": "Datei",
        "classes": ["Fraktur", "Erguss"], "columns": [f"{name}={heading}" for name, heading in headings.items()],
    }  # fmt: skip
    data = spec_of(tmp_path, "manifest", **keys)
    split = read_split(data.labels_test, data, "test")
    assert split.images == ("a/2.png", "a/3.png")
    assert split.labels.tolist() == [[0, 1], [0, 0]]
    assert people(split, data) == [("AP", "M", 52, "p2", "s2"), ("PA", "M", 53, "p3", "s3")]
    assert "manifest.csv: cells are separated by a semicolon" in split.notes
    wrong = spec_of(tmp_path, "manifest", **keys | {"columns": ["view=Sicht"]})
    with pytest.raises(DataError, match=r"manifest\.csv: expected the column 'Sicht' of \[data\] columns"):
        read_people(split.images, wrong)
    no_split = spec_of(tmp_path, "manifest", **keys | {"split_test": "manifest.csv"})
    assert "expected a column 'split', got Datei, Ebene" in refusal(no_split)


def test_specification_of_layouts(tmp_path: Path) -> None:
    for keys, words in (
        ({"layout": "nih"}, "layout: expected one of"),
        ({"uncertain": "maybe"}, "uncertain: expected one of refuse, negative, positive, ignore"),
        ({"blank": ["ignore", "Lump=positive"]}, "blank: expected exceptions for classes of the data set"),
        ({"columns": ["colour=Farbe"]}, "columns: expected one of image, view"),
        ({"readers": "most"}, "readers: expected one of majority, any, all, unanimous"),
        ({"expert_classes": ["A=Edema"]}, "expert_labels and expert_classes: expected both or neither"),
    ):
        with pytest.raises(SpecError) as error:
            spec_of(tmp_path, **{"layout": "chexpert"} | keys)
        assert words in str(error.value)
    with pytest.raises(SpecError, match="classes: expected one of"):
        spec_of(tmp_path, "padchest")


def test_a_layout_enters_the_name_of_a_run_and_old_names_stay(tmp_path: Path) -> None:
    old = spec_from({"data": {"name": "d", "images": "i"}}, base=tmp_path)
    assert old.choices() == {}
    new = spec_from({"data": {"name": "d", "images": "i", "uncertain": "ignore"}}, base=tmp_path)
    assert new.choices() == {"data": {"uncertain": ("ignore",)}}
    assert new.run_id({}) != old.run_id({})
    assert spec_from(new.as_dict(), base=tmp_path) == new


def test_every_layout_says_what_it_reads() -> None:
    named = {"nih-cxr14", "nih-cxr-lt", "mimic-cxr", "mimic-cxr-lt", "chexpert", "padchest", "vindr-cxr"}
    assert {*LAYOUTS} == {"table", "manifest", *named}
    assert all(layout.meaning for layout in LAYOUTS.values())
