"""What a checkpoint was trained with: its preprocessing, its output, and a network of the user's own code."""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from analysis.sweep.data.image_cache import cache_key
from analysis.sweep.engines.backend import Network, normalisation_table
from analysis.sweep.errors import CheckpointError, HostError, SpecError
from analysis.sweep.networks import factories
from analysis.sweep.networks.architectures import build_classifier, resolved
from analysis.sweep.run.engine import Engine
from analysis.sweep.run.finish import run_sweep
from analysis.sweep.run.prepare import prepare_run
from analysis.sweep.run.units import Workspace
from analysis.sweep.spec import InferSpec, ModelsSpec, PreprocessSpec, PruneSpec, SweepSpec, TrainSpec
from analysis.sweep.training.train import train_ensemble
from tests.sweep.tiny import SMALL, TinySweep, random_state, write_labels

MEAN, DEVIATION = (0.5, 0.4, 0.3), (0.2, 0.25, 0.5)
GREY = np.random.default_rng(0).integers(0, 256, (3, 32, 32)).astype(np.uint8)


def wanted(state: dict[str, torch.Tensor], output: str) -> torch.Tensor:
    model = build_classifier(SMALL, 3)
    model.load_state_dict(state)
    image = torch.from_numpy(GREY).float().div(255).unsqueeze(1).expand(-1, 3, -1, -1)
    mean, deviation = (torch.tensor(value).reshape(1, 3, 1, 1) for value in (MEAN, DEVIATION))
    with torch.inference_mode():
        logits = model.eval()((image - mean) / deviation)
    return torch.softmax(logits, 1) if output == "softmax" else torch.sigmoid(logits)


@pytest.mark.parametrize("output", ["sigmoid", "softmax"])
@pytest.mark.parametrize("name", ["torch", "fused"])
def test_every_engine_heeds_mean_deviation_and_output(name: str, output: str) -> None:
    state = random_state(SMALL, 3, 0)
    seen = PreprocessSpec(size=32, mean=MEAN, deviation=DEVIATION)
    engine = Engine(SMALL, 3, InferSpec(engine=name, threads=1, batch_size=2), seen, output)
    engine.load(state, PruneSpec(sparsities=(0.0,)), 0)
    assert np.abs(engine.predict(0.0, GREY) - wanted(state, output).numpy()).max() < 1e-5


def test_defaults_are_what_they_were() -> None:
    bytes_ = torch.arange(256, dtype=torch.float32)[:, None] / 255
    table = (bytes_ - torch.tensor((0.485, 0.456, 0.406))) / torch.tensor((0.229, 0.224, 0.225))
    assert torch.equal(normalisation_table(), table)
    logits = torch.tensor([[0.3, -2.0]])
    assert torch.equal(Network(nn.Identity(), 2, (8, 8)).scores_of(logits), torch.sigmoid(logits))


def test_names_of_caches_and_runs_stay_and_follow_each_choice(tiny: TinySweep) -> None:
    files = [tiny.images / name for name in tiny.names]
    listing = [[name, file.stat().st_size, file.stat().st_mtime_ns]
               for name, file in zip(tiny.names, files, strict=True)]  # fmt: skip
    old = {"size": 256, "antialias": False, "window": (0.5, 99.5)}
    before = json.dumps({"format": 2, "preprocess": old, "files": listing})
    assert cache_key(tiny.names, files, PreprocessSpec()) == sha256(before.encode()).hexdigest()[:24]
    assert cache_key(tiny.names, files, PreprocessSpec(mean=MEAN)) == cache_key(
        tiny.names, files, PreprocessSpec()
    )
    assert cache_key(tiny.names, files, PreprocessSpec(fit="crop")) != cache_key(
        tiny.names, files, PreprocessSpec()
    )
    base = SweepSpec(tiny.spec().data)
    assert base.choices().keys() == {"data"}
    others = [
        replace(base, preprocess=PreprocessSpec(**choice))
        for choice in (
            {"mean": MEAN},
            {"deviation": DEVIATION},
            {"fit": "letterbox"},
            {"fit": "crop", "crop": 0.9},
        )
    ] + [
        replace(base, models=ModelsSpec(**choice))
        for choice in ({"weights": "ema"}, {"rename": ("a.=b.",)}, {"output": "softmax"})
    ]
    assert len({spec.run_id({}) for spec in (base, *others)}) == 1 + len(others)


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"fit": "stretch"}, "fit: expected one of squash, letterbox, crop"),
        ({"crop": 0.5}, 'crop: expected 1 unless fit = "crop"'),
        ({"fit": "crop", "crop": 0.0}, "crop: expected a share above 0"),
        ({"mean": (0.5,)}, "mean: expected three numbers"),
        ({"deviation": (0.2, 0.0, 0.2)}, "deviation: expected three numbers above 0"),
    ],
)
def test_impossible_preprocessing_is_refused(choice: dict[str, object], words: str) -> None:
    with pytest.raises(SpecError) as error:
        PreprocessSpec(**choice)
    assert words in str(error.value)


def test_timm_says_itself(tiny: TinySweep) -> None:
    timm = pytest.importorskip("timm")
    spec = tiny.spec(
        preprocess=PreprocessSpec(size=224, timm=True), models=ModelsSpec("timm:vit_tiny_patch16_224")
    )
    found, notes = resolved(spec)
    said = timm.get_pretrained_cfg("vit_tiny_patch16_224")
    assert found.preprocess.mean == said.mean == (0.5, 0.5, 0.5)
    assert found.preprocess.deviation == said.std
    assert (found.preprocess.fit, found.preprocess.crop) == ("crop", said.crop_pct)
    assert found.preprocess.antialias
    assert "by timm's bicubic" in notes[0]
    assert resolved(tiny.spec()) == (tiny.spec(), [])
    with pytest.raises(CheckpointError, match="expected an architecture of timm, got 'resnet18'"):
        resolved(replace(spec, models=ModelsSpec("resnet18")))


OWN = '''"""A network of my own."""

from functools import partial

from torch import nn


def build(n_classes):
    layers = [nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, n_classes)]
    return nn.Sequential(*layers)


def nothing(n_classes):
    return None


part = partial(nn.Linear, 4)
'''
FACTORY = "factory:my_own_nets:build"


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A module of the user's own, listed."""
    (tmp_path / "code").mkdir()
    file = tmp_path / "code" / "my_own_nets.py"
    file.write_text(OWN)
    monkeypatch.syspath_prepend(str(file.parent))
    monkeypatch.setattr(factories, "_allowed", {"my_own_nets"})
    yield file
    sys.modules.pop("my_own_nets", None)


def own_spec(tiny: TinySweep) -> SweepSpec:
    for seed in (0, 1):
        torch.manual_seed(seed)
        torch.save(factories.make_network(FACTORY, 20).state_dict(), tiny.root / f"own-{seed}.pt")
    places = (str(tiny.root / "own-{seed}.pt"),)
    return tiny.spec(models=ModelsSpec(FACTORY, places))


def test_a_sweep_over_my_own_network(tiny: TinySweep, own: Path) -> None:
    spec = own_spec(tiny)
    run = run_sweep(spec, tiny.out)
    assert factories.source_digest("factory:my_own_nets:part") == run.plan["digests"]["factory"]
    assert run.plan["digests"]["factory"] == sha256(OWN.encode()).hexdigest()
    assert len(list(run.paths.predictions.glob("*.npy"))) == 6
    own.write_text(OWN + "\n# another version\n")
    with pytest.raises(
        HostError, match=r"expected the source [0-9a-f]{12} of factory:my_own_nets:build, got another"
    ):
        Workspace(run).member(0, "dense")
    assert prepare_run(spec, tiny.root / "other").run_id != run.run_id


def test_only_listed_modules_are_imported(
    tiny: TinySweep, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = own_spec(tiny)
    run = prepare_run(spec, tiny.out)
    monkeypatch.setattr(factories, "_allowed", {"another"})
    sys.modules.pop("my_own_nets")
    for action in (lambda: prepare_run(spec, tiny.root / "other"), lambda: Workspace(run).member(0, "dense")):
        with pytest.raises(
            HostError,
            match="expected a module that FACTORY_MODULES lists, got 'my_own_nets'; it lists another",
        ):
            action()
    assert "my_own_nets" not in sys.modules
    assert not (tiny.root / "other").exists()


def test_own_code_that_fails_is_named(own: Path) -> None:
    with pytest.raises(CheckpointError, match=r"expected a torch\.nn\.Module, got NoneType"):
        build_classifier("factory:my_own_nets:nothing", 3)
    with pytest.raises(CheckpointError, match="expected a function or class 'absent' in my_own_nets"):
        build_classifier("factory:my_own_nets:absent", 3)
    factories.allow(["no_such_module"])
    with pytest.raises(HostError, match="No module named 'no_such_module'"):
        build_classifier("factory:no_such_module:build", 3)
    with pytest.raises(SpecError, match="architecture: expected factory:package"):
        ModelsSpec("factory:my-nets:build")


def test_a_training_is_one_of_its_preprocessing(tiny: TinySweep) -> None:
    for role in ("train", "val"):
        write_labels(tiny.root / f"{role}.csv", tiny.names)
    data = replace(tiny.spec().data, labels_train=tiny.root / "train.csv", labels_val=tiny.root / "val.csv")
    spec = tiny.spec(data=data, train=TrainSpec(epochs=1, batch_size=2, threads=1))
    plain = train_ensemble(spec, tiny.root / "plain")
    seen = replace(spec, preprocess=replace(spec.preprocess, mean=MEAN))
    other = train_ensemble(seen, tiny.root / "seen")
    notes = [json.loads(made[0].checkpoint.with_name("training.json").read_text()) for made in (plain, other)]
    assert notes[0]["recipe"] != notes[1]["recipe"]
    assert plain[0].best_loss != other[0].best_loss
