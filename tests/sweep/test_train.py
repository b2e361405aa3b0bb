"""Training: the published layout, resumed per epoch without a trace."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from analysis.frames import IGNORED
from analysis.sweep.errors import CheckpointError, SweepError
from analysis.sweep.networks.architectures import build_classifier
from analysis.sweep.networks.checkpoints import read_checkpoint
from analysis.sweep.networks.layout import find_checkpoints
from analysis.sweep.run.finish import run_sweep
from analysis.sweep.spec import TrainSpec
from analysis.sweep.training.epochs import Examples, Trainer, augmented, drawn_turns, load_pretrained
from analysis.sweep.training.train import train_ensemble
from tests.sweep.tiny import SMALL, random_state, write_images, write_labels


@pytest.fixture
def recipe(tiny):
    """Nine training and three validation images; two epochs."""
    train, val = [f"t{i}.png" for i in range(9)], [f"v{i}.png" for i in range(3)]
    write_images(tiny.images, [*train, *val], seed=5)
    for name, names in (("train", train), ("val", val)):
        write_labels(tiny.root / f"{name}.csv", names)
    data = replace(tiny.spec().data, labels_train=tiny.root / "train.csv", labels_val=tiny.root / "val.csv")
    choice = TrainSpec(seeds=(0, 3), epochs=2, batch_size=4, learning_rate=0.001, threads=1)
    return tiny.spec(data=data, train=choice)


def test_writes_the_published_layout_and_sweeps(tiny, recipe):
    seen = []
    made = train_ensemble(recipe, tiny.root / "models", progress=lambda *said: seen.append(said))
    names = [m.checkpoint.relative_to(tiny.root / "models").as_posix() for m in made]
    assert names == [
        f"tiny_{SMALL}_ce_lr-0.001_bs-4/chkpt.pt",
        f"tiny_{SMALL}_ce_lr-0.001_bs-4_seed-3/chkpt.pt",
    ]
    assert ("train seed 3", 18, 18) in seen
    history = pd.read_csv(made[0].history)
    assert history["epoch"].tolist() == [1, 2]
    assert np.isfinite(history[["train_loss", "val_loss"]]).all(axis=None)
    assert read_checkpoint(made[0].checkpoint).classes == recipe.data.classes
    spec = recipe.with_checkpoints(tiny.root / "models")
    assert list(find_checkpoints(spec)) == [0, 3]
    run = run_sweep(spec, tiny.out)
    assert len(list(run.paths.predictions.glob("*.npy"))) == 6
    again = train_ensemble(recipe, tiny.root / "models")
    assert [m.reused for m in again] == [True, True]


class StoppedError(Exception):
    pass


def test_stopped_and_resumed_gives_the_same_bytes(tiny, recipe):
    whole = train_ensemble(recipe, tiny.root / "whole")

    def stop(stage, done, total):
        if stage == "train seed 0" and done > 9:
            raise StoppedError

    with pytest.raises(StoppedError):
        train_ensemble(recipe, tiny.root / "stopped", progress=stop)
    first = tiny.root / "stopped" / whole[0].checkpoint.parent.name
    assert (first / "last.pt").exists()
    assert not (first / "chkpt.pt").exists()
    (first / f".last.pt.{'0a' * 16}.tmp").write_bytes(b"what a killed process leaves")
    resumed = train_ensemble(recipe, tiny.root / "stopped")
    for one, two in zip(whole, resumed, strict=True):
        assert one.checkpoint.read_bytes() == two.checkpoint.read_bytes()
    assert sorted(file.name for file in first.iterdir()) == ["chkpt.pt", "history.csv", "training.json"]


def test_another_recipe_is_refused_in_the_same_folder(tiny, recipe):
    train_ensemble(recipe, tiny.root / "models")
    other = replace(recipe, train=replace(recipe.train, rotation=0.0))
    with pytest.raises(SweepError, match="another recipe"):
        train_ensemble(other, tiny.root / "models")


def test_loss_falls_on_something_easy(recipe):
    """Means of three epochs: the loss of one goes up and down, and another processor adds in another order."""
    rng = np.random.default_rng(0)
    labels = np.repeat(rng.integers(0, 2, (16, 1)), 20, axis=1).astype(np.float32)
    pixels = (labels[:, :1, None] * 200 + rng.integers(0, 40, (16, 32, 32))).astype(np.uint8)
    trainer = Trainer(replace(recipe, train=replace(recipe.train, learning_rate=0.003, epochs=20)), 0, "r")
    examples = Examples(pixels, labels)
    for _ in range(12):
        trainer.run_epoch(examples, examples, lambda done: None)
    losses = [epoch["train_loss"] for epoch in trainer.history]
    assert sum(losses[-3:]) < 0.7 * sum(losses[:3])


def test_weight_decay_is_a_penalty_on_the_squares_of_the_weights(recipe):
    """Where the loss has no say (a class whose label is never known), it alone moves the weights, towards 0."""
    spec = replace(recipe, train=replace(recipe.train, weight_decay=0.1, epochs=3))
    trainer = Trainer(spec, 0, "r")
    labels = np.zeros((8, 20), np.float32)
    labels[:, 3] = IGNORED
    head = [value for name, value in trainer.model.named_parameters() if name.endswith("weight")][-1]
    before = head[3].detach().abs().sum()
    examples = Examples(np.random.default_rng(0).integers(0, 256, (8, 32, 32)).astype(np.uint8), labels)
    trainer.run_epoch(examples, examples, lambda done: None)
    assert head[3].detach().abs().sum() < before
    plain = Trainer(recipe, 0, "r")
    kept = [value for name, value in plain.model.named_parameters() if name.endswith("weight")][-1]
    start = kept[3].detach().clone()
    plain.run_epoch(examples, examples, lambda done: None)
    assert torch.equal(kept[3].detach(), start)


def test_another_penalty_is_another_recipe(tiny, recipe):
    train_ensemble(recipe, tiny.root / "models")
    with pytest.raises(SweepError, match="another recipe"):
        train_ensemble(replace(recipe, train=replace(recipe.train, weight_decay=0.1)), tiny.root / "models")


def test_stops_early_and_keeps_the_best(recipe):
    choice = replace(recipe.train, epochs=50, patience=2)
    trainer = Trainer(replace(recipe, train=choice), 0, "r")
    losses = iter([0.5, 0.4, 0.6, 0.7, 0.1])
    trainer.validate = lambda examples: (next(losses), None)
    examples = Examples(np.zeros((4, 32, 32), np.uint8), np.zeros((4, 20), np.float32))
    while not trainer.stopped:
        trainer.run_epoch(examples, examples, lambda done: None)
    assert (trainer.epoch, trainer.best_epoch, trainer.best_loss) == (4, 2, 0.4)


def test_starts_from_stored_weights_with_another_head(tmp_path, recipe):
    stored = random_state(SMALL, 1000, 4)
    torch.save(stored, tmp_path / "imagenet.pt")
    trainer = Trainer(
        replace(recipe, train=replace(recipe.train, pretrained=tmp_path / "imagenet.pt")), 0, "r"
    )
    state = trainer.model.state_dict()
    assert torch.equal(state["conv1.0.weight"], stored["conv1.0.weight"])
    assert state["fc.weight"].shape[0] == 20
    torch.save(random_state("squeezenet1_1", 20, 0), tmp_path / "other.pt")
    with pytest.raises(CheckpointError, match="expected weights of this architecture"):
        load_pretrained(trainer.model, tmp_path / "other.pt")


def test_starts_from_weights_of_a_network_that_asks_for_their_version(tmp_path):
    stored = random_state("mnasnet0_5", 7, 4)
    torch.save({"weights": dict(stored)}, tmp_path / "nets.pt")
    model = build_classifier("mnasnet0_5", 3)
    load_pretrained(model, tmp_path / "nets.pt")
    state = model.state_dict()
    assert all(torch.equal(state[name], value) for name, value in stored.items() if "classifier" not in name)
    assert state["classifier.1.weight"].shape[0] == 3


def test_flips_and_rotations():
    grey = torch.rand(64, 1, 9, 9, generator=torch.Generator().manual_seed(0))

    def turned(rotation, flip):
        return augmented(grey, drawn_turns(len(grey), rotation, flip, torch.Generator().manual_seed(1)))

    same = turned(0.0, False)
    assert torch.allclose(same, grey, atol=1e-5)
    flipped = turned(0.0, True)
    mirrored = [torch.allclose(f, g.flip(-1), atol=1e-5) for f, g in zip(flipped, grey, strict=True)]
    kept = [torch.allclose(f, g, atol=1e-5) for f, g in zip(flipped, grey, strict=True)]
    assert all(a != b for a, b in zip(mirrored, kept, strict=True))
    assert 10 < sum(mirrored) < 54
    both = turned(15.0, True)
    assert both.shape == grey.shape
    assert torch.equal(both, turned(15.0, True))
    assert not torch.allclose(both, flipped, atol=1e-3)
