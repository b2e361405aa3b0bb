"""Runs over more than shares of removed weights: other methods, other networks, networks fine-tuned after pruning."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from analysis.durable import sha256_file
from analysis.frames import FORMAT
from analysis.selection import read_run
from analysis.sweep.errors import CheckpointError, HostError, SpecError
from analysis.sweep.methods.own import find_method, method_choices
from analysis.sweep.networks import factories
from analysis.sweep.networks.architectures import build_classifier, prunable_names
from analysis.sweep.networks.checkpoints import read_checkpoint
from analysis.sweep.run.engine import Engine
from analysis.sweep.run.finish import finish_run, run_sweep
from analysis.sweep.run.prepare import open_run
from analysis.sweep.run.units import Workspace
from analysis.sweep.spec import ConditionSpec, PruneSpec, SweepSpec, TrainSpec
from analysis.sweep.toml import spec_from
from analysis.sweep.training.train import train_ensemble
from tests.sweep.tiny import SMALL, TinySweep, write_checkpoint, write_images, write_labels

STUDENT = "squeezenet1_1"


def conditions(tiny: TinySweep, *more: ConditionSpec) -> SweepSpec:
    """A sweep of two members, dense and at 0.9, as int8, as 2:4, and a student of another architecture."""
    for seed in (0, 1):
        write_checkpoint(tiny.root / f"students/seed-{seed}.pt", seed + 5, STUDENT)
    students = (str(tiny.root / "students/seed-{seed}.pt"),)
    named = (
        ConditionSpec("int8", method="int8"),
        ConditionSpec("half", method="2:4"),
        ConditionSpec("student", architecture=STUDENT, checkpoints=students),
    )
    return tiny.spec(prune=PruneSpec(sparsities=(0.0, 0.9)), conditions=(*named, *more))


def test_a_run_compares_methods_and_networks(tiny):
    spec = conditions(tiny)
    run = run_sweep(spec, tiny.out)
    read = read_run(tiny.out)
    assert read.conditions == ("dense", "0.90", "int8", "half", "student")
    assert [one["name"] for one in read.provenance["conditions"]] == list(read.conditions)
    assert {"format": 2}.items() <= read.provenance.items()
    names = sorted(path.name for path in run.paths.predictions.glob("seed-1_*.npy"))
    assert names == [
        f"seed-1_{end}.npy" for end in ("half", "int8", "sparsity-0.00", "sparsity-0.90", "student")
    ]
    model = build_classifier(SMALL, 20, device="meta")
    whole = sum(parameter.numel() for parameter in model.parameters())
    own = sum(model.state_dict()[name].numel() for name in prunable_names(model))
    assert read.removed["0.90"] == pytest.approx(round(0.9 * own) / whole, abs=1e-4)
    assert read.removed["0.90"] < 0.9
    assert 0 < read.removed["half"] <= 0.5 * own / whole
    small = sum(parameter.numel() for parameter in build_classifier(STUDENT, 20, device="meta").parameters())
    assert small > whole
    assert "student" not in read.removed  # a larger network has no share of the reference removed
    metrics = pd.read_csv(tiny.out / "metrics.csv")
    assert list(dict.fromkeys(metrics["condition"])) == list(read.conditions)
    assert metrics.loc[metrics["condition"] == "int8", "sparsity"].isna().all()
    # Every condition is what an engine with these weights alone predicts.
    pixels = Workspace(run).pixels()
    alone = Engine.of(spec)
    alone.load(run.member(1).state, PruneSpec("int8", (0.0, 0.75)), 1)
    np.testing.assert_array_equal(alone.predict(0.75, pixels), read.scores(1, "int8"))
    other = Engine.of(spec, models=spec.models_of("student"))
    other.load(run.member(1, "student").state, PruneSpec("", (0.0,)), 1)
    np.testing.assert_array_equal(other.predict(0.0, pixels), read.scores(1, "student"))
    assert [c.get("condition") for c in read.provenance["checkpoints"]] == [None, None, "student", "student"]


def test_run_names_of_before_are_unchanged_and_conditions_make_another(tiny):
    plain = tiny.spec(prune=PruneSpec(sparsities=(0.0, 0.9)))
    digests = {"labels_test": "0" * 64}
    assert "conditions" not in plain.choices()
    assert plain.run_id(digests) == "445fe40bc1f9"
    names = {plain.run_id(digests), conditions(tiny).run_id(digests)}
    names.add(replace(plain, prune=replace(plain.prune, reference="0.90")).run_id(digests))
    assert len(names) == 3


def test_a_run_prepared_in_format_1_is_finished_and_read(tiny):
    run = run_sweep(tiny.spec(), tiny.out)
    plan = json.loads(run.paths.plan.read_text())
    run.paths.plan.write_text(json.dumps(plan | {"format": FORMAT}))
    for note in run.paths.predictions.glob("*.json"):
        said = json.loads(note.read_text())
        share = {"dense": 0.0}.get(said.pop("condition"), 0.9)
        del said["parameters"]
        note.write_text(json.dumps(said | {"format": FORMAT, "sparsity": share}))
    made = finish_run(open_run(tiny.out))
    assert made["conditions"] == [{"name": name} for name in ("dense", "0.50", "0.90")]
    whole = json.loads(run.paths.provenance.read_text())
    del whole["conditions"]
    metrics = pd.read_csv(run.paths.metrics).drop(columns="condition")
    metrics.to_csv(run.paths.metrics, index=False)
    whole["tables"]["metrics.csv"] = sha256_file(run.paths.metrics)
    run.paths.provenance.write_text(json.dumps(whole | {"format": FORMAT}))
    read = read_run(tiny.out)
    assert (read.conditions, read.pair()) == (("dense", "0.50", "0.90"), ("dense", "0.90"))


def test_specifications_name_what_is_wrong(tiny):
    data = {"data": {"name": "d", "images": "i"}}

    def refused(**content: object) -> str:
        with pytest.raises(SpecError) as caught:
            spec_from(data | content, base=Path("/"))
        return str(caught.value)

    assert "expected the key name" in refused(conditions=[{"method": "int8"}])
    assert "names that are no ratios, each once" in refused(conditions=[{"name": "0.5", "method": "int8"}])
    assert "method, checkpoints or recalibrate" in refused(conditions=[{"name": "x"}])
    assert "did you mean 'method'" in refused(conditions=[{"name": "x", "metod": "int8"}])
    assert "one of dense, 0.90" in refused(prune={"sparsities": [0, 0.9], "reference": "teacher"})
    assert "expected [[conditions]]" in refused(conditions={"name": "x"})
    assert "both or neither" in refused(train={"method": "global_l1"})
    with pytest.raises(SpecError, match=r"\[\[conditions\]\] x level: expected a level above 0 of layer_l1"):
        run_sweep(tiny.spec(conditions=(ConditionSpec("x", method="layer_l1"),)), tiny.out)
    with pytest.raises(SpecError, match=r"a level of int8 \(0 and 0\.75\), got 0\.3"):
        run_sweep(tiny.spec(conditions=(ConditionSpec("x", method="int8", level=0.3),)), tiny.out)
    nowhere = ConditionSpec("x", checkpoints=(str(tiny.root / "none-{seed}.pt"),))
    with pytest.raises(CheckpointError, match="expected a checkpoint of seed 0, got none"):
        run_sweep(tiny.spec(conditions=(nowhere,)), tiny.out)
    assert not tiny.out.exists()


@pytest.fixture
def recipe(tiny: TinySweep) -> SweepSpec:
    """Fine-tune the tiny ensemble after removing 0.9 of each layer's weights."""
    train, val = [f"t{i}.png" for i in range(9)], [f"v{i}.png" for i in range(3)]
    write_images(tiny.images, [*train, *val], seed=5)
    for name, names in (("train", train), ("val", val)):
        write_labels(tiny.root / f"{name}.csv", names)
    data = replace(tiny.spec().data, labels_train=tiny.root / "train.csv", labels_val=tiny.root / "val.csv")
    choice = TrainSpec(
        seeds=(0, 1), epochs=2, batch_size=4, learning_rate=0.01, threads=1, method="layer_l1", level=0.9
    )
    return tiny.spec(data=data, train=choice, prune=PruneSpec("layer_l1", (0.0, 0.9)))


def test_fine_tuned_networks_keep_what_was_removed_at_zero(tiny, recipe):
    made = train_ensemble(recipe, tiny.root / "tuned")
    before, after = (read_checkpoint(file).state for file in (tiny.checkpoint(1), made[1].checkpoint))
    names = prunable_names(build_classifier(SMALL, 20, device="meta"))
    masks = find_method("layer_l1").compress([before[name].numpy() for name in names], (0.9,))
    for name, stays in zip(names, masks.keep(0.9), strict=True):
        assert not after[name][~stays].any()
    assert any(
        not torch.equal(after[n][s], before[n][s]) for n, s in zip(names, masks.keep(0.9), strict=True)
    )
    tuned = ConditionSpec("tuned", checkpoints=(str(tiny.root / "tuned"),))
    run_sweep(replace(recipe, conditions=(tuned,)), tiny.out)
    removed = read_run(tiny.out).removed
    assert removed["tuned"] == pytest.approx(removed["0.90"], abs=1e-3)


class StoppedError(Exception):
    pass


def test_a_stopped_fine_tuning_goes_on_to_the_same_bytes(tiny, recipe):
    whole = train_ensemble(recipe, tiny.root / "whole")

    def stop(stage: str, done: int, total: int) -> None:
        if stage == "train seed 0" and done > 9:
            raise StoppedError

    with pytest.raises(StoppedError):
        train_ensemble(recipe, tiny.root / "parts", progress=stop)
    parts = train_ensemble(recipe, tiny.root / "parts")
    assert [m.checkpoint.read_bytes() for m in parts] == [m.checkpoint.read_bytes() for m in whole]
    write_checkpoint(tiny.checkpoint(0), seed=9)
    with pytest.raises(ValueError, match="another recipe"):
        train_ensemble(recipe, tiny.root / "parts")
    with pytest.raises(SpecError, match="expected one that removes weights, got 'int8'"):
        train_ensemble(
            replace(recipe, train=replace(recipe.train, method="int8", level=0.75)), tiny.root / "x"
        )


PACKAGE = '''"""A method of somebody else."""

from analysis.sweep.methods.registry import StateMethod


def halved(state, level, seed):
    return {name: value * (1 - level) if name.endswith("bias") else value for name, value in state.items()}


METHOD = StateMethod("half_bias", "every bias is multiplied by one minus the level", halved, (0.5,))
'''


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package with an entry point; the module is not listed."""
    site = tmp_path / "site"
    (site / "somebody-1.0.dist-info").mkdir(parents=True)
    (site / "somebody_methods.py").write_text(PACKAGE)
    (site / "somebody-1.0.dist-info/METADATA").write_text(
        "Metadata-Version: 2.1\nName: somebody\nVersion: 1.0\n"
    )
    (site / "somebody-1.0.dist-info/entry_points.txt").write_text(
        "[readerstudy.methods]\nhalf_bias = somebody_methods:METHOD\nnone = somebody_methods:halved\n"
    )
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setattr(factories, "_allowed", set())
    monkeypatch.delitem(sys.modules, "somebody_methods", raising=False)
    return site / "somebody_methods.py"


def test_a_method_of_a_package_is_used_where_its_module_is_listed(tiny, package):
    spec = tiny.spec(
        prune=PruneSpec(sparsities=(0.0, 0.9)), conditions=(ConditionSpec("bias", method="half_bias"),)
    )
    with pytest.raises(HostError, match="method half_bias: expected a module that FACTORY_MODULES lists"):
        run_sweep(spec, tiny.out)
    assert "somebody_methods" not in sys.modules
    assert "half_bias" not in dict(method_choices())
    factories.allow(["somebody_methods"])
    with pytest.raises(CheckpointError, match="method none: expected a method of this name"):
        find_method("none")
    run = run_sweep(spec, tiny.out)
    assert run.plan["digests"]["method-half_bias"] == sha256_file(package)
    state = run.member(0).state
    halved = {n: v * 0.5 if n.endswith("bias") else v for n, v in state.items()}
    engine = Engine.of(spec)
    engine.load(halved, PruneSpec("", (0.0,)), 0)
    scores = engine.predict(0.0, Workspace(run).pixels())
    np.testing.assert_array_equal(scores, read_run(tiny.out).scores(0, "bias"))
    package.write_text(PACKAGE + "# changed\n")
    for path in run.paths.predictions.glob("seed-0_bias.*"):
        path.unlink()
    with pytest.raises(HostError, match=r"expected the source .* of method-half_bias, got another"):
        Workspace(open_run(tiny.out)).member(0, "bias")
