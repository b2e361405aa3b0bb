"""A training step never asks the device for a value: on a GPU each such question leaves it idle."""

from collections import Counter
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from analysis.frames import IGNORED
from analysis.sweep.errors import SweepError
from analysis.sweep.spec import TrainSpec
from analysis.sweep.training import epochs
from analysis.sweep.training.epochs import WARM_UPS, Examples, Trainer, augmented, drawn_turns
from analysis.sweep.training.losses import LOSSES, balance_of
from analysis.sweep.training.train import train_ensemble
from tests.sweep.tiny import write_images, write_labels

ASKS = ("_local_scalar_dense", "nonzero", "masked_select", "_unique2", "equal")
"""Operators of torch whose result the host must see before it goes on: `float(x)` is the first. `x[mask]`
is seen as an index of truth values; copies to the host are seen on the device `meta` below.
"""


class Questions(TorchDispatchMode):
    """Counts what asks the device for a value."""

    def __init__(self):
        super().__init__()
        self.asked = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        picks = name in ("index", "index_put_") and any(
            i is not None and i.dtype == torch.bool for i in args[1]
        )
        self.asked[name] += name in ASKS or picks
        return func(*args, **(kwargs or {}))

    def total(self):
        return sum(self.asked.values())


def trainer_of(tiny, start=None, *, device="cpu", **choices):
    spec = tiny.spec(train=replace(TrainSpec(batch_size=4, threads=1), **choices))
    return Trainer(spec, 0, "", start)


def examples(n, *, weights=False, ignored=False):
    draw = np.random.default_rng(n)
    labels = draw.integers(0, 2, (n, 20)).astype(np.float32)
    if ignored:
        labels[::2, 3] = IGNORED
    pixels = draw.integers(0, 256, (n, 32, 32)).astype(np.uint8)
    return Examples(pixels, labels, draw.random(n).astype(np.float32) if weights else None)


def questions(trainer, data):
    """Count those of an epoch after the first steps, of which one may be recorded."""
    trainer.run_epoch(examples(4 * WARM_UPS), examples(2), lambda done: None)
    with Questions() as seen:
        trainer.run_epoch(data, examples(2), lambda done: None)
    return seen.total()


def test_the_counter_counts():
    with Questions() as seen:
        x = torch.arange(3.0)
        assert float(x.sum()) == 3
        assert x[x > 1].tolist() == [2]
    assert seen.asked["_local_scalar_dense"] >= 1
    assert seen.asked["index"] == 1


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("ignored", [False, True])
def test_an_epoch_asks_as_often_however_many_steps_it_has(tiny, loss, ignored):
    trainer = trainer_of(tiny, loss=loss)
    short, long = (examples(n, weights=True, ignored=ignored) for n in (8, 30))
    assert questions(trainer, short) == questions(trainer, long)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_mixed_precision_asks_no_more(tiny, precision):
    """fp16 is refused on a processor for its speed; its loss scale works there, and is what could ask."""
    spec = tiny.spec(train=TrainSpec(batch_size=4, threads=1))
    object.__setattr__(spec.train, "precision", precision)
    trainer = Trainer(spec, 0, "")
    assert trainer.scaler.is_enabled() == (precision == "fp16")
    assert questions(trainer, examples(8)) == questions(trainer, examples(30))
    assert all(torch.isfinite(weight).all() for weight in trainer.model.parameters())


def test_a_step_that_overflows_moves_no_weight_and_lowers_the_scale(tiny):
    spec = tiny.spec(train=TrainSpec(batch_size=4, threads=1))
    object.__setattr__(spec.train, "precision", "fp16")
    trainer = Trainer(spec, 0, "")
    trainer.run_epoch(examples(4), examples(2), lambda done: None)
    trainer.scaler.load_state_dict(trainer.scaler.state_dict() | {"scale": 1e38})
    before = [weight.detach().clone() for weight in trainer.model.parameters()]
    trainer.run_epoch(examples(4), examples(2), lambda done: None)
    after = list(trainer.model.parameters())
    assert all(torch.equal(one, two) for one, two in zip(before, after, strict=True))
    assert trainer.scaler.get_scale() == pytest.approx(5e37)


def test_fine_tuning_with_masks_asks_no_more(tiny):
    trainer = trainer_of(tiny, tiny.checkpoint(0), method="global_l1", level=0.5)
    assert trainer._kept
    assert questions(trainer, examples(8)) == questions(trainer, examples(30))


def test_nothing_is_copied_to_the_host_in_a_step(tiny, monkeypatch):
    """Tensors of the device `meta` hold no values: a copy to the host, or any question, is an error there."""
    monkeypatch.setattr(torch, "autocast", lambda *given, **more: nullcontext())  # does not know this device
    spec = tiny.spec(train=TrainSpec(batch_size=4, threads=1))
    object.__setattr__(spec.train, "device", "meta")
    trainer = Trainer(spec, 0, "")
    trainer._ignores, trainer._balance = (
        True,
        balance_of(spec.train, examples(8).labels, torch.device("meta")),
    )
    turns = drawn_turns(8, 15.0, True, torch.Generator().manual_seed(0))
    batches = list(trainer._batches(examples(8, weights=True), np.arange(8), [4], turns))
    assert [len(batch[0]) for batch in batches] == [4, 4]
    for _ in range(WARM_UPS):
        for batch in batches:
            assert all(part.is_meta for part in batch)
            trainer._take(batch)
    with pytest.raises(NotImplementedError, match="meta tensor"):
        trainer._sums.cpu()


def test_a_recorded_step_gets_each_batch_in_its_place(tiny, monkeypatch):
    """What a recording replays reads the places that it was recorded with; here it is the work itself."""
    plain, recording = trainer_of(tiny), trainer_of(tiny)
    replayed = []

    def record(work, device, *, beside_others):
        def replay():
            replayed.append(1)
            work()

        return replay

    for trainer in (plain, recording):
        for _ in range(2):
            trainer.run_epoch(
                examples(18), examples(2), lambda done: None
            )  # four whole batches, and one of two
        monkeypatch.setattr(epochs, "recorded", record)
    assert len(replayed) == 8 - WARM_UPS
    for one, two in zip(
        plain.model.state_dict().values(), recording.model.state_dict().values(), strict=True
    ):
        assert torch.equal(one, two)


def test_a_network_that_cannot_be_recorded_is_trained_step_by_step(tiny, monkeypatch):
    spec = tiny.spec(train=TrainSpec(batch_size=4, threads=1))
    object.__setattr__(spec.train, "precision", "fp16")
    plain, other = Trainer(spec, 0, ""), Trainer(spec, 0, "")
    plain.run_epoch(examples(30), examples(2), lambda done: None)
    refused = []

    def refuse(work, device, *, beside_others):
        other.optimiser.zero_grad(set_to_none=True)
        loss = other.model(torch.zeros(2, 3, 32, 32)).sum()
        refused.append(1)
        other.scaler.scale(loss)  # and is in the midst of a step
        other.scaler._per_optimizer_states[id(other.optimiser)]["stage"] = (
            torch.amp.grad_scaler.OptState.STEPPED
        )
        raise RuntimeError("CUDA error: operation not permitted when stream is capturing")

    monkeypatch.setattr(epochs, "recorded", refuse)
    buffers = {name: value.clone() for name, value in other.model.named_buffers()}
    assert buffers
    other.run_epoch(examples(30), examples(2), lambda done: None)
    assert refused == [1]
    assert other.scaler.state_dict() == plain.scaler.state_dict()


def test_turned_images_are_those_of_each_batch(tiny):
    """An epoch's turns are drawn before it, batch by batch, so that they are those of earlier versions."""
    draw = torch.Generator().manual_seed(0 * 1_000_003)
    torch.randperm(10, generator=draw)
    wanted = torch.cat([drawn_turns(n, 15.0, True, draw) for n in (4, 4, 2)])
    trainer, seen = trainer_of(tiny), []
    step = trainer._step
    trainer._step = lambda *batch: (seen.append(batch[3].clone()), step(*batch))
    trainer.run_epoch(examples(10), examples(2), lambda done: None)
    assert torch.equal(torch.cat(seen), wanted)
    assert augmented(torch.rand(10, 1, 8, 8), wanted).shape == (10, 1, 8, 8)


@pytest.fixture
def recipe(tiny):
    for name, count in (("train", 9), ("val", 3)):
        files = [f"{name}{i}.png" for i in range(count)]
        write_images(tiny.images, files, seed=5)
        write_labels(tiny.root / f"{name}.csv", files)
    data = replace(tiny.spec().data, labels_train=tiny.root / "train.csv", labels_val=tiny.root / "val.csv")
    return tiny.spec(data=data, train=TrainSpec(epochs=2, batch_size=4, learning_rate=0.001, threads=1))


class StoppedError(Exception):
    pass


def stop_in_the_second_epoch(stage, done, total):
    if stage.startswith("train") and done > 9:
        raise StoppedError


def test_a_network_that_draws_itself_is_resumed_to_the_same_bytes(tiny, recipe):
    """SqueezeNet drops half of what its head sees."""
    spec = replace(recipe, models=replace(recipe.models, architecture="squeezenet1_1"))
    (whole,) = train_ensemble(spec, tiny.root / "whole")
    with pytest.raises(StoppedError):
        train_ensemble(spec, tiny.root / "stopped", progress=stop_in_the_second_epoch)
    torch.rand(5)  # whatever else this process draws
    (resumed,) = train_ensemble(spec, tiny.root / "stopped")
    assert resumed.checkpoint.read_bytes() == whole.checkpoint.read_bytes()


def test_a_training_begun_by_an_earlier_version_is_refused_and_kept(tiny, recipe):
    with pytest.raises(StoppedError):
        train_ensemble(recipe, tiny.root / "nets", progress=stop_in_the_second_epoch)
    (last,) = (tiny.root / "nets").glob("*/last.pt")
    memory = torch.load(last, weights_only=True)
    memory["optimiser"]["param_groups"][0]["fused"] = None  # as it was
    torch.save(memory, last)
    before = last.read_bytes()
    with pytest.raises(
        SweepError, match=r"last\.pt: expected a training begun by this version.* delete this file"
    ):
        train_ensemble(recipe, tiny.root / "nets")
    assert last.read_bytes() == before
    last.unlink()
    assert train_ensemble(recipe, tiny.root / "nets")[0].epochs == 2
