"""Training on a GPU: mixed precision with loss scaling, the images kept there, resumed from an epoch."""

from dataclasses import replace

import pytest
import torch

from analysis.sweep.networks.checkpoints import read_checkpoint
from analysis.sweep.spec import TrainSpec
from analysis.sweep.training.train import open_training, train_ensemble
from tests.sweep.tiny import make_tiny, write_images, write_labels

pytestmark = pytest.mark.gpu

TOLERANCE = 1e-3
"""Largest difference of a weight between a resumed and an undisturbed training; kernels are fixed, sums are not."""


@pytest.mark.parametrize("precision", ["fp32", "tf32", "fp16", "bf16"])
def test_stopped_and_resumed_on_a_gpu(tmp_path, precision):
    tiny = make_tiny(tmp_path, seeds=())
    train, val = [f"t{i}.png" for i in range(9)], [f"v{i}.png" for i in range(3)]
    write_images(tiny.images, [*train, *val], seed=5)
    for name, names in (("train", train), ("val", val)):
        write_labels(tiny.root / f"{name}.csv", names)
    data = replace(tiny.spec().data, labels_train=tiny.root / "train.csv", labels_val=tiny.root / "val.csv")
    choice = TrainSpec(epochs=3, batch_size=4, learning_rate=0.001, device="cuda", precision=precision)
    recipe = tiny.spec(data=data, train=choice)
    assert open_training(recipe, tiny.root / "looked").train.pixels.device.type == "cuda"
    (whole,) = train_ensemble(recipe, tiny.root / "whole")

    def stop(stage, done, total):
        if stage.startswith("train") and done > 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_ensemble(recipe, tiny.root / "stopped", progress=stop)
    (resumed,) = train_ensemble(recipe, tiny.root / "stopped")
    one, two = read_checkpoint(whole.checkpoint).state, read_checkpoint(resumed.checkpoint).state
    worst = max(float((one[name] - two[name]).abs().max()) for name in one if one[name].is_floating_point())
    print(f"{precision}: largest difference {worst}")
    assert worst <= TOLERANCE
    assert torch.isfinite(one["fc.weight"]).all()
