"""Better labels from files, and what a run tells of suspicious labels with and without them."""

import json
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from django.core.management import call_command

from analysis.durable import sha256_file
from analysis.errors import RefusedError
from analysis.findings.precision import FindingsError
from analysis.frames import IGNORED
from analysis.selection import read_run
from analysis.services.label_noise import better_labels, label_noise, listed_labels, unflipped
from tests.findings.toys import RUN_CLASSES, write_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path / "run")


def retold(run: Path, **said: object) -> None:
    """Change what the provenance of a run says."""
    path = run / "provenance.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | said))


def test_faults_are_taken_back_and_no_finding_follows() -> None:
    names = ["No Finding", "Mass", "Nodule"]
    written = np.array([[0, 1, 0], [1, 0, 0], [0, 1, 1]], np.int8)
    truth = unflipped(written, names, ["+Mass", "-Mass; -Nodule", ""])
    assert truth.tolist() == [[1, 0, 0], [0, 1, 1], [0, 1, 1]]


def test_a_file_tells_some_classes_of_some_images(run: Path, tmp_path: Path) -> None:
    read = read_run(run)
    names = list(read.images["image"])
    table = pd.DataFrame({"image": [names[5], "elsewhere.png", names[2]], RUN_CLASSES[3]: [1, 1, ""],
                          RUN_CLASSES[1]: [0, 0, 1], "Unknown": 1})  # fmt: skip
    table.to_csv(tmp_path / "better.csv", index=False)
    found = better_labels(read, tmp_path / "better.csv")
    expected = np.full(read.labels.shape, IGNORED)
    expected[5, [1, 3]], expected[2, 1] = (0, 1), 1
    np.testing.assert_array_equal(found, expected)
    table[["image", "Unknown"]].to_csv(tmp_path / "none.csv", index=False)
    with pytest.raises(FindingsError, match="expected images and classes of"):
        better_labels(read, tmp_path / "none.csv")
    assert better_labels(read) is None
    pd.DataFrame({"image": names[:1], "Either": [1]}).to_csv(run / "experts.csv", index=False)
    several = {"data": {"expert_classes": [f"Either={RUN_CLASSES[0]}|{RUN_CLASSES[1]}"]}}
    retold(
        run,
        tables=read.provenance["tables"] | {"experts.csv": sha256_file(run / "experts.csv")},
        spec=several,
    )
    assert better_labels(read_run(run)) is None  # a finding of several classes says nothing of one


def test_names_of_better_labels_join_and_rows_that_contradict_are_refused(run: Path, tmp_path: Path) -> None:
    read, file = read_run(run), tmp_path / "better.csv"
    name, mass = str(read.images["image"][4]), RUN_CLASSES[3]
    file.write_text(f"image,{mass}\nsome/images/{name.upper()},1\nsome/images/{name.upper()},1\n")
    found = better_labels(read, file)
    assert found is not None
    assert (found[4, 3], (found != IGNORED).sum()) == (1, 1)
    for rows, words in (
        (f"{name},1\n{name},0\n", "row 2: expected each image once"),
        (f"{name},1\nelsewhere.png,2\n", f"row 2, column '{mass}': expected 0 or 1, got 2"),
        (f"{name},1\nimages/{name},0\n", "expected one image for"),
    ):
        file.write_text(f"image,{mass}\n{rows}")
        with pytest.raises(RefusedError, match=words):
            better_labels(read, file)
    for fault in ("+Nonsense", mass, "+"):
        file.write_text(f"image,flipped_labels\n{name},{fault}\n")
        with pytest.raises(FindingsError, match=r"flipped_labels: expected \+ or - and one of"):
            better_labels(read, file)


def test_nothing_is_told_of_a_test_split_without_better_labels(run: Path) -> None:
    found = label_noise(read_run(run), reference="dense", agreement=None, exemplar=None, better=None, fraction=0.1,
                        seed=0)  # fmt: skip
    assert found.tables == {}
    assert found.listed.empty


def test_on_the_training_split_el2n_stands_beside_and_all_is_called_in_sample(run: Path) -> None:
    retold(run, digests={"labels_test": "a", "labels_train": "a"}, checkpoints=[{"seed": 0, "sha256": "b"}])
    read = read_run(run)
    marked = np.arange(len(read.images)) < 12
    told = {
        "reference": "dense",
        "agreement": None,
        "exemplar": marked,
        "better": None,
        "fraction": 0.1,
        "seed": 0,
    }
    found = label_noise(read, **told)
    assert {row["ranking"]: row["note"][:9] for row in found.tables["suspected"]} == dict.fromkeys(
        ("loss", "confident learning", "EL2N"), "in-sample"
    )
    assert "suspects" not in found.tables
    # Joined by cross-fitting: no checkpoint of its own, and nothing is in-sample but what is given as such.
    retold(run, checkpoints=[])
    joined = read_run(run)
    assert [row["note"] for row in label_noise(joined, **told).tables["suspected"]] == ["", ""]
    beside = label_noise(joined, **told, in_sample=read).tables["suspected"]
    assert [row["ranking"] for row in beside] == ["loss", "confident learning", "EL2N"]


def test_the_listed_are_as_many_as_are_expected_to_be_wrong(run: Path) -> None:
    """Scores of .1 and .9 follow the labels but for two negatives of one class, which are taken for wrong."""
    read = read_run(run)
    scores = np.where(read.labels == 1, 0.9, 0.1)
    first, second = np.flatnonzero(read.labels[:, 2] == 0)[:2]
    scores[first, 2], scores[second, 2] = 0.95, 0.9
    table = listed_labels(read, scores)
    assert list(table["image"]) == [read.images["image"][first], read.images["image"][second]]
    assert table[["given", "rank", "expected"]].to_numpy().tolist() == [[0, 1, 2], [0, 2, 2]]
    assert set(table["of"]) == {(read.labels[:, 2] == 0).sum()}


def test_truth_brings_tables_a_figure_and_a_sentence(run: Path, tmp_path: Path) -> None:
    read = read_run(run)
    flips = np.where(np.arange(len(read.images)) % 6 == 0, f"+{RUN_CLASSES[2]}", "")
    held = read.labels[:, 2] == 1
    truth = pd.DataFrame({"image": read.images["image"], "flipped_labels": np.where(held, flips, "")})
    truth.to_csv(tmp_path / "truth.csv", index=False)
    call_command("analyse_run", run, out=tmp_path / "out", truth=tmp_path / "truth.csv", stdout=StringIO())
    content = json.loads((tmp_path / "out" / "results.json").read_text())
    assert {row["ranking"] for row in content["suspects"]} == {
        "loss",
        "confident learning",
        "exemplars (agreement)",
    }
    wrong = next(
        row for row in content["suspects"] if (row["unit"], row["target"]) == ("image", "wrong positives")
    )
    assert wrong["wrong"] == (truth["flipped_labels"] != "").sum()
    assert "images with wrong positives (loss" in content["answers"]["images"]
    assert (tmp_path / "out" / "figures" / "suspects.svg").is_file()
    assert list(pd.read_csv(tmp_path / "out" / "suspected_labels.csv").columns[:3]) == [
        "image",
        "class",
        "given",
    ]
