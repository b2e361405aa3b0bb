"""An import is the run it was exported from, or it is nothing."""

import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from django.core.management import CommandError, call_command

from analysis.frames import IMAGES as IMAGES_TABLE
from analysis.frames import METRICS, check_table
from analysis.imports.errors import PredictionsError
from analysis.imports.importing import import_predictions
from analysis.imports.listing import Choices
from analysis.imports.readers import _from_frame
from analysis.selection import read_run
from analysis.selection.exemplars import find_exemplars
from analysis.sweep.errors import DataError
from tests.imports import old_pandas as old
from tests.imports import released
from tests.imports.released import CLASSES, IMAGES, SEEDS, SPARSITIES, WRITERS

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    return released.write_labels(tmp_path)


@pytest.fixture
def folder(tmp_path: Path, labels: Path) -> Path:
    return released.write_released(tmp_path, labels)


def refused(
    folder: Path, labels: Path, out: Path, error: type[Exception] = PredictionsError, **choices: object
) -> str:
    """Return why an import was refused; check that nothing was left behind."""
    before = sorted(out.parent.iterdir())
    with pytest.raises(error) as caught:
        import_predictions(folder, out, Choices(labels, **choices))
    assert sorted(out.parent.iterdir()) == before
    return str(caught.value)


@pytest.mark.parametrize("form", WRITERS)
def test_an_import_is_what_was_exported(tmp_path: Path, labels: Path, form: str) -> None:
    folder = released.write_released(tmp_path, labels, WRITERS[form])
    made = import_predictions(folder, tmp_path / "run", Choices(labels))
    run = read_run(tmp_path / "run")
    assert (made.images, made.seeds, made.conditions) == (IMAGES, len(SEEDS), ("dense", "0.50", "0.90"))
    assert (run.run_id, run.synthetic, run.class_names) == (made.run_id, False, CLASSES)
    assert (tuple(run.seeds), run.conditions) == (SEEDS, made.conditions)
    for seed in SEEDS:
        for sparsity in SPARSITIES:
            np.testing.assert_array_equal(run.scores(seed, sparsity), released.made_scores(seed, sparsity))
    table = pd.read_csv(labels)
    np.testing.assert_array_equal(run.labels, table[CLASSES])
    assert list(run.images["image"]) == list(table["id"])
    assert list(run.images["patient"][:3]) == ["00000000", "00000000", "00000001"]
    bare = form in {"npy", "array pickle"}
    assert any("could be checked" in warning for warning in made.warnings) == bare


def test_exemplars_are_found_in_an_import(tmp_path: Path, labels: Path, folder: Path) -> None:
    import_predictions(folder, tmp_path / "run", Choices(labels))
    run = read_run(tmp_path / "run")
    names = list(run.images["image"])
    found = find_exemplars(names, run.mean_scores(0), run.mean_scores(0.9), fraction=0.25)
    assert sorted(found.images) == names[::4]


def test_the_files_of_an_import_say_what_they_are(tmp_path: Path, labels: Path, folder: Path) -> None:
    train = released.write_labels(tmp_path, 400, "train.csv")
    choices = Choices(labels, labels_train=train, synthetic=True)
    made = import_predictions(folder, tmp_path / "run", choices)
    said = json.loads((tmp_path / "run/provenance.json").read_text())
    assert said["imported"]["dataset"] == "nih-cxr-lt"
    assert set(said["imported"]["files"]) == {path.name for path in folder.iterdir()}
    assert (said["synthetic"], said["run_id"]) == (True, made.run_id)
    note = json.loads((tmp_path / "run/predictions/seed-1_sparsity-0.50.json").read_text())
    assert note["sha256"] == said["predictions"]["seed-1_sparsity-0.50.npy"]
    assert note["imported_sha256"] == said["imported"]["files"]["nih-cxr-lt_resnet50_seed-1_prune-0.5.pkl"]
    metrics = check_table(pd.read_csv(tmp_path / "run/metrics.csv"), METRICS)
    assert len(metrics) == len(SEEDS) * len(SPARSITIES) * 20
    assert metrics[metrics["class"] == "Pneumomediastinum"]["ap"].isna().all()
    classes = pd.read_csv(tmp_path / "run/classes.csv")
    assert list(classes["train_positives"]) == list(pd.read_csv(train)[CLASSES].sum())
    assert str(tmp_path) not in (tmp_path / "run/provenance.json").read_text()


def test_the_same_input_makes_the_same_bytes(tmp_path: Path, labels: Path, folder: Path) -> None:
    for name in ("one", "two"):
        import_predictions(folder, tmp_path / name, Choices(labels))
    names = sorted(p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*") if p.is_file())
    assert len(names) == 4 + 2 * len(SEEDS) * len(SPARSITIES)
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_an_import_can_be_imported_again(tmp_path: Path, labels: Path, folder: Path) -> None:
    import_predictions(folder, tmp_path / "one", Choices(labels))
    import_predictions(tmp_path / "one/predictions", tmp_path / "two", Choices(labels))
    one, two = read_run(tmp_path / "one"), read_run(tmp_path / "two")
    assert one.predictions_sha256 == two.predictions_sha256


def test_metadata_are_joined(tmp_path: Path, labels: Path, folder: Path) -> None:
    names = pd.read_csv(labels)["id"]
    plain = pd.DataFrame({"image": names, "view": "PA", "sex": "F", "age": 50, "patient": "p"})
    plain.to_csv(tmp_path / "people.csv", index=False)
    import_predictions(folder, tmp_path / "run", Choices(labels, metadata=tmp_path / "people.csv"))
    run = read_run(tmp_path / "run")
    check_table(run.images, IMAGES_TABLE)
    assert set(run.images["age"]) == {50}
    plain[1:].to_csv(tmp_path / "people.csv", index=False)
    why = refused(folder, labels, tmp_path / "other", DataError, metadata=tmp_path / "people.csv")
    assert "expected a row for each image" in why


def test_the_validation_file_is_left_aside(tmp_path: Path, labels: Path, folder: Path) -> None:
    shutil.copy(folder / released.released_name(0, 0), folder / "nih-cxr-lt_resnet50_seed-0_prune-0_val.pkl")
    made = import_predictions(folder, tmp_path / "run", Choices(labels))
    assert "1 files were ignored, the first is nih-cxr-lt_resnet50_seed-0_prune-0_val.pkl" in made.warnings


def test_missing_files_are_named(tmp_path: Path, labels: Path, folder: Path) -> None:
    (folder / released.released_name(1, 0.5)).unlink()
    (folder / released.released_name(2, 0)).unlink()
    why = refused(folder, labels, tmp_path / "run")
    assert why.endswith("in each of 3 conditions, missing: seed 1 of 0.50, seed 2 of dense")


def test_a_seed_and_sparsity_in_two_files_is_refused(tmp_path: Path, labels: Path, folder: Path) -> None:
    shutil.copy(folder / released.released_name(1, 0.5), folder / "nih-cxr-lt_resnet50_seed-1_prune-0.50.pkl")
    assert "expected one file of seed 1 in the condition 0.50" in refused(folder, labels, tmp_path / "run")


def test_two_data_sets_in_one_folder_are_refused(tmp_path: Path, labels: Path, folder: Path) -> None:
    shutil.copy(
        folder / released.released_name(1, 0.5), folder / "mimic-cxr-lt_resnet50_seed-1_prune-0.5.pkl"
    )
    assert "expected predictions of one data set" in refused(folder, labels, tmp_path / "run")


def test_a_folder_without_predictions_is_refused(tmp_path: Path, labels: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "got none" in refused(tmp_path / "empty", labels, tmp_path / "run")
    assert "found none" in refused(tmp_path / "nowhere", labels, tmp_path / "run")


def spoil(folder: Path, scores: np.ndarray, labels: list[str]) -> None:
    """Put another content into the last file of the grid, so that all before it are read."""
    released.write_old_pickle(folder / released.released_name(2, 0.9), scores, labels)


def test_another_number_of_rows_is_refused(tmp_path: Path, labels: Path, folder: Path) -> None:
    spoil(folder, released.made_scores(2, 0.9)[:-1], released.label_texts(labels)[:-1])
    why = refused(folder, labels, tmp_path / "run")
    assert "seed-2_prune-0.9.pkl: expected 40 rows, one per image of labels.csv, got 39" in why


def test_another_label_is_refused_by_row_and_image(tmp_path: Path, labels: Path, folder: Path) -> None:
    texts = released.label_texts(labels)
    texts[7] = "Hernia"
    spoil(folder, released.made_scores(2, 0.9), texts)
    why = refused(folder, labels, tmp_path / "run")
    assert "seed-2_prune-0.9.pkl: row 8, image 00000003_001.png: expected the label" in why
    assert "got 'Hernia'" in why


def test_the_order_of_names_in_a_label_does_not_matter(tmp_path: Path, labels: Path, folder: Path) -> None:
    texts = ["|".join(text.split("|")[::-1]) for text in released.label_texts(labels)]
    assert texts != released.label_texts(labels)
    spoil(folder, released.made_scores(2, 0.9), texts)
    assert import_predictions(folder, tmp_path / "run", Choices(labels)).images == IMAGES
    texts[0] += "|" + texts[0].split("|")[0]
    spoil(folder, released.made_scores(2, 0.9), texts)
    assert "row 1, image" in refused(folder, labels, tmp_path / "other")


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.001, 1.001])
@pytest.mark.parametrize("form", ["old pickle", "array pickle", "npy", "csv"])
def test_a_score_that_is_none_is_refused(tmp_path: Path, labels: Path, value: float, form: str) -> None:
    folder = released.write_released(tmp_path, labels, WRITERS[form])
    scores = released.made_scores(2, 0.9)
    scores[3, 2] = value
    WRITERS[form](folder / released.released_name(2, 0.9), scores, released.label_texts(labels))
    why = refused(folder, labels, tmp_path / "run")
    assert (
        "row 4, column 'Effusion': expected a score from 0 to 1" in why
        or "row 4, column 'Effusion': expected a number such as 0.5, got ''" in why
    )


@pytest.mark.parametrize(
    ("columns", "wanted"),
    [
        ([*CLASSES[:-1], "Gout"], "expected the column 'Pneumomediastinum', got the column 'Gout'"),
        ([*CLASSES[:5], "image_id", *CLASSES[6:]], "got the column 'image_id'"),
    ],
)
def test_other_columns_are_refused(
    tmp_path: Path, labels: Path, folder: Path, columns: list[str], wanted: str
) -> None:
    content = old.frame(columns, released.made_scores(2, 0.9), released.label_texts(labels))
    (folder / released.released_name(2, 0.9)).write_bytes(old.pickled(content))
    assert wanted in refused(folder, labels, tmp_path / "run")


def test_a_hostile_file_at_the_end_leaves_nothing(tmp_path: Path, labels: Path, folder: Path) -> None:
    (folder / released.released_name(2, 0.9)).write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    why = refused(folder, labels, tmp_path / "run")
    assert "seed-2_prune-0.9.pkl: the file asks for os.system, which is not part" in why


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path, labels: Path, folder: Path) -> None:
    with (folder / released.released_name(0, 0)).open("r+b") as stream:
        stream.truncate(1 << 40)
    assert "bytes for a table of this size, got more" in refused(folder, labels, tmp_path / "run")


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (40, 20), }", "in 0 bytes"),
        (
            "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000, 20), }",
            "expected floats 40 x 20",
        ),
        ("{'descr': '|O', 'fortran_order': False, 'shape': (40, 20), }", "expected floats 40 x 20"),
        ("__import__('os').system('true')", "expected an array of numpy"),
    ],
)
def test_a_lying_npy_is_refused(tmp_path: Path, labels: Path, header: str, wanted: str) -> None:
    folder = released.write_released(tmp_path, labels, released.write_npy)
    text = header.encode() + b"\n"
    content = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text
    (folder / released.released_name(0, 0)).with_suffix(".npy").write_bytes(content)
    assert wanted in refused(folder, labels, tmp_path / "run")


def test_the_images_that_a_csv_names_are_checked(tmp_path: Path, labels: Path) -> None:
    folder = released.write_released(tmp_path, labels, released.write_csv)
    path = (folder / released.released_name(0, 0)).with_suffix(".csv")
    frame = pd.read_csv(path).assign(id=pd.read_csv(labels)["id"])
    frame.to_csv(path, index=False)
    import_predictions(folder, tmp_path / "run", Choices(labels))
    frame.iloc[::-1].to_csv(path, index=False)
    import_predictions(folder, tmp_path / "turned", Choices(labels))
    one, two = (read_run(tmp_path / name) for name in ("run", "turned"))
    np.testing.assert_array_equal(one.scores(0, 0), two.scores(0, 0))
    frame.loc[1, "id"] = frame.loc[0, "id"]
    frame.to_csv(path, index=False)
    why = refused(folder, labels, tmp_path / "other")
    assert "expected each image of labels.csv once, got row 2 '00000000_000.png'" in why
    frame.loc[1, "id"] = "99.png"
    frame.to_csv(path, index=False)
    assert "expected each image of labels.csv once, got row 2 '99.png'" in refused(
        folder, labels, tmp_path / "other"
    )


@pytest.mark.parametrize("spelling", [lambda name: f"./{name.upper()} ", lambda name: f"images/{name[:-4]}"])
def test_images_that_a_csv_names_in_another_spelling_are_the_same(
    tmp_path: Path, labels: Path, spelling: Callable[[str], str]
) -> None:
    """As all names join: one path may be the end of the other, and endings may differ."""
    folder = released.write_released(tmp_path, labels, released.write_csv)
    path = (folder / released.released_name(0, 0)).with_suffix(".csv")
    names = list(map(spelling, pd.read_csv(labels)["id"]))
    pd.read_csv(path).assign(id=names).to_csv(path, index=False, sep=";")
    import_predictions(folder, tmp_path / "run", Choices(labels))
    assert list(read_run(tmp_path / "run").images["image"]) == list(pd.read_csv(labels)["id"])


@pytest.mark.parametrize("cell", ["", "nan", "0,5"])
def test_a_cell_that_is_no_number_is_named(tmp_path: Path, labels: Path, cell: str) -> None:
    folder = released.write_released(tmp_path, labels, released.write_csv)
    path = (folder / released.released_name(0, 0)).with_suffix(".csv")
    frame = pd.read_csv(path, dtype=str)
    name = frame.columns[2]
    frame.loc[3, name] = cell
    frame.to_csv(path, index=False)
    why = refused(folder, labels, tmp_path / "run")
    assert f"row 4, column '{name}': expected a number such as 0.5, got '{cell}'" in why


def test_an_empty_cell_of_text_is_named(tmp_path: Path) -> None:
    """As Parquet has them."""
    with pytest.raises(
        PredictionsError, match=r"row 1, column 'Mass': expected a number such as 0\.5, got ''"
    ):
        _from_frame(pd.DataFrame({"Mass": [None, "x"]}), "id")


def test_predictions_whose_ending_is_written_otherwise_are_told_of(tmp_path: Path, labels: Path) -> None:
    folder = released.write_released(tmp_path, labels, released.write_npy)
    for path in folder.glob("*seed-2*"):
        path.rename(path.with_suffix(".NPY"))
    made = import_predictions(folder, tmp_path / "run", Choices(labels))
    assert made.seeds == len(SEEDS) - 1
    assert any(f"{len(SPARSITIES)} files were ignored" in warning for warning in made.warnings)


def test_parquet_without_its_library_says_what_to_do(
    tmp_path: Path, labels: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "pyarrow" else found(name))
    for path in list(folder.iterdir()):
        path.rename(path.with_suffix(".parquet"))
    assert "expected pyarrow, which reads Parquet and is not installed" in refused(
        folder, labels, tmp_path / "run"
    )


def test_a_folder_with_content_is_never_overwritten(tmp_path: Path, labels: Path, folder: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/mine.txt").write_text("keep")
    assert "choose another" in refused(folder, labels, tmp_path / "run")
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["mine.txt"]


def test_classes_of_another_data_set_are_named_by_the_user(tmp_path: Path) -> None:
    names = ("Gout", "Ague")
    labels, folder = tmp_path / "labels.csv", tmp_path / "preds"
    pd.DataFrame({"image": ["a", "b"], "Gout": [1, 0], "Ague": [0, 1]}).to_csv(labels, index=False)
    folder.mkdir()
    for sparsity in (0, 0.9):
        np.save(folder / f"seed-0_sparsity-{sparsity:.2f}.npy", np.array([[0.1, 0.2], [0.3, 0.4]]))
    assert "name them in column order" in refused(folder, labels, tmp_path / "run")
    import_predictions(folder, tmp_path / "run", Choices(labels, classes=names))
    assert read_run(tmp_path / "run").class_names == list(names)


def test_classes_that_cannot_be_are_refused(tmp_path: Path, labels: Path, folder: Path) -> None:
    assert "each class once" in refused(folder, labels, tmp_path / "run", classes=("Mass", "Mass"))
    why = refused(folder, labels, tmp_path / "run", DataError, classes=("mimic-cxr-lt",))
    assert "missing: Support Devices" in why
    pd.read_csv(labels).rename(columns={"id": "file"}).to_csv(tmp_path / "other.csv", index=False)
    assert "columns id, path, image" in refused(folder, tmp_path / "other.csv", tmp_path / "run")


def test_an_array_of_another_width_is_refused(tmp_path: Path, labels: Path, folder: Path) -> None:
    released.write_array_pickle(folder / released.released_name(0, 0), np.zeros((IMAGES, 19), np.float32), [])
    assert "expected 20 columns, got 19" in refused(folder, labels, tmp_path / "run")


@pytest.mark.parametrize(("name", "wanted"), [("nowhere.csv", "No such file"), ("empty.csv", "a CSV file")])
def test_a_label_file_that_is_none_is_refused(tmp_path: Path, folder: Path, name: str, wanted: str) -> None:
    (tmp_path / "empty.csv").touch()
    assert wanted in refused(folder, tmp_path / name, tmp_path / "run")


def test_the_command_imports_and_says_so(
    tmp_path: Path, labels: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("import_predictions", folder, labels=labels, out=tmp_path / "run")
    assert "40 images, 3 seeds, 3 conditions" in capsys.readouterr().out
    with pytest.raises(CommandError, match="choose another"):
        call_command("import_predictions", folder, labels=labels, out=tmp_path / "run")


def test_the_command_needs_no_site_and_no_torch(tmp_path: Path, labels: Path, folder: Path) -> None:
    code = (
        "import runpy, sys; sys.argv = ['manage.py', 'import_predictions', *sys.argv[1:]]\n"
        "try: runpy.run_path('manage.py', run_name='__main__')\n"
        "except SystemExit as end: print(end.code, 'torch' in sys.modules)"
    )
    command = (
        sys.executable,
        "-c",
        code,
        str(folder),
        "--labels",
        str(labels),
        "--out",
        str(tmp_path / "run"),
    )
    environment = {"PATH": "", "READERSTUDY_HOME": str(tmp_path / "no-site")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines()[-1] == "0 False"
    assert not (tmp_path / "no-site").exists()
