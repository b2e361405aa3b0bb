"""Losses against their formulas computed by hand, and class weights against theirs."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from analysis.sweep import spec as names
from analysis.sweep.errors import DataError, SpecError
from analysis.sweep.spec import TrainSpec
from analysis.sweep.training.losses import LOSSES, Balance, balance_of, class_weights
from analysis.sweep.training.train import loss_name

LOGITS = torch.tensor([[2.0, -1.0], [0.3, -4.0]])
LABELS = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
EVEN = Balance(torch.ones(2), torch.zeros(2, 2))
P = 1 / (1 + np.exp(-LOGITS.numpy().astype(float)))
Y = LABELS.numpy()


def computed(name: str, balance: Balance = EVEN) -> np.ndarray:
    return LOSSES[name](LOGITS, LABELS, balance).numpy()


def test_names_are_those_of_the_specification() -> None:
    assert tuple(LOSSES) == names.LOSSES


def test_published_loss_is_the_one_of_torch() -> None:
    ours = LOSSES["bce"](LOGITS, LABELS, EVEN).mean()
    assert torch.equal(ours, torch.nn.functional.binary_cross_entropy_with_logits(LOGITS, LABELS))


def test_focal_by_hand() -> None:
    right = np.where(Y == 1, P, 1 - P)
    assert np.allclose(computed("focal"), -((1 - right) ** 2) * np.log(right), rtol=1e-5)


def test_asymmetric_by_hand() -> None:
    shifted = np.maximum(P - 0.05, 0)
    expected = np.where(Y == 1, -np.log(P), -(shifted**4) * np.log(1 - shifted))
    assert np.allclose(computed("asymmetric"), expected, rtol=1e-5)


def test_ldam_moves_each_side_by_its_margin() -> None:
    margins = Balance(torch.ones(2), torch.tensor([[0.5, 0.2], [0.1, 0.3]]))
    z = LOGITS.numpy() - np.where(Y == 1, [0.5, 0.2], [-0.1, -0.3])
    expected = np.where(Y == 1, np.log1p(np.exp(-z)), np.log1p(np.exp(z)))
    assert np.allclose(computed("ldam", margins), expected, rtol=1e-5)
    assert (computed("ldam", margins) > computed("bce")).all()


@pytest.mark.parametrize("name", LOSSES)
def test_the_weight_multiplies_the_positive_term_alone(name: str) -> None:
    weighted = Balance(torch.tensor([3.0, 5.0]), torch.zeros(2, 2))
    ratio = computed(name, weighted) / computed(name)
    assert np.allclose(ratio, [[3, 1], [1, 5]], rtol=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_stay_finite_at_extreme_logits(name: str) -> None:
    logits = torch.tensor([[80.0, -80.0], [-80.0, 80.0]], requires_grad=True)
    loss = LOSSES[name](logits, LABELS, EVEN).mean()
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(logits.grad).all()


def test_weights_by_hand() -> None:
    positives = np.array([10, 40])
    assert class_weights("none", positives, 100).tolist() == [1, 1]
    assert class_weights("inverse", positives, 100).tolist() == [9, 1.5]
    effective = (1 - 0.9999) / (1 - 0.9999**positives)
    assert np.allclose(class_weights("effective", positives, 100), effective / effective.mean())
    with pytest.raises(DataError, match="class 2 has none"):
        class_weights("inverse", np.array([3, 0]), 10)


def test_the_rarest_side_has_the_widest_margin() -> None:
    labels = np.array([[1, 0], [0, 0], [0, 1], [0, 1]], dtype=np.float32)
    margin = balance_of(TrainSpec(), labels, torch.device("cpu")).margin.numpy()
    assert margin.max() == margin[0, 0] == pytest.approx(0.5)
    assert margin[1, 0] == pytest.approx(0.5 * 3**-0.25)


def test_a_recipe_names_its_folder() -> None:
    assert loss_name(TrainSpec()) == "ce"
    assert loss_name(TrainSpec(loss="ldam", class_weights="effective")) == "ldam-effective"
    with pytest.raises(SpecError, match="fp32 or bf16 on a CPU"):
        replace(TrainSpec(), precision="fp16")
