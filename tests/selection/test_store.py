import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.columns import FrameError
from analysis.selection import SelectionError, read_run
from tests.selection.runs import CLASSES, seal, write_run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_run(tmp_path / "run", images=20)


def test_a_run_is_read_and_its_scores_stay_on_the_disk(folder: Path) -> None:
    run = read_run(folder)
    assert (run.run_id, run.synthetic, run.seeds, run.conditions) == (
        "toy-run",
        True,
        [0, 1],
        ("dense", "0.90"),
    )
    assert run.class_names == list(CLASSES)
    assert run.labels.shape == (20, 6)
    assert isinstance(run.scores(1, 0.9), np.memmap)
    assert not run.scores(1, 0.9).flags.writeable
    by_hand = sum(np.load(folder / f"predictions/seed-{s}_sparsity-0.90.npy").astype(float) for s in (0, 1))
    np.testing.assert_allclose(run.mean_scores(0.9), by_hand / 2, rtol=0, atol=1e-15)
    assert list(run.images["patient"][:3]) == ["00000000", "00000000", "00000001"]


def test_the_digest_of_the_predictions_follows_their_content(folder: Path) -> None:
    before = read_run(folder).predictions_sha256
    path = folder / "predictions/seed-0_sparsity-0.90.npy"
    np.save(path, np.load(path) / np.float32(2))
    seal(folder)
    assert read_run(folder).predictions_sha256 != before


def test_a_changed_file_is_found(folder: Path) -> None:
    path = folder / "predictions/seed-0_sparsity-0.90.npy"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(SelectionError, match=r"seed-0_sparsity-0\.90\.npy: expected SHA-256"):
        read_run(folder)


def test_a_missing_file_is_found(folder: Path) -> None:
    (folder / "predictions/seed-0_sparsity-0.90.npy").unlink()
    with pytest.raises(SelectionError, match=r"that provenance\.json names, found none"):
        read_run(folder)


def test_a_missing_unit_is_named_with_what_is_there(folder: Path) -> None:
    run = read_run(folder)
    with pytest.raises(
        SelectionError, match=r"seed 0, condition 0\.50, got none \(conditions: dense, 0\.90\)"
    ):
        run.mean_scores(0.5)


def test_predictions_of_another_shape_are_refused(folder: Path) -> None:
    np.save(folder / "predictions/seed-0_sparsity-0.90.npy", np.zeros((3, 6), np.float32))
    seal(folder)
    with pytest.raises(SelectionError, match=r"expected float32 \(20, 6\), got float32 \(3, 6\)"):
        read_run(folder).mean_scores(0.9)


def test_pickled_predictions_are_refused(folder: Path) -> None:
    np.save(folder / "predictions/seed-0_sparsity-0.90.npy", np.array([{}], dtype=object), allow_pickle=True)
    seal(folder)
    with pytest.raises(SelectionError, match="expected an array of numpy"):
        read_run(folder).mean_scores(0.9)


def test_a_list_of_predictions_that_was_cut_is_found(folder: Path) -> None:
    path = folder / "provenance.json"
    content = json.loads(path.read_text())
    del content["predictions"]["seed-0_sparsity-0.90.npy"]
    path.write_text(json.dumps(content))
    with pytest.raises(SelectionError, match="expected the list of predictions to have SHA-256"):
        read_run(folder)


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 2}', '{"format": 1, "run_id": "x"}'])
def test_a_provenance_that_is_none_is_refused(folder: Path, text: str) -> None:
    (folder / "provenance.json").write_text(text)
    with pytest.raises(SelectionError, match=r"provenance\.json"):
        read_run(folder)


def test_a_label_that_is_not_0_or_1_is_named(folder: Path) -> None:
    path = folder / "images.csv"
    lines = path.read_text().splitlines()
    lines[3] = lines[3][:-1] + "2"
    path.write_text("\n".join(lines))
    seal(folder)
    with pytest.raises(FrameError, match=r"images\.csv, row 3, column 'Nodule|Mass'"):
        read_run(folder)


def rewritten(folder: Path, change: Callable[[pd.DataFrame], object]) -> None:
    """Change images.csv and seal the run again."""
    table = pd.read_csv(folder / "images.csv", dtype={"patient": str})
    change(table)
    table.to_csv(folder / "images.csv", index=False)
    seal(folder)


def test_a_patient_in_two_unicode_forms_is_one(folder: Path) -> None:
    names = ["M\u00fcller", "Mu\u0308ller", " M\u00fcller"]
    rewritten(folder, lambda table: table.__setitem__("patient", [*names, *map(str, range(1, 18))]))
    assert read_run(folder).images["patient"].nunique() == 18


@pytest.mark.parametrize(
    ("column", "one", "other"),
    [
        ("patient", "P1", "p1"),
        ("patient", "7", "7.0"),
        ("image", "a.png", "A.png"),
        ("image", "a/1.png", "./a/1.png"),
    ],
)
def test_two_spellings_of_one_patient_or_image_are_refused(
    folder: Path, column: str, one: str, other: str
) -> None:
    def change(table: pd.DataFrame) -> None:
        table.loc[[2, 5], column] = [one, other]

    rewritten(folder, change)
    with pytest.raises(FrameError, match=f"column '{column}'.*row 3 '{re.escape(one)}' and row 6") as error:
        read_run(folder)
    assert repr(other) in str(error.value)


@pytest.mark.parametrize(
    "name", ["seed-0_sparsity-0.9.npy", "seed-00_sparsity-0.90.npy", "seed-0_sparsity-0.90"]
)
def test_a_unit_has_one_spelling_so_none_hides_another(folder: Path, name: str) -> None:
    shutil.copy(folder / "predictions/seed-0_sparsity-0.00.npy", folder / "predictions" / name)
    seal(folder)
    with pytest.raises(SelectionError, match=r"expected seed-S_sparsity-K\.npy"):
        read_run(folder)
