"""All findings together: plain values only, written whole or not at all."""

import csv
import json

import numpy as np
import pytest

from analysis.columns import FrameError
from analysis.findings.analyse import analyse
from analysis.findings.precision import FindingsError
from analysis.findings.results import TABLES
from analysis.tablefolder import results_text
from tests.findings.toys import classes, metrics

SPARSITIES = [0.0, 0.5, 0.95]
NAMES = ["No Finding", "A", "B", "C", "D", "E"]
POSITIVES = dict(zip(NAMES, [5000, 900, 100, 30, 10, None], strict=True))
LABELS = (np.random.default_rng(4).random((50, 6)) < 0.4).astype(np.uint8)
EXEMPLAR = np.arange(50) < 8


def ap(seeds=3, without=("E",)):
    rng = np.random.default_rng(6)

    def one(place):
        return [0.5, 0.5 - 0.01 * place - 0.02 * rng.random(), 0.3 * rng.random() + 0.01]

    return {
        name: [[None] * 3 if name in without else one(place) for _ in range(seeds)]
        for place, name in enumerate(NAMES)
    }


def findings(seeds=3, without=("E",), **more):
    more = {"seed": 1, "draws": 50, "permutations": 200, "exemplar": EXEMPLAR, "synthetic": True} | more
    return analyse(metrics(ap(seeds, without), SPARSITIES), classes(POSITIVES), LABELS, **more)


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("without", [("E",), ("A", "B", "C", "D", "E"), ()], ids=["one", "most", "none"])
def test_nothing_is_ever_nan_and_every_gap_has_a_note(seeds, without) -> None:
    found = findings(seeds, without)
    again = json.loads(results_text(found.as_dict()))
    assert list(again)[:6] == ["format", "kind", "synthetic", "warning", "run", "answers"]
    assert again["run"]["classes_without_curve"] == list(without)
    for table in ("curves", "classes", "frequency", "relations", "representation"):
        for row in again[table]:
            value = next(name for name in ("estimate", "ratio", "median", "impact") if name in row)
            assert row[value] is not None or row["note"]
    assert set(found.answers) == {"overall", "classes", "co_occurrence", "images"}
    assert all(sentence.endswith(".") for sentence in found.answers.values())


def test_same_seed_same_findings() -> None:
    assert results_text(findings().as_dict()) == results_text(findings().as_dict())


def test_answers_tell_the_numbers_of_the_tables() -> None:
    found = findings()
    dropped = sum(row["never_drops"] == 0 for row in found.tables["classes"])
    assert f"{dropped} of 5 classes lose more than a fifth" in found.answers["classes"]
    assert "paired t-test over 3 seeds, Holm" in found.answers["overall"]


def test_without_exemplars_the_rest_is_there() -> None:
    found = findings(exemplar=None, exemplar_note="no exemplars: sparsity 0.90 was not run")
    assert found.tables["representation"] == []
    assert found.run["representation_note"] == "no exemplars: sparsity 0.90 was not run"
    assert "cannot be told" in found.answers["images"]


def test_files_hold_the_tables_and_say_synthetic(tmp_path) -> None:
    found = findings()
    found.write(tmp_path / "out")
    assert json.loads((tmp_path / "out" / "results.json").read_text())["warning"].startswith("SYNTHETIC")
    for name in TABLES:
        with (tmp_path / "out" / f"{name}.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == len(found.tables[name])
        assert {row["synthetic"] for row in rows} == ({"1"} if rows else set())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]


def test_real_images_carry_no_mark(tmp_path) -> None:
    findings(synthetic=False).write(tmp_path / "out")
    assert "warning" not in json.loads((tmp_path / "out" / "results.json").read_text())
    assert "synthetic" not in (tmp_path / "out" / "pairs.csv").read_text()


def test_nothing_is_overwritten_and_nothing_is_left_half_written(tmp_path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(FindingsError, match="expected a new or empty folder"):
        findings().write(tmp_path / "out")

    def fail(folder) -> None:
        assert (folder / "results.json").is_file()
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        findings().write(tmp_path / "other", fail)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["mine.txt", "out"]


def test_refuses_arrays_of_another_shape() -> None:
    with pytest.raises(FindingsError, match="images x 6 classes"):
        analyse(metrics(ap(), SPARSITIES), classes(POSITIVES), LABELS[:, :4], seed=1)
    with pytest.raises(FindingsError, match=r"one True or False per image \(50\)"):
        findings(exemplar=EXEMPLAR.astype(int))
    with pytest.raises(FindingsError, match="a seed from 0, got -1"):
        findings(seed=-1)
    with pytest.raises(FrameError, match="column 'ap'"):
        analyse(metrics(ap(), SPARSITIES).assign(ap=2.0), classes(POSITIVES), LABELS, seed=1)
