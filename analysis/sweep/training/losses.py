"""The losses that a network can be trained with, by name, and the weights of rare classes.

Each class is a yes-or-no question of its own (multi-label). A loss turns logits and labels into one number per
image and class; the mean of them is minimised. Adding one is one function and one line in LOSSES.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from analysis.frames import IGNORED
from analysis.sweep.errors import DataError
from analysis.sweep.spec import TrainSpec

FOCUS = 2.0
"""Focal loss: the exponent gamma of the paper's best results."""
ASYMMETRIC_FOCUS, ASYMMETRIC_SHIFT = 4.0, 0.05
"""Asymmetric loss: gamma of the negatives and probability shift; the positives are not focused (gamma 0)."""
LARGEST_MARGIN = 0.5
"""LDAM: the constant C is set so that the rarest side of any class has this margin, as its authors' code does."""
EFFECTIVE_BETA = 0.9999
"""Effective number of samples: beta, one of the paper's values, for training sets of this size."""


@dataclass(frozen=True)
class Balance:
    """What a loss knows of the training split.

    `weight`: float32, one per class, factor of the positive term. `margin`: float32, 2 x classes, LDAM's
    margins of the positive (row 0) and the negative side.
    """

    weight: Tensor
    margin: Tensor


def _bce(logits: Tensor, labels: Tensor, balance: Balance) -> Tensor:
    """Binary cross-entropy, the published study's loss; the positive term is weighted."""
    return functional.binary_cross_entropy_with_logits(
        logits, labels, pos_weight=balance.weight, reduction="none"
    )


def _focal(logits: Tensor, labels: Tensor, balance: Balance) -> Tensor:
    """Focal loss: Lin et al. (2017), "Focal Loss for Dense Object Detection", equation 4."""
    plain = functional.binary_cross_entropy_with_logits(logits, labels, reduction="none")
    return (1 - torch.exp(-plain)) ** FOCUS * plain * torch.where(labels > 0, balance.weight, 1.0)


def _asymmetric(logits: Tensor, labels: Tensor, balance: Balance) -> Tensor:
    """Asymmetric loss: Ridnik et al. (2021), "Asymmetric Loss For Multi-Label Classification", equation 7."""
    shifted = (torch.sigmoid(logits) - ASYMMETRIC_SHIFT).clamp(min=0)
    positive = balance.weight * functional.softplus(-logits)
    negative = -(shifted**ASYMMETRIC_FOCUS) * torch.log1p(-shifted)
    return labels * positive + (1 - labels) * negative


def _ldam(logits: Tensor, labels: Tensor, balance: Balance) -> Tensor:
    """Label-distribution-aware margins: Cao et al. (2019), "Learning Imbalanced Datasets with
    Label-Distribution-Aware Margin Loss", equation 11, for each class as a binary problem.
    """
    moved = logits - torch.where(labels > 0, balance.margin[0], -balance.margin[1])
    return _bce(moved, labels, balance)


Loss = Callable[[Tensor, Tensor, Balance], Tensor]

LOSSES: Mapping[str, Loss] = {"bce": _bce, "focal": _focal, "asymmetric": _asymmetric, "ldam": _ldam}


def class_weights(
    name: str, positives: NDArray[np.int64], images: int | NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the factor of each class's positive term.

    Parameters
    ----------
    name: `none` (1 everywhere), `inverse` (negatives / positives, so that both sides of a class weigh the same;
        King and Zeng, 2001), `effective` ((1 - beta) / (1 - beta^n), scaled to a mean of 1 over the classes;
        Cui et al., 2019, "Class-Balanced Loss Based on Effective Number of Samples", equation 2).
    positives: positive training images per class.
    images: training images per class whose label is known.

    Raises
    ------
    DataError: a class without a positive training image cannot be weighted.
    """
    if name == "none":
        return np.ones(len(positives))
    if (positives == 0).any():
        place = int(np.argmin(positives)) + 1
        raise DataError(
            f"[train] class_weights: expected a positive training image of each class, class {place} has none; "
            f'use class_weights = "none" or leave the class out'
        )
    if name == "inverse":
        return np.asarray((images - positives) / positives, dtype=np.float64)
    effective = (1 - EFFECTIVE_BETA) / (1 - EFFECTIVE_BETA ** positives.astype(np.float64))
    return np.asarray(effective / effective.mean(), dtype=np.float64)


def balance_of(choice: TrainSpec, labels: NDArray[np.float32], device: torch.device) -> Balance:
    """Count the training labels (n x classes: 0, 1 or IGNORED) and return what the chosen loss needs of them."""
    positives, images = ((labels == 1).sum(axis=0), (labels != IGNORED).sum(axis=0))
    sides = np.maximum(np.stack([positives, images - positives]), 1) ** -0.25
    margin = LARGEST_MARGIN * sides / sides.max()
    weight = class_weights(choice.class_weights, positives, images)
    return Balance(*(torch.tensor(part, dtype=torch.float32, device=device) for part in (weight, margin)))
