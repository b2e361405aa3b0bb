"""Batch-norm statistics after pruning: by hand on a network of one layer, and as conditions of a run."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from analysis.selection import SelectionError, read_run
from analysis.sweep.data_spec import DataSpec
from analysis.sweep.engines.backend import normalisation_table
from analysis.sweep.errors import DataError, SpecError
from analysis.sweep.run import recalibrate
from analysis.sweep.run.finish import run_sweep
from analysis.sweep.run.prepare import prepare_run
from analysis.sweep.run.recalibrate import Recalibration
from analysis.sweep.spec import ConditionSpec, ModelsSpec, PruneSpec, SweepSpec
from tests.sweep.tiny import TinySweep, write_labels

AGAIN = PruneSpec(sparsities=(0.0, 0.05), recalibrate="batch_norm")


class OneLayer(nn.Module):
    """Dropout, a 1 x 1 convolution to one channel, its norm, and the mean of that as the score."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 1, 1, bias=False), nn.BatchNorm2d(1)
        self.drop = nn.Dropout(0.05)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.conv(self.drop(x))).mean(dim=(2, 3))


def test_statistics_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mean over batches of each batch's mean and unbiased variance, whatever the old ones were."""
    monkeypatch.setattr(recalibrate, "build_classifier", lambda *given: OneLayer())
    monkeypatch.setattr(recalibrate, "BATCH", 3)
    pixels = np.random.default_rng(0).integers(0, 100, (6, 4, 4)).astype(np.uint8)
    weights = {name: value.clone() for name, value in OneLayer().state_dict().items()}
    weights["norm.running_mean"] += 7
    weights["norm.num_batches_tracked"] += 100  # as in any trained checkpoint
    weights["conv.weight"][0, 1] = 0  # pruned
    before = {name: value.clone() for name, value in weights.items()}
    spec = SweepSpec(DataSpec("one", Path(), classes=("Mass",)))
    recalibration = Recalibration(spec, spec.models, pixels)
    recalibration.state({name: value + 1 for name, value in weights.items()})  # another level before
    found = recalibration.state(weights)
    seen = normalisation_table().numpy()[pixels].astype(float)  # images x rows x columns x channels
    inside = seen @ weights["conv.weight"].numpy().reshape(3).astype(float)
    batches = inside.reshape(2, -1)
    assert found["norm.running_mean"].item() == pytest.approx(batches.mean(axis=1).mean(), rel=1e-4)
    assert found["norm.running_var"].item() == pytest.approx(batches.var(axis=1, ddof=1).mean(), rel=1e-5)
    assert torch.equal(found["conv.weight"], weights["conv.weight"])
    assert all(torch.equal(weights[name], value) for name, value in before.items())


@pytest.fixture
def with_train(tiny: TinySweep, monkeypatch: pytest.MonkeyPatch) -> TinySweep:
    labels = tiny.labels_test.with_name("train.csv")
    write_labels(labels, tiny.names, seed=3)
    monkeypatch.setattr(recalibrate, "IMAGES", 3)
    return tiny


def spec_of(tiny: TinySweep, prune: PruneSpec, *conditions: ConditionSpec, **changes: object):
    data = replace(tiny.spec().data, labels_train=tiny.labels_test.with_name("train.csv"))
    return replace(tiny.spec(prune=prune), data=data, conditions=conditions, **changes)


def test_every_level_is_recalibrated_and_the_run_has_another_name(with_train: TinySweep) -> None:
    plain = run_sweep(spec_of(with_train, PruneSpec(sparsities=(0.0, 0.05))), with_train.root / "plain")
    again = run_sweep(spec_of(with_train, AGAIN), with_train.root / "again")
    assert plain.run_id != again.run_id
    assert len(again.plan["recalibration"]["images"]) == 3
    one, other = read_run(plain.paths.root), read_run(again.paths.root)
    for level in ("dense", "0.05"):
        assert np.abs(one.scores(0, level) - other.scores(0, level)).max() > 1e-3
    assert other.pair() == ("dense", "0.05")


def test_beside_plain_pruning_and_compared_with_its_like(with_train: TinySweep) -> None:
    own = (
        ConditionSpec("bn-dense", recalibrate="batch_norm"),
        ConditionSpec("bn-0.05", "global_l1", 0.05, recalibrate="batch_norm"),
    )
    made = run_sweep(spec_of(with_train, PruneSpec(sparsities=(0.0, 0.05)), *own), with_train.root / "both")
    alone = run_sweep(spec_of(with_train, AGAIN), with_train.root / "again")
    run, other = read_run(made.paths.root), read_run(alone.paths.root)
    for name, level in (("bn-dense", "dense"), ("bn-0.05", "0.05")):
        assert np.array_equal(run.scores(1, name), other.scores(1, level))
    assert run.pair("bn-0.05", "bn-dense") == ("bn-dense", "bn-0.05")
    with pytest.raises(SelectionError, match=r"recalibrated like its condition, got dense for bn-0\.05"):
        run.pair("bn-0.05")


def test_what_cannot_be_recalibrated_is_refused(
    with_train: TinySweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SpecError, match="expected a network with batch norm for dense"):
        prepare_run(
            spec_of(with_train, AGAIN, models=ModelsSpec("squeezenet1_1", ("x",), (0,))), with_train.out
        )
    monkeypatch.setattr(recalibrate, "IMAGES", 2048)
    with pytest.raises(DataError, match=r"expected 2048 training images or more .*, got 4"):
        prepare_run(spec_of(with_train, AGAIN), with_train.out)
    with pytest.raises(SpecError, match="recalibrate: expected batch_norm or nothing"):
        PruneSpec(recalibrate="layer_norm")
