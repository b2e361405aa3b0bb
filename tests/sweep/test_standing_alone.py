"""A sweep on a host that has only torch, torchvision, numpy, numba, pandas and Pillow."""

import subprocess
import sys

import pandas as pd

from tests.docs.drawn import ROOT
from tests.sweep.standing_alone import refused_modules

TOML = """
[data]
name = "tiny"
images = "images"
labels_test = "labels/{labels}"
[preprocess]
size = 32
[models]
architecture = "shufflenet_v2_x0_5"
checkpoints = "trained_models"
[prune]
sparsities = [0, 0.9]
[infer]
threads = 1
"""


def alone(*arguments):
    """Run a module while all else is refused."""
    return subprocess.run(
        [sys.executable, "-m", "tests.sweep.standing_alone", *map(str, arguments)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_hook_refuses_what_is_installed():
    refused = refused_modules()
    assert not {"torch", "torchvision", "numpy", "numba", "pandas", "PIL", "json"} & refused
    assert {"django", "rich", "pydicom", "cv2", "sklearn", "scipy", "timm"} <= refused
    assert "No module named 'rich'" in alone("timeit", "-n1", "-r1", "import rich").stderr


def test_a_whole_sweep(tiny):
    spec = tiny.root / "spec.toml"
    spec.write_text(TOML.format(labels=tiny.labels_test.name))
    done = alone("analysis.sweep", spec, "--out", tiny.out)
    assert done.returncode == 0, done.stderr
    assert "decode: 4 of 4" in done.stderr  # plain lines take the place of bars
    assert len(pd.read_csv(tiny.out / "metrics.csv")) == 2 * 2 * 20


def test_errors_are_sentences_there_too(tiny):
    spec = tiny.root / "spec.toml"
    spec.write_text(TOML.format(labels=tiny.labels_test.name))
    tiny.labels_test.unlink()
    done = alone("analysis.sweep", spec, "--out", tiny.out)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
