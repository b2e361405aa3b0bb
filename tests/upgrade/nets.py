"""The networks that the stored site sweeps."""

from pathlib import Path

import torch

from analysis.sweep.networks.architectures import build_classifier
from tests.sweep.tiny import SMALL, layout_name
from tests.upgrade.making import CLASSES, SEEDS


def write_nets(data: Path) -> None:
    """Write networks that tell images apart, and whose weights take few values, so that they pack small."""
    for seed in SEEDS:
        path = data / "nets" / layout_name("stored", SMALL, 0.0001, 256, seed)
        path.parent.mkdir(parents=True)
        torch.manual_seed(seed)
        model = build_classifier(SMALL, len(CLASSES)).train()
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = 1.0
        model(torch.randn(32, 1, 1, 1) + 0.3 * torch.randn(32, 3, 32, 32))
        state = {name: _coarse(value) for name, value in model.state_dict().items()}
        torch.save({"weights": state, "epoch": 3}, path)


def _coarse(weights: torch.Tensor) -> torch.Tensor:
    step = weights.abs().max() / 6
    return step * torch.round(weights / step) if weights.dim() > 1 else weights
