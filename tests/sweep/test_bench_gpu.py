"""The bench for a GPU host, tried on a processor with nothing installed but what such a host has."""

import json
import re
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from bench import reference_loop
from bench.gpu import ARCHITECTURES, arguments_of, spread
from bench.gpu_inputs import drawn_labels, marked, trained
from bench.gpu_measures import Busy, operations_per_image
from bench.sweep_inputs import drawn, write_inputs
from tests.docs.drawn import ROOT

ALONE = [sys.executable, "-m", "tests.sweep.standing_alone", "bench.gpu"]
# `auto` may choose another engine where neighbours slow the measurement; its scores then differ in the last bits.
SMALL = ["--engine", "torch", "--device", "cpu", "--toy", "--architecture", "resnet18"]
PARTS = {
    "host", "asked", "limits", "training", "networks", "reference", "prepared", "units", "against_fp32",
    "reference_distance", "projected", "seconds",
}  # fmt: skip
"""What the file of results holds in the end."""


def bench(*arguments):
    return subprocess.run([*ALONE, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """What a toy bench printed, and its file of results."""
    file = tmp_path_factory.mktemp("bench") / "results.json"
    done = bench(*SMALL, "--json", str(file))
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(file.read_text())


def test_it_says_that_it_is_no_gpu(made):
    printed, results = made
    first, *_, last = printed.splitlines()
    assert "CPU, NOT A GPU" in first
    assert re.search(r"'torch': '\d", first)
    assert last == "CPU: none of these figures is a GPU's"
    assert "NOT A GPU" in results["host"]["device"]
    assert set(results) == PARTS


def test_each_image_is_decoded_once_and_the_units_decode_none(made):
    printed, results = made
    assert "6 decodes" in printed
    assert [(unit["decodes"], unit["uploads"]) for unit in results["units"]["each"]] == [(0, 0)] * 3


def test_scores_are_the_reference_loops(made):
    _, results = made
    assert results["reference_distance"] < 1e-5
    assert results["against_fp32"]["run"]["score_difference"] == 0
    assert results["against_fp32"]["bf16"]["score_difference"] > 0


def test_the_share_follows_from_the_figures_beside_it(made):
    _, results = made
    units, limit = results["units"], results["limits"]["products_per_second"]["fp32"]
    later = units["each"][1:]
    busy, seconds = sum(unit["busy"] for unit in later), sum(unit["seconds"] for unit in later)
    assert 0 < busy < seconds
    assert units["busy_share"] == pytest.approx(busy / seconds)
    assert units["images_per_second"] == pytest.approx(6 * 3 * 2 / busy)
    asked = operations_per_image("resnet18", 20, 64)
    assert units["share_of_products"] == pytest.approx(units["images_per_second"] * asked / limit)


def test_the_projection_multiplies_decoding_and_not_the_choice_of_an_engine(made):
    _, results = made
    prepared, units = results["prepared"], results["units"]
    preparing = prepared["seconds"] - prepared["decoding"] + 21_081 * prepared["decoding"] / 6
    later = units["each"][1:]
    idle = sum(unit["seconds"] - unit["busy"] for unit in later) / len(later)
    wanted = preparing + 30 * (idle * 20 / 3 + 20 * 21_081 / units["images_per_second"])
    assert results["projected"]["ours_minutes"] == pytest.approx(wanted / 60)
    assert results["projected"]["from_units"] == 3
    more = (54_268 - 21_081) * (prepared["decoding"] / 6 + 600 / units["images_per_second"])
    assert results["projected"]["mimic_minutes"] == pytest.approx((wanted + more) / 60)
    computing = 600 * 21_081 / units["images_per_second"]
    assert results["projected"]["busy_share"] == pytest.approx(computing / (computing + 600 * idle / 3))
    per_ratio = results["reference"]["seconds_per_ratio"]
    assert results["projected"]["reference_hours"] == pytest.approx(600 * per_ratio * 21_081 / 6 / 3600)


def test_a_network_of_one_size_is_tried_at_that_size():
    assert arguments_of(["--device", "cpu", "--toy", "--architecture", "vit_b_16"]).size == 224
    assert arguments_of(["--device", "cpu", "--toy"]).size == 64


def test_training_is_measured_for_the_network_and_a_small_one(made):
    _, results = made
    (rate,) = results["training"]  # a ResNet-18 at 64 pixels is both
    assert rate["images_per_second"] > 0
    assert rate["recipe_hours"] == pytest.approx(30 * 60 * 78_506 / rate["images_per_second"] / 3600)
    assert not rate["recorded"]
    assert len(results["networks"]["validation_map"]) == 2


def test_a_network_that_the_published_loop_cannot_build_and_given_weights(tmp_path):
    file = tmp_path / "out.json"
    weights = tmp_path / "given.pt"
    torch.manual_seed(0)
    from analysis.sweep.networks.architectures import build_classifier

    torch.save({"weights": build_classifier("mobilenet_v3_small", 20).state_dict()}, weights)
    few = ("--device", "cpu", "--toy", "--architecture", "mobilenet_v3_small", "--engine", "torch")
    done = bench(*few, "--json", str(file), "--weights", str(weights))
    assert done.returncode == 0, done.stderr
    assert "the published loop needs a head named fc" in done.stdout
    results = json.loads(file.read_text())
    assert results["networks"] == {"networks": 1, "given": ["given.pt"]}
    assert PARTS - set(results) == {"reference", "reference_distance"}


def test_a_bench_that_is_cut_off_leaves_what_it_has(tmp_path):
    file = tmp_path / "out.json"
    done = bench(*SMALL, "--json", str(file), "--weights", str(tmp_path / "none.pt"))
    assert done.returncode != 0
    assert {"limits", "training"} <= set(json.loads(file.read_text()))


def test_pictures_show_their_labels_and_networks_learn_them():
    labels = drawn_labels(64, 5)
    assert labels.sum(axis=0)[0] > labels.sum(axis=0)[-1]
    plain, seen = drawn(3, 64).astype(int), marked(3, np.eye(20, dtype=np.float32)[7], 64).astype(int)
    changed = np.abs(plain - seen) > 4
    assert 0 < changed.mean() < 0.2
    assert np.abs(np.argwhere(changed).mean(axis=0) / 64 - [1.5 / 4, 2.5 / 5]).max() < 0.1
    given = SimpleNamespace(train_images=160, size=32, device="cpu", architecture="resnet8", epochs=6, networks=1,
                            train_precision="fp32")  # fmt: skip
    states, said = trained(given)
    assert len(states) == 1
    assert said["images"] == 140
    assert said["validation_map"][0] > 0.2  # the mean share of positives is .12


def test_busy_seconds_are_those_of_the_batches():
    class Backend:
        def __init__(self):
            self._replay = lambda: None

    backend, busy = Backend(), Busy("cpu")
    busy.watch(backend)
    busy._now = iter([1.0, 2.0, 5.0, 5.5]).__next__
    backend._replay()
    backend._replay()
    assert busy.seconds() == 1.5
    assert busy.seconds() == 0


def test_arguments_by_network_and_device():
    assert arguments_of([]).precision == "fp16"
    assert [arguments_of(["--architecture", name]).size for name in ARCHITECTURES] == [
        256,
        256,
        256,
        224,
        256,
    ]
    assert arguments_of(["--device", "cpu"]).train_precision == "fp32"
    assert arguments_of([]).units >= 30


@pytest.mark.skipif(torch.cuda.is_available(), reason="[gpu] this host has a GPU")
def test_the_published_loop_searches_for_kernels_as_the_study_did(tmp_path):
    write_inputs(tmp_path, 1, 1, "resnet18", 64)
    cudnn = torch.backends.cudnn
    before = cudnn.deterministic, cudnn.benchmark
    try:
        cudnn.deterministic, cudnn.benchmark = False, False
        choices = {"batch_size": 1, "workers": 0, "device": "cpu", "architecture": "resnet18", "size": 64}
        next(reference_loop.sweep(tmp_path, tmp_path / "out", [0.0], **choices))
        assert (cudnn.deterministic, cudnn.benchmark) == (True, True)
    finally:
        cudnn.deterministic, cudnn.benchmark = before


def test_without_a_gpu_it_says_so_and_measures_nothing():
    done = bench()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("expected a CUDA device that works with this torch, got none")
    assert "--device cpu" in done.stderr


def test_operations_of_the_published_network():
    """One multiplication and one addition of each of 5.34 G products: 224 pixels give the known 4.09 G."""
    assert operations_per_image("resnet50", 20, 256) == pytest.approx(10.68e9, rel=1e-3)
    assert operations_per_image("resnet50", 1000, 224) == pytest.approx(2 * 4.09e9, rel=2e-3)


def test_fewer_ratios_still_begin_dense():
    assert spread(3) == (0.0, 0.5, 0.95)
    assert len(spread(20)) == 20
