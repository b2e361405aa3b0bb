"""Any classifier of torchvision by its name, with a head of C outputs."""

import difflib
from typing import Any

import torch
from torch import nn

from analysis.sweep.errors import CheckpointError
from analysis.sweep.torchvision_beside_cpu import ensure_operators

_AUXILIARY: dict[str, dict[str, Any]] = {
    "googlenet": {"aux_logits": False, "init_weights": False},
    "inception_v3": {"aux_logits": False, "init_weights": False},
}
"""Auxiliary heads serve training only; they are neither built nor pruned."""

AUXILIARY_PREFIXES = ("aux1.", "aux2.", "AuxLogits.")


def classifier_names() -> list[str]:
    """Return the names of torchvision's classifiers, sorted."""
    ensure_operators()
    from torchvision import models

    return sorted(models.list_models(module=models))


def build_classifier(name: str, n_classes: int, *, device: str = "cpu") -> nn.Module:
    """Build a freshly initialised classifier with `n_classes` outputs in evaluation mode.

    `device="meta"` gives names and shapes without memory.

    Raises
    ------
    CheckpointError: torchvision has no classifier of this name.
    """
    known = classifier_names()
    if name not in known:
        near = difflib.get_close_matches(name, known, 3)
        hint = f"; near: {', '.join(near)}" if near else ""
        raise CheckpointError(f"architecture: expected a torchvision classifier, {name!r} came{hint}")
    from torchvision import models

    with torch.device(device):
        model: nn.Module = models.get_model(
            name, weights=None, num_classes=n_classes, **_AUXILIARY.get(name, {})
        )
    return model.eval()


def channels_last(model: nn.Module) -> nn.Module:
    """Lay out the convolutions' weights channels last, the fast order on CPUs and GPUs; in place."""
    moved: nn.Module = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return moved


def prunable_names(model: nn.Module) -> list[str]:
    """Return the names of all Conv2d and Linear weights in module order; biases and norms are never
    pruned.
    """
    return [
        f"{name}.weight"
        for name, module in model.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear)
    ]
