"""Predictions at every sparsity against torch's own pruning and a plain forward."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from analysis.sweep.engines.backend import DEVIATION, MEAN
from analysis.sweep.methods.magnitude import magnitude_keys
from analysis.sweep.networks.architectures import build_classifier, prunable_names
from analysis.sweep.networks.folding import fold_norms
from analysis.sweep.run.engine import Engine
from analysis.sweep.spec import SPARSITIES, InferSpec, PruneSpec
from analysis.sweep.thresholds import find_cuts
from tests.sweep.tiny import SMALL, random_state

TOLERANCE = 1e-5
"""Folding a batch norm and another layout change the order of float32 sums, no more."""


def images(n, size, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, size, size)).astype(np.uint8)


@torch.inference_mode()
def reference(architecture, state, sparsity, pixels):
    """Prune as the published study does and run the plain network."""
    model = build_classifier(architecture, 20, device="meta")  # no weights are drawn that are overwritten
    model.load_state_dict(state, assign=True)
    layers = [(m, "weight") for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    if sparsity:
        prune.global_unstructured(layers, pruning_method=prune.L1Unstructured, amount=sparsity)
    grey = torch.from_numpy(pixels).float().div(255).unsqueeze(1).expand(-1, 3, -1, -1)
    mean, deviation = (torch.tensor(v).reshape(1, 3, 1, 1) for v in (MEAN, DEVIATION))
    return torch.sigmoid(model.eval()((grey - mean) / deviation)).numpy()


def part_ties(state, architecture, sparsities):
    """Make the magnitude at each cut unique, in place: among equal magnitudes torch's choice is arbitrary.

    Of 11 million drawn weights a pair may share the magnitude at a cut; those that stay grow by a thousandth.
    """
    names = prunable_names(build_classifier(architecture, 20, device="meta"))
    keys = magnitude_keys([state[name].numpy() for name in names])
    total = sum(layer.size for layer in keys)
    for cut in find_cuts(keys, [round(k * total) for k in sparsities]):
        left = cut.equal
        for name, layer in zip(names, keys, strict=True):
            for place in np.flatnonzero(layer == cut.key) if cut.equal else ():
                if left <= 0:
                    state[name].view(-1)[place] *= 1.001
                left -= 1


@pytest.mark.parametrize(
    ("architecture", "seed", "sparsities"),
    [
        ("resnet18", 0, (*SPARSITIES[::4], SPARSITIES[-1])),
        ("resnet18", 1, (0.0, 0.95)),
        (SMALL, 2, SPARSITIES),
    ],
)
def test_equal_to_torch_at_every_sparsity(architecture, seed, sparsities):
    state = random_state(architecture, 20, seed)
    choice = PruneSpec(sparsities=sparsities)
    part_ties(state, architecture, sparsities)
    pixels = images(3, 64)
    engine = Engine(architecture, 20, InferSpec(batch_size=2, threads=1))
    engine.load(state, choice, seed)
    dense = None
    for sparsity in sparsities:
        got = engine.predict(sparsity, pixels)
        assert got.dtype == np.float32
        assert got.shape == (3, 20)
        assert np.abs(got - reference(architecture, state, sparsity, pixels)).max() <= TOLERANCE
        dense = got if dense is None else dense
    assert np.abs(got - dense).max() > 100 * TOLERANCE  # the last ratio does change the scores


def test_order_of_sparsities_and_checkpoints_leaves_no_trace():
    pixels, engine = images(2, 32), Engine(SMALL, 20, InferSpec(threads=1))
    states = [random_state(SMALL, 20, seed) for seed in (0, 1)]
    choice = PruneSpec(sparsities=(0.0, 0.9))
    engine.load(states[0], choice, 0)
    first = engine.predict(0.0, pixels)
    engine.predict(0.9, pixels)
    engine.load(states[1], choice, 1)
    engine.predict(0.9, pixels)
    engine.load(states[0], choice, 0)
    assert (engine.predict(0.0, pixels) == first).all()


def test_progress_counts_images():
    engine, seen = Engine(SMALL, 20, InferSpec(batch_size=2, threads=1)), []
    engine.load(random_state(SMALL, 20, 0), PruneSpec(sparsities=(0.0,)), 0)
    engine.predict(0.0, images(5, 32), lambda *said: seen.append(said))
    assert seen == [(2, 5), (4, 5), (5, 5)]


@pytest.mark.parametrize(
    ("architecture", "folded"),
    [("squeezenet1_1", False), ("mobilenet_v3_small", True), ("densenet121", True), ("regnet_y_400mf", True)],
)
@torch.inference_mode()
def test_folding_changes_nothing(architecture, folded):
    state = random_state(architecture, 5, 0)
    plain = build_classifier(architecture, 5)
    plain.load_state_dict(state)
    network = fold_norms(build_classifier(architecture, 5))
    network.network.load_state_dict(network.folded(state), strict=False)
    batch = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    assert bool(network.norms) == folded
    assert torch.allclose(network.network(batch), plain(batch), rtol=1e-4, atol=1e-4)


def test_all_convolutions_and_linear_layers_are_pruned_and_nothing_else():
    model = build_classifier("resnet18", 20, device="meta")
    names = prunable_names(model)
    parameters = dict(model.named_parameters())
    assert len(names) == 21
    assert all(parameters[name].ndim in (2, 4) for name in names)
    assert sum(parameters[name].ndim >= 2 for name in parameters) == len(names)
