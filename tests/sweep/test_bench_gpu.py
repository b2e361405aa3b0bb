"""The bench for a GPU host, tried on a processor with nothing installed but what such a host has."""

import re
import subprocess
import sys

import pytest
import torch

from bench import reference_loop
from bench.gpu import spread
from bench.gpu_measures import operations_per_image
from bench.sweep_inputs import write_inputs
from tests.docs.drawn import ROOT

ALONE = [sys.executable, "-m", "tests.sweep.standing_alone", "bench.gpu"]
SMALL = [
    # `auto` may choose another engine where neighbours slow the measurement; its scores then differ in the last bits.
    *("--engine", "torch"),
    *("--device", "cpu", "--images", "5", "--size", "64", "--architecture", "resnet18"),
    *("--ratios", "3", "--workers", "1", "--batch-size", "4"),
]


def bench(*arguments):
    return subprocess.run([*ALONE, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def printed():
    done = bench(*SMALL)
    assert done.returncode == 0, done.stderr
    return done.stdout


def figure(printed, pattern):
    return float(re.search(pattern, printed).group(1))


def test_it_says_that_it_is_no_gpu(printed):
    first, *_, last = printed.splitlines()
    assert "CPU, NOT A GPU" in first
    assert re.search(r"'torch': '\d", first)
    assert last == "CPU: none of these figures is a GPU's"


def test_each_image_is_decoded_once_and_the_units_decode_none(printed):
    assert "5 decodes" in printed
    assert (
        re.findall(r"unit \d, 3 ratios: .*; (\d+) decodes, (\d+) image uploads", printed) == [("0", "0")] * 2
    )


def test_scores_are_the_reference_loops(printed):
    assert figure(printed, r"from the reference's: (\S+)") < 1e-5
    assert "fp32 against fp32: score 0," in printed


def test_the_share_follows_from_the_figures_beside_it(printed):
    limit = 1e12 * figure(printed, r"matrix products, fp32: (\S+) TFLOP")
    rate, asked = figure(printed, r"ours: (\S+) images/s, \S+ with"), figure(printed, r"(\S+) GFLOP an image")
    share = figure(printed, r"share of the fp32 matrix-product rate: (\S+) %")
    assert share == pytest.approx(100 * rate * asked * 1e9 / limit, rel=0.02, abs=0.06)


def test_the_projection_multiplies_decoding_and_not_the_choice_of_an_engine(printed):
    prepared, decoding = (
        figure(printed, r"prepared in (\S+) s"),
        figure(printed, r"5 decodes in (\S+) s of it"),
    )
    unit = re.search(r"unit 2, 3 ratios: (\S+) s \(loading (\S+), weights (\S+)\)", printed)
    loading, writing = float(unit.group(2)), float(unit.group(3))
    rate = figure(printed, r"ours: (\S+) images/s, \S+ with")
    said = 60 * figure(printed, r"projected, .*: ours (\S+) min")
    preparing = prepared - decoding + 21_081 * decoding / 5
    wanted = preparing + 30 * (loading + writing * 20 / 3 + 20 * 21_081 / rate)
    slack = 0.05 + 0.005 * (21_081 / 5 + 30 * (1 + 20 / 3))  # what the printed digits leave open
    assert said == pytest.approx(wanted, rel=1e-3, abs=slack)
    assert prepared > decoding


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
