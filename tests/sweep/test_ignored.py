"""An ignored label is left out of everything that is computed from labels, and counted."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from analysis.findings.pairs import co_occurrence
from analysis.findings.representation import expert_rows, representation_rows
from analysis.frames import IGNORED, NIH_CLASSES, NO_FINDING, label_matrix
from analysis.metrics.ranking import f1_at, rank_quality
from analysis.selection.covariates import covariate_table
from analysis.selection.store import read_run
from analysis.services.findings import Choices, analyse_folder
from analysis.sweep.data.source import read_experts
from analysis.sweep.data.splits import read_split
from analysis.sweep.errors import DataError
from analysis.sweep.run.finish import run_sweep
from analysis.sweep.spec import TrainSpec
from analysis.sweep.training.epochs import Examples, Trainer
from analysis.sweep.training.losses import balance_of
from tests.sweep.tiny import TinySweep


def test_ap_auc_and_f1_are_those_of_the_known_images() -> None:
    rng = np.random.default_rng(3)
    labels = rng.integers(-1, 2, (40, 3))
    labels[:, 2] = IGNORED
    scores = rng.random((2, 40, 3)).astype(np.float32)
    found, f1 = rank_quality(labels, scores), f1_at(labels, scores)
    assert found.ap.shape == f1.shape == (2, 3)
    for run, place in np.ndindex(2, 2):
        here = labels[:, place] != IGNORED
        truth, column = labels[here, place], scores[run, here, place]
        assert found.ap[run, place] == pytest.approx(average_precision_score(truth, column), abs=1e-12)
        assert found.auc[run, place] == pytest.approx(roc_auc_score(truth, column), abs=1e-12)
        assert f1[run, place] == pytest.approx(f1_score(truth, column >= 0.5), abs=1e-12)
        assert found.positives[place] == truth.sum()
    assert np.isnan(found.ap[:, 2]).all()
    assert np.isnan(f1[:, 2]).all()


def test_a_pair_is_counted_where_both_labels_are_known() -> None:
    # Both known in images 1, 2 and 5: A in 1 and 2, B in 1 and 5, both in 1. IoU 1 / 3.
    labels = np.array([[1, 1], [1, 0], [1, IGNORED], [IGNORED, 1], [0, 1]])
    iou, frequency = co_occurrence(labels)
    assert iou[0, 1] == iou[1, 0] == pytest.approx(1 / 3)
    assert frequency.tolist() == [3, 3]
    # Never known together: nothing can be told of the pair.
    assert np.isnan(co_occurrence(np.array([[1, IGNORED], [IGNORED, 1]]))[0][0, 1])


def test_over_representation_leaves_the_image_out_of_its_class() -> None:
    labels = np.array([[1, 0], [IGNORED, 0], [1, 0], [0, 1], [IGNORED, 0], [0, 1]])
    exemplar = np.array([True, True, False, False, False, False])
    rows = {row["group"]: row for row in representation_rows(labels, ["Mass", NO_FINDING], exemplar)}
    said = [rows["Mass"][name] for name in ("exemplars", "of_exemplars", "others", "of_others")]
    assert said == [1, 1, 1, 3]
    assert rows["1"]["of_exemplars"] == 1
    assert rows[NO_FINDING]["of_others"] == 4
    all_ignored = representation_rows(
        np.array([[IGNORED, 0], [1, 0]]), ["Mass", NO_FINDING], np.array([True, False])
    )
    assert all_ignored[0]["ratio"] is None
    assert "every label of one side is ignored" in all_ignored[0]["note"]


def test_the_loss_and_its_weights_leave_ignored_cells_out(tiny: TinySweep) -> None:
    spec = tiny.spec(train=TrainSpec(batch_size=4, threads=1))
    trainer = Trainer(spec, 0, "recipe")
    labels = np.zeros((4, 20), np.float32)
    labels[0, :3] = [1, IGNORED, 1]
    pixels = np.arange(4 * 32 * 32, dtype=np.uint32).reshape(4, 32, 32).astype(np.uint8)
    trainer.run_epoch(Examples(pixels, labels), Examples(pixels, labels), lambda done: None)
    loss, _ = trainer.validate(Examples(pixels, labels))
    with torch.inference_mode():
        logits = trainer._forward(torch.from_numpy(pixels)).double().numpy()
    each = np.log1p(np.exp(-logits)) * (labels == 1) + np.log1p(np.exp(logits)) * (labels == 0)
    assert loss == pytest.approx(each.sum() / 79, rel=1e-5)  # 80 cells, one ignored
    balance = balance_of(TrainSpec(class_weights="inverse"), np.array([[1, 1], [0, IGNORED], [0, 0]], np.float32),
                         torch.device("cpu"))  # fmt: skip
    assert balance.weight.tolist() == [2, 1]


@pytest.fixture
def uncertain(tiny: TinySweep) -> TinySweep:
    """The tiny data set with two uncertain labels: Mass of the second image, Hernia of the third."""
    frame = pd.read_csv(tiny.labels_test)
    frame.loc[1, "Mass"], frame.loc[2, "Hernia"] = -1, -1
    frame.to_csv(tiny.labels_test, index=False)
    return tiny


def test_a_run_counts_what_it_ignores(uncertain: TinySweep) -> None:
    data = replace(uncertain.spec().data, uncertain=("ignore",))
    run = run_sweep(uncertain.spec(data=data), uncertain.out)
    images = pd.read_csv(run.paths.images)
    assert images["Mass"].isna().tolist() == [False, True, False, False]
    matrix = label_matrix(images, NIH_CLASSES)
    assert (matrix == IGNORED).sum() == 2
    metrics = pd.read_csv(run.paths.metrics)
    assert metrics.groupby("class")["ignored"].first()[["Edema", "Hernia", "Mass"]].tolist() == [0, 1, 1]
    classes = pd.read_csv(run.paths.classes).set_index("class")
    assert classes.loc[["Hernia", "Edema"], "test_ignored"].tolist() == [1, 0]
    assert "2 uncertain labels are ignored (Mass 1, Hernia 1)" in " ".join(run.warnings)
    stored = read_run(run.paths.root)
    assert (stored.labels == matrix).all()
    table = covariate_table(stored.images, stored.classes)
    assert table["n_findings"].tolist() == (matrix[:, 1:] == 1).sum(axis=1).tolist()
    assert "Mass" not in table["labels"][1]
    found = analyse_folder(run.paths.root, Choices(fraction=0.3)).findings
    assert found.run["labels_ignored"] == 2
    notes = {row["class"]: row["note"] for row in found.tables["classes"]}
    assert notes["Mass"].endswith("1 of 4 labels ignored")
    assert "ignored" not in notes["Edema"]
    refused = uncertain.spec()
    with pytest.raises(
        DataError, match=r"row 2, column 'Mass': expected 0 or 1, got '-1'; \[data\] uncertain"
    ):
        run_sweep(refused, uncertain.root / "other")
    assert not (uncertain.root / "other").exists()


ABOUT = ("Nodule or mass=Nodule|Mass", "Pneumothorax=Pneumothorax")


def experts(tiny: TinySweep, text: str) -> Path:
    path = tiny.root / "experts.csv"
    path.write_text("Image Index,Patient ID,Fracture,Pneumothorax,Nodule or mass\n" + text)
    return path


def labelled(tiny: TinySweep) -> None:
    """Nodule and Mass: both in image 1, none in 2, Mass in 3, none in 4; Pneumothorax in 1 and 2."""
    frame = pd.read_csv(tiny.labels_test)
    for name, values in {"Nodule": [1, 0, 0, 0], "Mass": [1, 0, 1, 0], "Pneumothorax": [1, 1, 0, 0]}.items():
        frame[name] = values
    frame.to_csv(tiny.labels_test, index=False)


def test_expert_labels_stand_beside(tiny: TinySweep) -> None:
    labelled(tiny)
    first, second, third = tiny.names[:3]
    text = f"{first},1,NO,YES,YES\n{second},1,NO,NO,\n{third},2,YES,NO,NO\nelsewhere.png,9,NO,NO,YES\n"
    data = replace(tiny.spec().data, expert_labels=experts(tiny, text), expert_classes=ABOUT)
    run = run_sweep(tiny.spec(data=data), tiny.out)
    table = pd.read_csv(run.paths.experts, dtype=str, keep_default_na=False)
    assert table.to_dict("list") == {
        "image": [first, second, third], "Nodule or mass": ["1", "", "0"], "Pneumothorax": ["1", "0", "0"],
    }  # fmt: skip
    said = " / ".join(run.warnings)
    assert "experts.csv: experts read 3 of 4 test images" in said
    alone = "positive for both, 0 for the experts alone, 1 for the data set alone"
    assert f"Nodule or mass: of 2 images, 1 {alone}" in said  # wrong: the third image
    assert f"Pneumothorax: of 3 images, 1 {alone}" in said  # wrong: the second image
    assert run.plan["digests"]["expert_labels"]
    found = analyse_folder(run.paths.root, Choices(fraction=0.3)).findings
    rows = found.tables["experts"]
    assert [(row["finding"], row["classes"]) for row in rows] == [
        ("Nodule or mass", "Nodule; Mass"), ("Pneumothorax", "Pneumothorax"),
    ]  # fmt: skip
    assert [row["of_exemplars"] + row["of_others"] for row in rows] == [2, 3]
    assert run.run_id != run_sweep(tiny.spec(), tiny.root / "plain").run_id


def test_wrong_labels_among_exemplars_by_hand() -> None:
    labels = np.array([[1, 0], [0, 0], [0, IGNORED], [0, 1], [0, 0]])
    said = pd.DataFrame({"N": [0, 0, 0, 1, None]})
    exemplar = np.array([True, True, True, False, False])
    # Of the exemplars the first is wrong and the third not known; the fourth image is right, the fifth unread.
    (row,) = expert_rows(labels, ["Nodule", "Mass"], said, ["N=Nodule|Mass"], exemplar)
    assert [row[name] for name in ("exemplars", "of_exemplars", "others", "of_others")] == [1, 2, 0, 1]


def test_expert_labels_are_refused_by_row(tiny: TinySweep) -> None:
    base = replace(tiny.spec().data, expert_labels=experts(tiny, ""), expert_classes=ABOUT)
    split = read_split(base.labels_test, base, "test")
    name = tiny.names[0]
    for text, words in (
        (
            f"{name},1,NO,MAYBE,NO\n",
            "row 1, column 'Pneumothorax': expected yes, no, 1, 0 or a blank, got 'MAYBE'",
        ),
        (f"{name},1,NO,YES,NO\n{name},1,NO,NO,NO\n", "row 2: expected each Image Index once"),
        ("other.png,1,NO,YES,NO\n", "expected images of"),
    ):
        experts(tiny, text)
        with pytest.raises(DataError) as error:
            read_experts(split, base)
        assert words in str(error.value)
    absent = replace(base, expert_classes=("Edema=Edema",))
    with pytest.raises(DataError, match="missing: Edema"):
        read_experts(split, absent)
