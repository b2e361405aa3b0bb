"""Weights and other labels of single training images: what an experiment's arms are made of."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from analysis.sweep.data.amended import amended, drawn_order
from analysis.sweep.data.splits import Split
from analysis.sweep.errors import DataError
from analysis.sweep.spec import SweepSpec, TrainSpec
from analysis.sweep.training.epochs import Trainer
from analysis.sweep.training.losses import balance_of
from analysis.sweep.training.train import open_training, train_ensemble
from tests.sweep.tiny import TinySweep, write_images, write_labels

SPLIT = Split(
    ("a", "b", "c", "d"), np.array([[1, 0], [0, 0], [0, 1], [0, 0]], np.int8), "", Path("labels.csv")
)


def file_of(folder: Path, text: str) -> Path:
    path = folder / "given.csv"
    path.write_text(text)
    return path


def test_weights_have_a_mean_of_one_over_the_images_that_are_left(tmp_path: Path) -> None:
    given = TrainSpec(sample_weights=file_of(tmp_path, "image,weight\nb,2\nd,0\n"))
    split, weights = amended(SPLIT, ("A", "B"), given)
    assert split is SPLIT
    assert weights is not None
    assert weights.tolist() == pytest.approx([0.75, 1.5, 0.75, 0])  # 1, 2, 1 have a mean of 4/3


def test_other_labels_replace_those_of_the_named_images(tmp_path: Path) -> None:
    split, weights = amended(SPLIT, ("A", "B"), TrainSpec(relabel=file_of(tmp_path, "image,B,A\nd,1,0\n")))
    assert split.labels.tolist() == [[1, 0], [0, 0], [0, 1], [0, 1]]
    assert SPLIT.labels[3].tolist() == [0, 0]
    assert weights is None


def test_a_blank_or_absent_label_stays_and_names_join_as_everywhere(tmp_path: Path) -> None:
    known = replace(SPLIT, labels=np.array([[1, -1], [0, 0], [0, 1], [0, 0]], np.int8))
    text = "image,A,B\nimages/A.png,0,\nc,,0\nc,,0\n"
    assert amended(known, ("A", "B"), TrainSpec(relabel=file_of(tmp_path, text)))[0].labels.tolist() == [
        [0, -1], [0, 0], [0, 0], [0, 0]
    ]  # fmt: skip
    text = "image,B\nd,1\n"
    assert amended(known, ("A", "B"), TrainSpec(relabel=file_of(tmp_path, text)))[0].labels[3].tolist() == [
        0,
        1,
    ]


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        ("sample_weights", "image,weight\nx,1\n", "images of the training split, got 'x'"),
        ("sample_weights", "image,weight\na,1\na,2\n", "each image once, got image 'a' again"),
        ("sample_weights", "image,weight\na,1\nimages/a.png,2\n", "expected one image for 'a', it fits"),
        (
            "sample_weights",
            "image,weight\na,-1\n",
            "row 1, column 'weight': expected a finite number from 0 on, got -1",
        ),
        ("sample_weights", "image,weight\na,\n", "expected a finite number from 0 on, got a blank"),
        ("sample_weights", "image,weight\na,no\n", "expected a finite number from 0 on, got 'no'"),
        ("sample_weights", "image,weight\na,0\nb,0\nc,0\nd,0\n", "not all of them 0"),
        ("sample_weights", "image,w\na,0\n", "missing: weight"),
        ("relabel", "image,C\na,1\n", "expected a 0 or 1 in a column of A, B"),
        ("relabel", "image,A,B\na,,\n", "expected a 0 or 1 in a column of A, B"),
        ("relabel", "image,A,B\na,1,2\n", "row 1, column 'B': expected 0 or 1, got 2"),
        ("relabel", "image,A,B\na,yes,1\n", "column 'A': expected 0 or 1, got 'yes'"),
    ],
)
def test_files_that_do_not_fit_are_refused(tmp_path: Path, kind: str, text: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        amended(SPLIT, ("A", "B"), TrainSpec(**{kind: file_of(tmp_path, text)}))


def test_an_epoch_has_as_many_rows_and_none_that_is_left_out() -> None:
    order = np.array([3, 0, 2, 1])
    assert drawn_order(order, None).tolist() == [3, 0, 2, 1]
    assert drawn_order(order, np.array([1, 1, 1, 0], np.float32)).tolist() == [0, 2, 1, 0]


@pytest.fixture
def recipe(tiny: TinySweep) -> SweepSpec:
    train, val = [f"t{i}.png" for i in range(9)], [f"v{i}.png" for i in range(3)]
    write_images(tiny.images, [*train, *val], seed=5)
    for name, names in (("train", train), ("val", val)):
        write_labels(tiny.root / f"{name}.csv", names)
    data = replace(tiny.spec().data, labels_train=tiny.root / "train.csv", labels_val=tiny.root / "val.csv")
    return tiny.spec(data=data, train=TrainSpec(epochs=1, batch_size=4, learning_rate=0.001, threads=1))


def test_the_loss_by_hand(recipe: SweepSpec) -> None:
    trainer = Trainer(recipe, 0, "")
    logits, labels = torch.tensor([[0.5, -1.0], [2.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, -1.0]])
    trainer._balance = balance_of(recipe.train, labels.numpy().astype(np.float32), torch.device("cpu"))
    trainer._ignores = True
    loss = trainer._loss(logits, labels, torch.tensor([1.5, 0.5]))
    softplus = np.log1p(np.exp([-0.5, -1.0, 2.0]))
    assert float(loss) == pytest.approx((1.5 * (softplus[0] + softplus[1]) + 0.5 * softplus[2]) / 3, rel=1e-6)


def test_what_weights_and_labels_change(recipe: SweepSpec, tiny: TinySweep) -> None:
    def trained(name: str, **given: str) -> bytes:
        files = {}
        for kind, text in given.items():
            files[kind] = tiny.root / f"{name}-{kind}.csv"
            files[kind].write_text(text)
        spec = replace(recipe, train=replace(recipe.train, **files))
        return train_ensemble(spec, tiny.root / name)[0].checkpoint.read_bytes()

    labels = pd.read_csv(tiny.root / "train.csv").rename(columns={"id": "image"}).drop(columns="subj_id")
    other = labels.iloc[[4]].copy()
    other[list(recipe.data.classes)] = 1 - other[list(recipe.data.classes)]
    everyone = "image,weight\n" + "".join(f"t{i}.png,5\n" for i in range(9))
    without = "image,weight\nt4.png,0\n"
    plain, left_out = trained("plain"), trained("without", sample_weights=without)
    assert trained("alike", sample_weights=everyone) == plain  # only ratios of weights count
    assert trained("double", sample_weights="image,weight\nt4.png,2\n") not in (plain, left_out)
    assert trained("relabelled", relabel=other.to_csv(index=False)) not in (plain, left_out)
    both = trained("both", sample_weights=without, relabel=other.to_csv(index=False))
    assert both == left_out != plain  # nothing is learned from an image that is left out


def test_a_recipe_with_other_files_is_another(recipe: SweepSpec, tiny: TinySweep) -> None:
    digests = set()
    for text in ("", "image,weight\nt4.png,0\n", "image,weight\nt4.png,2\n"):
        file = file_of(tiny.root, text) if text else None
        spec = replace(recipe, train=replace(recipe.train, sample_weights=file))
        digests.add(open_training(spec, tiny.root / "out").recipe)
        assert spec.shown()["train"]["sample_weights"] == (file and file.name)
    assert len(digests) == 3
