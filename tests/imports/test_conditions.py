"""A student against a teacher, or any networks of two names: from their predictions to a case set."""

import json
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from django.core.management import CommandError, call_command
from PIL import Image
from scipy.special import expit, softmax

from analysis.frames import NIH_CLASSES
from analysis.selection import SelectionError, find_in_run, read_run
from analysis.selection.exemplars import find_exemplars
from analysis.services.control import register_folder
from analysis.services.findings import Choices, analyse_folder
from analysis.services.runs import class_table, conditions_of

CLASSES = list(NIH_CLASSES[:5])
IMAGES, SEEDS = 60, (0, 1, 2)


def drawn(seed: int, *, student: bool) -> np.ndarray:
    """Return logits, images x classes; the student confuses the order of the classes in every sixth image."""
    logits = np.random.default_rng(seed).normal(0, 2, (IMAGES, len(CLASSES)))
    if student:
        logits[::6] = logits[::6, ::-1]
    return logits


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Labels, images, a teacher's scores (.npy, one file per seed) and a student's logits (.csv, rows shuffled)."""
    rng = np.random.default_rng(7)
    names = [f"{n:08d}_000.png" for n in range(IMAGES)]
    labels = (rng.random((IMAGES, len(CLASSES))) < 0.35).astype(int)
    labels[:, 0] = labels[:, 1:].sum(axis=1) == 0
    table = pd.DataFrame(labels, columns=CLASSES)
    table.insert(0, "id", names)
    table.to_csv(tmp_path / "labels.csv", index=False)
    for folder in ("images", "teacher", "student"):
        (tmp_path / folder).mkdir()
    for name in names:
        Image.fromarray(rng.integers(0, 256, (32, 32), dtype=np.uint8)).save(tmp_path / "images" / name)
    for seed in SEEDS:
        np.save(tmp_path / f"teacher/seed-{seed}.npy", expit(drawn(seed, student=False)))
        own = pd.DataFrame(drawn(seed, student=True), columns=CLASSES).assign(picture=names)
        own.sample(frac=1, random_state=seed).to_csv(
            tmp_path / f"student/student_seed_{seed}.csv", index=False
        )
    return tmp_path


def imported(home: Path, *more: str, **options: object) -> Path:
    places = more or (f"teacher={home / 'teacher'}", f"student={home / 'student'}")
    given: dict[str, object] = {"labels": home / "labels.csv", "classes": CLASSES, "logits": ["student"]}
    given |= {"id_column": "picture"} | options
    given = {name: value for name, value in given.items() if value}
    call_command("import_predictions", *places, out=home / "run", stdout=StringIO(), **given)
    return home / "run"


def test_a_student_against_a_teacher_from_predictions_to_a_case_set(home: Path) -> None:
    run = read_run(imported(home))
    assert run.conditions == ("teacher", "student")
    for seed in SEEDS:
        np.testing.assert_allclose(run.scores(seed, "student"), expit(drawn(seed, student=True)), atol=1e-6)
    found = find_in_run(run, criterion="spearman", fraction=0.1)
    names = list(run.images["image"])
    by_hand = find_exemplars(
        names, run.mean_scores("teacher"), run.mean_scores("student"), fraction=0.1, seed=run.ties
    )
    assert found.images == by_hand.images
    assert set(found.images) <= set(names[::6])
    turned = find_in_run(run, criterion="spearman", condition="teacher", reference="student", fraction=0.1)
    assert turned.images == found.images

    call_command("analyse_run", run.folder, out=home / "out", fraction=0.1, stdout=StringIO())
    said = json.loads((home / "out/results.json").read_text())
    assert (said["run"]["exemplar_reference"], said["run"]["exemplar_condition"]) == ("teacher", "student")
    assert "student: mAP" in said["answers"]["overall"]
    assert "no curves: the conditions have no shares" in said["answers"]["classes"]
    assert [row["condition"] for row in said["overall"]] == ["teacher", "student"]
    drawn_figures = {path.name for path in (home / "out/figures").glob("*.svg")}
    assert "conditions.svg" in drawn_figures
    assert not {"overall.svg", "forgettability.svg"} & drawn_figures

    call_command(
        "write_case_set", run.folder, images=home / "images", out=home / "cases", key_out=home / "key.csv",
        fraction=0.1, controls="random", same_patient_allowed=True, unchecked_images="a test", stdout=StringIO(),
    )  # fmt: skip
    assert len(pd.read_csv(home / "cases/cases.csv")) == 2 * len(found.images)
    settings = json.loads((home / "cases/provenance.json").read_text())["selection"]
    assert (settings["reference"], settings["condition"]) == ("teacher", "student")
    key = pd.read_csv(home / "key.csv")
    assert set(key.loc[key["arm"] == 1, "source"]) == set(found.images)


def test_files_of_one_seed_need_no_number_and_softmax_is_a_choice(home: Path) -> None:
    places = (f"old={home / 'student/student_seed_0.csv'}", f"int8={home / 'student/student_seed_0.csv'}")
    run = read_run(imported(home, *places, logits=["int8", "old"], output="softmax"))
    np.testing.assert_allclose(run.scores(0, "int8"), softmax(drawn(0, student=True), axis=1), atol=1e-6)
    assert run.provenance["imported"]["logits"] == ["int8", "old"]


@pytest.mark.parametrize("kept", ["index", "unnamed index", "column"])
@pytest.mark.parametrize("ending", ["pkl", "parquet"])
def test_rows_of_a_frame_are_found_by_the_names_that_it_keeps(home: Path, kept: str, ending: str) -> None:
    """A frame keeps its names in the index as often as in a column; taken in their order, rows were other images'."""
    names, options = pd.read_csv(home / "labels.csv")["id"], {"logits": None, "id_column": "picture"}
    if kept == "unnamed index":
        options["id_column"] = "__index_level_0__" if ending == "parquet" else None
    for place, student in (("a", False), ("b", True)):
        frame = pd.DataFrame(expit(drawn(0, student=student)), names.rename("picture"), CLASSES)
        frame = frame.sample(frac=1, random_state=int(student))
        frame = frame.reset_index() if kept == "column" else frame
        frame = frame.rename_axis(None) if kept == "unnamed index" else frame
        write = frame.to_pickle if ending == "pkl" else frame.to_parquet
        write(home / f"{place}.{ending}")
    run = read_run(imported(home, f"a={home}/a.{ending}", f"b={home}/b.{ending}", **options))
    np.testing.assert_allclose(run.scores(0, "b"), expit(drawn(0, student=True)), atol=1e-6)


def test_a_pickle_without_the_names_that_were_asked_for_is_refused(home: Path) -> None:
    for place in "ab":
        pd.DataFrame(expit(drawn(0, student=False)), columns=CLASSES).to_pickle(home / f"{place}.pkl")
    with pytest.raises(CommandError, match="expected the column 'picture' of images, got none"):
        imported(home, f"a={home}/a.pkl", f"b={home}/b.pkl", logits=None)
    assert not (home / "run").exists()


def test_shares_and_names_are_one_axis(home: Path) -> None:
    places = [f"{name}={home / 'teacher'}" for name in ("dense", "0.5", "0.9")] + [
        f"student={home / 'student'}"
    ]
    run = read_run(imported(home, *places))
    assert run.conditions == ("dense", "0.50", "0.90", "student")
    assert run.pair() == ("dense", "0.90")
    found = analyse_folder(run.folder, Choices(condition="student", fraction=0.1)).findings
    assert [row["sparsity"] for row in found.tables["overall"]] == [0.0, 0.5, 0.9, None]
    assert {row["condition"] for row in found.tables["curves"]} == {"0.50", "0.90"}
    assert "student: mAP" in found.answers["overall"]
    with pytest.raises(
        SelectionError, match=r"one of the conditions dense, 0.50, 0.90, student, got 'teacher'"
    ):
        run.pair("teacher")
    table = class_table(pd.read_csv(run.folder / "metrics.csv"))
    assert (table[0]["reference"], table[0]["condition"]) == ("dense", "student")


def test_the_data_set_may_be_that_of_a_specification(home: Path) -> None:
    (home / "data.toml").write_text(
        f'[data]\nname = "d"\nimages = "images"\nlabels_test = "labels.csv"\nlayout = "manifest"\n'
        f'classes = {CLASSES}\nid_column = "id"\nexpert_labels = "experts.csv"\n'
        f'expert_classes = ["Read={CLASSES[1]}"]\n'
    )
    pd.DataFrame({"image": ["00000001_000.png"], "Read": ["NO"]}).to_csv(home / "experts.csv", index=False)
    run = read_run(imported(home, labels=None, classes=[], data=home / "data.toml"))
    assert "experts.csv" in run.provenance["tables"]
    assert (
        analyse_folder(run.folder, Choices(fraction=0.1)).findings.tables["experts"][0]["finding"] == "Read"
    )


@pytest.mark.django_db
def test_the_ledger_and_the_pages_know_the_conditions(home: Path) -> None:
    run = register_folder(folder=imported(home))
    assert sorted(set(run.units.values_list("condition", flat=True))) == ["student", "teacher"]
    assert conditions_of(run) == ("teacher", "student")


@pytest.mark.parametrize(
    ("places", "options", "wanted"),
    [
        (["teacher={}/teacher"], {}, "two or more conditions"),
        (["a b={}/teacher", "c={}/student"], {}, "got 'a b'"),
        (["teacher={}/teacher", "student={}/nowhere"], {}, "found none"),
        (["teacher={}/teacher", "teacher={}/student"], {}, "each name once"),
        (
            ["teacher={}/teacher", "student={}/labels.csv"],
            {},
            "missing: seed 1 of student, seed 2 of student",
        ),
        (["teacher={}/teacher", "student={}/student"], {"logits": []}, r"say so if these are logits"),
        (["teacher={}/teacher", "student={}/student"], {"logits": ["pupil"]}, "got pupil"),
        (
            ["teacher={}/teacher", "student={}/student"],
            {"id_column": "file"},
            "column 'picture': expected a number .*name it by --id-column",
        ),
    ],
)
def test_bad_input_is_named_and_leaves_nothing(home: Path, places, options, wanted) -> None:
    with pytest.raises(CommandError, match=wanted):
        imported(home, *(place.format(home) for place in places), **options)
    assert not (home / "run").exists()
