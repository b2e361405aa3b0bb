"""Training on a GPU: mixed precision with loss scaling, the images kept there, resumed from an epoch."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from analysis.sweep.device import free_bytes
from analysis.sweep.networks.checkpoints import read_checkpoint
from analysis.sweep.spec import TrainSpec
from analysis.sweep.training.epochs import WARM_UPS, Examples, Trainer
from analysis.sweep.training.train import open_training, train_ensemble
from tests.sweep.tiny import make_tiny, write_images, write_labels

pytestmark = pytest.mark.gpu

TOLERANCE = 1e-3
"""Largest difference of a weight between a resumed and an undisturbed training; kernels are fixed, sums are not."""


@pytest.mark.parametrize("precision", ["fp32", "tf32", "fp16", "bf16"])
def test_stopped_and_resumed_on_a_gpu(tmp_path, precision):
    tiny = make_tiny(tmp_path, seeds=())
    train, val = [f"t{i}.png" for i in range(4 * (WARM_UPS + 3) + 1)], [f"v{i}.png" for i in range(3)]
    write_images(tiny.images, [*train, *val], seed=5)
    for name, names in (("train", train), ("val", val)):
        write_labels(tiny.root / f"{name}.csv", names)
    data = replace(tiny.spec().data, labels_train=tiny.root / "train.csv", labels_val=tiny.root / "val.csv")
    choice = TrainSpec(epochs=3, batch_size=4, learning_rate=0.001, device="cuda", precision=precision)
    recipe = tiny.spec(data=data, train=choice)
    assert open_training(recipe, tiny.root / "looked").train.pixels.device.type == "cuda"
    (whole,) = train_ensemble(recipe, tiny.root / "whole")

    def stop(stage, done, total):
        if stage.startswith("train") and done > 3 * len(train) // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_ensemble(recipe, tiny.root / "stopped", progress=stop)
    (resumed,) = train_ensemble(recipe, tiny.root / "stopped")
    one, two = read_checkpoint(whole.checkpoint).state, read_checkpoint(resumed.checkpoint).state
    worst = max(float((one[name] - two[name]).abs().max()) for name in one if one[name].is_floating_point())
    print(f"{precision}: largest difference {worst}")
    assert worst <= TOLERANCE
    assert torch.isfinite(one["fc.weight"]).all()


@pytest.mark.parametrize("precision", ["fp32", "tf32", "fp16", "bf16"])
@pytest.mark.parametrize("resident", [True, False])
def test_no_step_waits_for_the_card(tmp_path, precision, resident):
    """Recorded once, and from then on torch itself refuses whatever waits."""
    tiny = make_tiny(tmp_path, seeds=())
    trainer = Trainer(tiny.spec(train=TrainSpec(batch_size=4, device="cuda", precision=precision)), 0, "")
    draw, n = np.random.default_rng(0), 4 * (WARM_UPS + 6) + 2
    pixels = draw.integers(0, 256, (n, 32, 32)).astype(np.uint8)
    labels = draw.integers(0, 2, (n, 20)).astype(np.float32)
    labels[::3, 2] = -1
    given = torch.from_numpy(pixels).cuda() if resident else pixels

    def step(done):
        watched = trainer.epoch > 0 or done > 4 * WARM_UPS
        torch.cuda.set_sync_debug_mode("error" if watched and done < n else "default")

    data = Examples(given, labels, draw.random(n).astype(np.float32))
    try:
        for _ in range(2):
            trainer.run_epoch(data, Examples(given[:4], labels[:4]), step)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert trainer._replay is not None
    assert np.isfinite(trainer.history[-1]["train_loss"])


def test_a_recorded_step_does_what_the_step_does(tmp_path):
    """In fp32 both take the same kernels: what is left is the order of sums on the card."""
    tiny, weights = make_tiny(tmp_path, seeds=()), []
    draw = np.random.default_rng(0)
    data = Examples(draw.integers(0, 256, (40, 32, 32)).astype(np.uint8), np.ones((40, 20), np.float32))
    for record in (True, False):
        trainer = Trainer(tiny.spec(train=TrainSpec(batch_size=4, device="cuda", learning_rate=1e-3)), 0, "")
        trainer._whole = 0 if record else WARM_UPS  # past the place where it would be recorded
        for _ in range(2):
            trainer.run_epoch(data, data, lambda done: None)
        assert (trainer._replay is not None) == record
        weights.append({name: value.cpu() for name, value in trainer.model.state_dict().items()})
    one, two = weights
    worst = max(float((one[name] - two[name]).abs().max()) for name in one if one[name].is_floating_point())
    print(f"recorded against step by step: largest difference {worst}")
    assert worst <= TOLERANCE
    assert all(torch.equal(one[name], two[name]) for name in one if not one[name].is_floating_point())


def test_a_network_that_asks_for_values_trains_step_by_step_and_leaves_the_card_whole(tmp_path):
    tiny = make_tiny(tmp_path, seeds=())
    draw = np.random.default_rng(0)
    data = Examples(draw.integers(0, 256, (40, 32, 32)).astype(np.uint8), np.ones((40, 20), np.float32))
    recorded = []
    for asks in (True, False):
        trainer = Trainer(tiny.spec(train=TrainSpec(batch_size=4, device="cuda")), 0, "")
        if asks:
            trainer.model.fc.register_forward_pre_hook(lambda module, given: given[0].sum().item() and None)
        trainer.run_epoch(data, data, lambda done: None)
        recorded.append(trainer._replay is not None)
        assert free_bytes() > 0
    assert recorded == [False, True]


def test_epochs_reserve_no_more_memory(tmp_path):
    tiny = make_tiny(tmp_path, seeds=())
    trainer = Trainer(tiny.spec(train=TrainSpec(batch_size=4, device="cuda", patience=9)), 0, "")
    draw = np.random.default_rng(0)
    data = Examples(draw.integers(0, 256, (42, 32, 32)).astype(np.uint8), np.ones((42, 20), np.float32))
    reserved = []
    for _ in range(5):
        trainer.run_epoch(data, data, lambda done: None)
        reserved.append(torch.cuda.memory_reserved())
    assert reserved[-1] == reserved[1]
