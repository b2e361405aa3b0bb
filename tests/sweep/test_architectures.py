"""Architectures by name: torchvision's and timm's, and the sizes that they take."""

import sys

import pytest
import torch

from analysis.sweep.errors import CheckpointError
from analysis.sweep.networks.architectures import (
    build_classifier,
    check_size,
    libraries_of,
    prunable_names,
)
from analysis.sweep.run.engine import Engine
from analysis.sweep.run.finish import run_sweep
from analysis.sweep.spec import InferSpec, ModelsSpec, PreprocessSpec, PruneSpec
from tests.sweep.tiny import random_state


def test_timm_has_what_torchvision_lacks():
    model = build_classifier("resnet10t", 7)
    assert model(torch.zeros(2, 3, 32, 32)).shape == (2, 7)
    assert libraries_of("resnet10t") == ("timm",)
    assert libraries_of("resnet18") == ()
    assert all(name.endswith(".weight") for name in prunable_names(model))


def test_the_small_network_has_eight_layers_and_can_be_swept():
    model = build_classifier("resnet8", 7)
    assert model(torch.zeros(2, 3, 32, 32)).shape == (2, 7)
    plain = [name for name in prunable_names(model) if "downsample" not in name]
    assert len(plain) == 8
    assert libraries_of("resnet8") == ()
    engine = Engine("resnet8", 20, InferSpec(threads=1), PreprocessSpec(size=32))
    engine.load(random_state("resnet8", 20, 0), PruneSpec("global_l1", (0.0, 0.9)), 0)
    pixels = torch.randint(0, 256, (2, 32, 32), dtype=torch.uint8)
    assert engine.predict(0.9, pixels).shape == (2, 20)


def test_a_name_that_both_have_is_torchvisions_unless_asked():
    assert "torchvision" in type(build_classifier("resnet18", 3, device="meta")).__module__
    assert "timm" in type(build_classifier("timm:resnet18", 3, device="meta")).__module__
    assert libraries_of("timm:resnet18") == ("timm",)


def test_without_timm_the_message_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(CheckpointError, match="pip install timm"):
        build_classifier("timm:resnet18", 3)
    with pytest.raises(CheckpointError, match=r"similar: resnet50.*timm, which has more, is not installed"):
        build_classifier("resnet5", 3)


def test_unknown_names_are_answered_with_near_ones():
    with pytest.raises(CheckpointError, match="similar: resnet10t, "):
        build_classifier("timm:resnet10tt", 3)


def test_a_network_of_another_image_size_is_refused_before_anything_runs():
    check_size("vit_b_16", 3, 224)
    with pytest.raises(CheckpointError, match=r"accepts images of 256 x 256 pixels.*\[preprocess\] size"):
        check_size("vit_b_16", 3, 256)


def test_a_timm_network_goes_through_a_whole_sweep(tiny):
    for seed in (0, 1):
        file = tiny.checkpoint(seed, "timm:resnet10t")
        file.parent.mkdir(parents=True)
        torch.save({"weights": random_state("timm:resnet10t", 20, seed)}, file)
    models = ModelsSpec("timm:resnet10t", (str(tiny.root / "trained_models"),))
    run = run_sweep(tiny.spec(models=models, prune=PruneSpec(sparsities=(0.0, 0.9))), tiny.out)
    assert run.plan["versions"]["timm"] != "none"
    assert len(list(run.paths.predictions.glob("*.npy"))) == 4


@pytest.mark.parametrize("method", ["channel_l2", "int8", "layer_l1", "random"])
def test_every_method_goes_through_the_engine(method):
    levels = (0.0, 0.75)
    engine = Engine("resnet18", 20, InferSpec(threads=1), PreprocessSpec(size=32))
    compressed = engine.load(random_state("resnet18", 20, 0), PruneSpec(method, levels), 0)
    pixels = torch.randint(0, 256, (2, 32, 32), dtype=torch.uint8)
    dense, small = (engine.predict(level, pixels) for level in levels)
    assert compressed.removed(0.0) == 0
    assert compressed.removed(0.75) > 0
    assert 0 < abs(dense - small).max() < 1
