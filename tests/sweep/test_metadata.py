"""Labels and metadata as others write them, through the real commands: each row comes to its own image, or nothing
does."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from django.core.management import CommandError, call_command

from analysis.sweep.data.people import read_people
from analysis.sweep.data.splits import locate_images, read_split
from analysis.sweep.data_spec import DataSpec
from analysis.sweep.errors import DataError
from analysis.sweep.run.prepare import prepare_run
from analysis.sweep.toml import load_spec
from tests.sweep.tiny import TinySweep, write_checkpoint, write_images

LABELS = "id,A,B\na.png,1,0\nb.png,0,1\nc.png,1,1\n"


class Import:
    """`manage.py import_predictions` over two classes; the table of images that it writes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, labels: str, metadata: str | None = None) -> pd.DataFrame:
        (self.folder / "labels.csv").write_text(labels, encoding="utf-8")
        rows = labels.rstrip("\n").count("\n")
        predictions = self.folder / "predictions"
        predictions.mkdir(exist_ok=True)
        for sparsity in ("0", "0.9"):
            np.save(predictions / f"seed-0_sparsity-{sparsity}.npy", np.full((rows, 2), 0.5, np.float32))
        options = {}
        if metadata is not None:
            options["metadata"] = self.folder / "meta.csv"
            options["metadata"].write_text(metadata, encoding="utf-8")
        call_command(
            "import_predictions", predictions, labels=self.folder / "labels.csv", classes=["A", "B"],
            out=self.folder / "run", **options,
        )  # fmt: skip
        return pd.read_csv(self.folder / "run" / "images.csv", dtype=str, keep_default_na=False)

    def refusal(self, labels: str, metadata: str | None = None) -> str:
        with pytest.raises(CommandError) as error:
            self.run(labels, metadata)
        assert not (self.folder / "run").exists()
        return str(error.value)


@pytest.fixture
def import_(tmp_path: Path) -> Import:
    return Import(tmp_path)


PATHS = [f"p{number}/s1/view1_frontal.png" for number in (1, 2, 3)]
PEOPLE = "path,view,sex,age,patient\n" + "".join(
    f"{path},{view},{sex},{age},{path[:2]}\n"
    for path, view, sex, age in zip(PATHS, ("PA", "AP", "PA"), "FMF", (31, 52, 73), strict=True)
)
PATH_LABELS = "path,A,B\n" + "".join(f"{path},1,0\n" for path in PATHS)


def test_a_sweep_joins_metadata_by_the_whole_path(tmp_path: Path) -> None:
    tiny = TinySweep(tmp_path)
    write_images(tiny.images, PATHS)
    (tmp_path / "labels.csv").write_text(PATH_LABELS)
    (tmp_path / "meta.csv").write_text(PEOPLE)
    write_checkpoint(tiny.checkpoint(0), 0, n_classes=2)
    (tmp_path / "spec.toml").write_text(
        '[data]\nname = "tiny"\nimages = "images"\nlabels_test = "labels.csv"\nmetadata = "meta.csv"\n'
        'classes = ["A", "B"]\nid_column = "path"\n[preprocess]\nsize = 32\n'
        '[models]\narchitecture = "shufflenet_v2_x0_5"\ncheckpoints = "trained_models"\n'
        '[infer]\nengine = "torch"\nthreads = 1\n'
    )
    run = prepare_run(load_spec(tmp_path / "spec.toml"), tmp_path / "run")
    images = pd.read_csv(run.paths.images)
    assert images["patient"].tolist() == ["p1", "p2", "p3"]
    assert images["age"].tolist() == [31, 52, 73]
    assert images["sex"].tolist() == ["F", "M", "F"]


def test_an_import_joins_metadata_by_the_whole_path_in_any_order(import_: Import) -> None:
    heading, *rows = PEOPLE.splitlines()
    images = import_.run(PATH_LABELS, "\n".join([heading, *reversed(rows)]) + "\n")
    assert images["patient"].tolist() == ["p1", "p2", "p3"]


def test_metadata_of_last_parts_that_are_not_unique_is_refused(import_: Import) -> None:
    why = import_.refusal(PATH_LABELS, "path,view\nview1_frontal.png,PA\n")
    assert "'p1/s1/view1_frontal.png' and 'p2/s1/view1_frontal.png'" in why


def test_a_row_of_another_patient_stands_for_nobody(import_: Import) -> None:
    why = import_.refusal(PATH_LABELS, PEOPLE.replace("p3/", "p9/"))
    assert "got none for 'p3/s1/view1_frontal.png' (1 of 3" in why


@pytest.mark.parametrize("again", ["a.png,AP,F,30,9", "a.png,AP,M,58,1", "a.png,,M,58,1", "A.PNG,AP,M,58,1"])
def test_rows_of_one_image_that_contradict_each_other_are_refused(import_: Import, again: str) -> None:
    rows = "image,view,sex,age,patient\na.png,PA,M,58,1\nb.png,AP,F,41,2\nc.png,AP,F,42,3\n"
    why = import_.refusal(LABELS, rows + again + "\n")
    assert "row 1 'a.png'" in why
    assert f"row 4 '{again[:5]}'" in why


def test_equal_repeats_pass(import_: Import) -> None:
    rows = "image,view,sex,age,patient\na.png,PA,M,58,1\na.png,pa,male,058Y,1\nb.png,AP,F,41,2\nc.png,AP,F,42,3\n"
    assert import_.run(LABELS, rows)["age"].tolist() == ["58.0", "41.0", "42.0"]


def test_words_outside_the_vocabulary_stay_blank_and_are_named(import_: Import) -> None:
    images = import_.run(
        LABELS,
        "image,view,sex,age,patient\na.png,PA,Mujer,50,1\nb.png,AP,Hombre,414,2\nc.png,XTABLE LATERAL,Female,44,3\n",
    )
    assert images["sex"].tolist() == ["", "", "F"]
    assert images["view"].tolist() == ["PA", "AP", ""]
    assert images["age"].tolist() == ["50.0", "", "44.0"]
    warnings = (import_.folder / "run" / "provenance.json").read_text()
    for words in (
        "row 1 'Mujer', row 2 'Hombre'",
        "row 3 'XTABLE LATERAL'",
        "row 2 '414'",
        "PA, AP or LATERAL",
    ):
        assert words in warnings


def test_many_unread_words_are_counted(tmp_path: Path) -> None:
    names = [f"{number}.png" for number in range(9)]
    pd.DataFrame({"image": names, "sex": [f"x{n // 2}" for n in range(9)]}).to_csv(
        tmp_path / "m.csv", index=False
    )
    people = read_people(names[1:], DataSpec("d", tmp_path, metadata=tmp_path / "m.csv"))
    assert any(
        "row 2 'x0', row 3 'x1', row 5 'x2', row 7 'x3', row 9 'x4'" in text for text in people.warnings
    )
    pd.DataFrame({"image": names, "sex": [f"x{n}" for n in range(9)]}).to_csv(tmp_path / "m.csv", index=False)
    people = read_people(names[1:], DataSpec("d", tmp_path, metadata=tmp_path / "m.csv"))
    assert any("'x5' and 3 more spellings" in text for text in people.warnings)


def test_ages_in_days_weeks_months_and_years_of_any_letter_case(import_: Import) -> None:
    rows = "image,view,sex,age,patient\na.png,PA,F,058Y,1\nb.png,AP,M,058y,2\nc.png,AP,M,011M,3\n"
    images = import_.run(LABELS, rows)
    assert images["age"].tolist() == ["58.0", "58.0", "0.9"]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(",", ";"), lambda text: text.replace(",", "\t"),
        lambda text: text.replace(",", "|"), lambda text: "sep=;\n" + text.replace(",", ";"),
        lambda text: "\ufeffsep=,\r\n" + text.replace("\n", "\r\n"), lambda text: "# made on Monday, by hand\n" + text,
        lambda text: text.replace("id,A", " id ,\u00a0A"),
    ],
    ids=["semicolons", "tabs", "bars", "sep and semicolons", "mark and sep", "comment", "blanks"],
)  # fmt: skip
def test_label_files_by_other_separators_are_read(tmp_path: Path, change) -> None:
    (tmp_path / "labels.csv").write_text(change(LABELS), encoding="utf-8", newline="")
    data = DataSpec("d", tmp_path, labels_test=tmp_path / "labels.csv", classes=("A", "B"))
    split = read_split(data.labels_test, data, "test")
    assert split.images == ("a.png", "b.png", "c.png")
    assert split.labels.tolist() == [[1, 0], [0, 1], [1, 1]]


@pytest.mark.parametrize(("mark", "words"), [(":", "missing: id, A, B"), ("^", "missing: id, A, B")])
def test_a_separator_that_is_none_names_the_missing_columns(import_: Import, mark: str, words: str) -> None:
    (import_.folder / "labels.csv").write_text(LABELS.replace(",", mark))
    data = DataSpec("d", import_.folder, labels_test=import_.folder / "labels.csv", classes=("A", "B"))
    with pytest.raises(DataError, match=words):
        read_split(data.labels_test, data, "test")


def test_a_decimal_comma_in_a_label_is_refused_with_what_to_do(import_: Import) -> None:
    why = import_.refusal("id;A;B\na.png;1,0;0\n")
    assert "row 1, column 'A': expected 0 or 1, got '1,0'; write a decimal point" in why


def test_two_spellings_of_one_image_or_patient_are_refused(import_: Import) -> None:
    why = import_.refusal("id,A,B\na.png,1,0\nb.png,1,0\nA.PNG,0,1\n")
    assert "row 1 'a.png' and row 3 'A.PNG'" in why
    rows = "image,patient\na.png,007\nb.png,8\nc.png,7.0\n"
    why = import_.refusal(LABELS, rows)
    assert "meta.csv: expected each patient in one spelling, got row 1 '007' and row 3 '7.0'" in why


def test_a_patient_in_two_unicode_forms_is_one(import_: Import) -> None:
    images = import_.run(LABELS, "image,patient\na.png,Mu\u0308ller\nb.png,M\u00fcller \nc.png,None\n")
    assert images["patient"].tolist() == ["M\u00fcller", "M\u00fcller", ""]


def test_images_named_like_nothing_are_images(import_: Import) -> None:
    assert import_.run("id,A,B\nNA,1,0\nnull,0,1\n")["image"].tolist() == ["NA", "null"]


def test_chexpert_as_it_is_distributed(tmp_path: Path) -> None:
    names = [
        f"CheXpert-v1.0-small/valid/patient6454{p}/study1/view{v}.jpg"
        for p in (1, 2)
        for v in ("1_frontal", "2_lateral")
    ]
    write_images(tmp_path / "images", [name.partition("/")[2] for name in names])
    rows = {
        "Path": names, "Sex": ["Female", "Female", "Male", "Male"], "Age": [73, 73, 70, 70],
        "Frontal/Lateral": ["Frontal", "Lateral"] * 2, "AP/PA": ["AP", "", "PA", ""],
        "A": [1.0, 0.0, 0.0, 1.0], "B": [0.0] * 4,
    }  # fmt: skip
    pd.DataFrame(rows).to_csv(tmp_path / "valid.csv", index=False)
    data = DataSpec(
        "chexpert", tmp_path / "images", labels_test=tmp_path / "valid.csv", metadata=tmp_path / "valid.csv",
        classes=("A", "B"), id_column="Path",
    )  # fmt: skip
    split = read_split(data.labels_test, data, "test")
    assert [file.relative_to(data.images).as_posix() for file in locate_images(split, data)] == [
        name.partition("/")[2] for name in names
    ]
    frame = read_people(split.images, data).frame
    assert frame["patient"].tolist() == ["patient64541"] * 2 + ["patient64542"] * 2
    assert frame["view"].tolist() == ["AP", "LATERAL", "PA", "LATERAL"]
    assert frame["sex"].tolist() == ["F", "F", "M", "M"]


def test_nih_in_its_twelve_folders(tmp_path: Path) -> None:
    names = ["00000001_000.png", "00000002_000.png"]
    write_images(tmp_path, ["images_001/images/00000001_000.png", "images_012/images/00000002_000.png"])
    (tmp_path / "labels.csv").write_text("id,A\n" + "".join(f"{name},1\n" for name in names))
    data = DataSpec("nih", tmp_path, labels_test=tmp_path / "labels.csv", classes=("A",))
    files = locate_images(read_split(data.labels_test, data, "test"), data)
    assert [file.parent.parent.name for file in files] == ["images_001", "images_012"]


def test_uids_as_names_with_another_ending(tmp_path: Path) -> None:
    uids = ["1.2.276.0.7230010.3.1.4.300", "1.2.276.0.7230010.3.1.4.301"]
    for uid in uids:
        (tmp_path / f"{uid}.dcm").touch()
    (tmp_path / "labels.csv").write_text("id,A\n" + "".join(f"{uid},1\n" for uid in uids))
    data = DataSpec("siim", tmp_path, labels_test=tmp_path / "labels.csv", classes=("A",), suffix=".dcm")
    files = locate_images(read_split(data.labels_test, data, "test"), data)
    assert [file.name for file in files] == [f"{uid}.dcm" for uid in uids]
