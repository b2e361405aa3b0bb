"""Colour: what is read of it, what networks get of it, and what a network that saw something else is told."""

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from django.core.management import call_command
from PIL import Image

from analysis.metrics.ranking import rank_quality
from analysis.sweep.data.image_cache import ImageCache, colour_notes, ensure_cache
from analysis.sweep.data.pixels import read_pixels
from analysis.sweep.engines.backend import normalisation_table, normalised
from analysis.sweep.errors import CheckpointError, DataError
from analysis.sweep.networks.checkpoints import read_checkpoint
from analysis.sweep.run.choose import choose_engine
from analysis.sweep.run.engine import Engine
from analysis.sweep.run.finish import run_sweep
from analysis.sweep.run.prepare import Run, prepare_run
from analysis.sweep.run.recalibrate import Recalibration
from analysis.sweep.spec import PreprocessSpec, SweepSpec, plain
from analysis.sweep.training.train import train_ensemble
from tests.picture.test_colour import WIDE
from tests.sweep.coloured import SPLITS, in_grey, write_coloured

RGB = PreprocessSpec(size=16, colour="rgb")


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> SweepSpec:
    return write_coloured(tmp_path_factory.mktemp("tints"))


@pytest.fixture(scope="module")
def trained(spec: SweepSpec) -> SweepSpec:
    """Train one network on colour by the real path."""
    out = spec.data.images.parent / "rgb"
    train_ensemble(spec, out)
    return spec.with_checkpoints(out)


def auc(run: Run, spec: SweepSpec) -> float:
    (scores,) = (np.load(file) for file in run.paths.predictions.glob("*0.00*.npy"))
    labels = np.tile([[1, 0], [0, 1]], (len(scores) // 2, 1)).astype(np.int8)
    return float(rank_quality(labels, scores).auc.mean())


def test_a_training_says_how_many_images_are_in_colour(trained: SweepSpec, tmp_path: Path) -> None:
    parts = {
        "data": trained.data,
        "preprocess": trained.preprocess,
        "models": trained.models,
        "train": trained.train,
    }
    lines = []
    for name, part in parts.items():
        chosen = {key: value for key, value in plain(part).items() if value not in (None, "", [])}
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in chosen.items())]
    (tmp_path / "spec.toml").write_text("\n".join(lines))
    said = io.StringIO()
    out = trained.models.checkpoints[0]
    call_command("train_ensemble", str(tmp_path / "spec.toml"), "--out", out, stdout=said)
    assert said.getvalue().splitlines()[:2] == [
        f"{split}: 0 images are grey, {count} in colour ([preprocess] colour)"
        for split, count in (("training", SPLITS["train"]), ("validation", SPLITS["val"]))
    ]


def test_a_network_learns_what_differs_by_colour_alone(trained: SweepSpec, tmp_path: Path) -> None:
    (member,) = train_ensemble(trained, Path(trained.models.checkpoints[0]))
    assert member.reused
    assert member.best_loss < 0.3  # a coin has 0.69: what it learnt, it learnt from colour
    in_colour = run_sweep(trained, tmp_path / "run")
    assert auc(in_colour, trained) > 0.95
    assert in_colour.warnings[-1] == "0 images are grey, 60 in colour ([preprocess] colour)"
    grey = in_grey(trained)
    train_ensemble(grey, tmp_path / "grey")
    chance = run_sweep(grey.with_checkpoints(tmp_path / "grey"), tmp_path / "grey-run")
    assert 0.3 < auc(chance, grey) < 0.7
    assert "0 images are grey, 60 in colour; made grey: test000.png, test001.png" in chance.warnings[-1]
    assert "test004.png and 55 more" in chance.warnings[-1]
    assert trained.choices()["preprocess"] == {"size": 32, "colour": "rgb"}
    assert grey.choices()["preprocess"] == {"size": 32}


def test_a_network_is_refused_data_read_otherwise(trained: SweepSpec, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"read as 'grey', got one trained on 'rgb'.*colour = \"rgb\""):
        prepare_run(in_grey(trained), tmp_path / "run")
    grey = replace(in_grey(trained), train=replace(trained.train, epochs=1))
    (member,) = train_ensemble(grey, tmp_path / "grey")
    with pytest.raises(CheckpointError, match="read as 'rgb', got one trained on 'grey'"):
        prepare_run(trained.with_checkpoints(tmp_path / "grey"), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    # What fine-tunes a network of the other kind is refused as well; foreign weights are what the specification says.
    tuned = replace(trained.train, method="global_l1", level=0.5)
    with pytest.raises(CheckpointError, match="trained on 'grey'"):
        train_ensemble(replace(trained.with_checkpoints(tmp_path / "grey"), train=tuned), tmp_path / "tuned")
    assert "colour" not in torch.load(member.checkpoint, weights_only=True)
    torch.save({"weights": read_checkpoint(member.checkpoint).state}, tmp_path / "foreign.pt")
    assert prepare_run(trained.with_checkpoints(tmp_path / "foreign.pt"), tmp_path / "run").run_id


def cached(folder: Path, pictures: dict[str, np.ndarray], preprocess: PreprocessSpec) -> ImageCache:
    for name, values in pictures.items():
        if not (folder / name).exists():
            Image.fromarray(values).save(folder / name)
    return ensure_cache(folder / "cache", list(pictures), [folder / name for name in pictures], preprocess)


def test_the_cache_keeps_three_planes_and_names_exceptions(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    colours, grey = rng.integers(0, 256, (16, 16, 3)).astype(np.uint8), rng.integers(0, 256, (16, 16))
    equal = np.repeat(grey[..., None], 3, axis=2).astype(np.uint8)
    pictures = {"a.png": colours, "b.png": grey.astype(np.uint8), "c.png": equal}
    in_colour = cached(tmp_path, pictures, RGB)
    assert (in_colour.pixels() == np.stack([colours, equal, equal])).all()
    assert colour_notes(in_colour, list(pictures)) == [
        "2 images are grey, 1 in colour; given as three equal planes: b.png, c.png ([preprocess] colour)"
    ]
    assert cached(tmp_path, pictures, RGB).decoded == 0
    as_grey = cached(tmp_path, pictures, PreprocessSpec(size=16))
    assert as_grey.pixels().shape == (3, 16, 16)
    assert (as_grey.pixels()[0] == np.asarray(Image.fromarray(colours).convert("L"))).all()
    assert colour_notes(as_grey, list(pictures)) == [
        "2 images are grey, 1 in colour; made grey: a.png ([preprocess] colour)"
    ]
    only = cached(tmp_path, {"b.png": pictures["b.png"], "c.png": equal}, RGB)
    with pytest.raises(DataError, match='images in colour for "rgb", got 2 grey; use "grey"'):
        colour_notes(only, ["b.png", "c.png"])


@pytest.mark.parametrize("fit", ["squash", "letterbox", "crop"])
def test_each_plane_is_resized_as_grey_is(fit: str, tmp_path: Path) -> None:
    values = np.random.default_rng(2).integers(0, 256, (21, 34, 3)).astype(np.uint8)
    Image.fromarray(values).save(tmp_path / "all.png")
    made = read_pixels(tmp_path / "all.png", replace(RGB, fit=fit)).square
    for place in range(3):
        Image.fromarray(values[..., place]).save(tmp_path / "one.png")
        alone = read_pixels(tmp_path / "one.png", PreprocessSpec(size=16, fit=fit)).square
        assert (made[..., place] == alone).all()


def test_the_profile_of_a_file_is_applied_only_in_colour(tmp_path: Path) -> None:
    values = np.random.default_rng(4).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    plain, wide = tmp_path / "plain.png", tmp_path / "wide.png"
    Image.fromarray(values).save(plain)
    Image.fromarray(values).save(wide, icc_profile=WIDE)
    for preprocess, same in ((PreprocessSpec(size=16), True), (RGB, False)):
        one, other = (read_pixels(path, preprocess) for path in (plain, wide))
        assert (one.square == other.square).all() is np.bool_(same)
        assert (one.stored == other.stored) is same
    Image.fromarray(values).save(wide, icc_profile=b"no profile")
    with pytest.raises(DataError, match="cannot be converted to sRGB; export the image as plain RGB"):
        read_pixels(wide, RGB)


def test_every_engine_and_recalibration_normalises_three_planes(trained: SweepSpec) -> None:
    pixels = np.random.default_rng(5).integers(0, 256, (5, 32, 32, 3)).astype(np.uint8)
    seen = normalised(torch.from_numpy(pixels), normalisation_table())
    wanted = (pixels / 255 - np.array((0.485, 0.456, 0.406))) / np.array((0.229, 0.224, 0.225))
    assert np.allclose(seen.permute(0, 2, 3, 1).numpy(), wanted, atol=1e-6)
    state = read_checkpoint(next(Path(trained.models.checkpoints[0]).glob("*/chkpt.pt"))).state
    scores = {}
    for name in ("torch", "fused"):
        engine = Engine.of(trained, replace(trained.infer, engine=name, batch_size=2))
        engine.load(state, trained.prune, 0)
        scores[name] = engine.predict(0.0, pixels)
    assert np.ptp(list(scores.values()), axis=0).max() < 1e-5
    grey = np.repeat(pixels[..., :1], 3, axis=3)
    again = Engine.of(in_grey(trained), trained.infer)
    again.load(state, trained.prune, 0)
    engine = Engine.of(trained, trained.infer)
    engine.load(state, trained.prune, 0)
    assert np.abs(again.predict(0.0, grey[..., 0]) - engine.predict(0.0, grey)).max() < 1e-6
    fresh = Recalibration(trained, trained.models, pixels).state(state)
    first = next(name for name in state if name.endswith("running_mean"))
    assert not torch.equal(fresh[first], state[first])
    checkpoint = next(Path(trained.models.checkpoints[0]).glob("*/chkpt.pt"))
    auto = replace(trained, infer=replace(trained.infer, engine="auto"))
    assert choose_engine(auto, checkpoint, pixels).rates
