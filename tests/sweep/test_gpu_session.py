"""The script for a lent GPU, tried at toy sizes where neither Django nor pytest's plugins can be imported."""

import json
import os
import subprocess
import sys

from tests.docs.drawn import ROOT
from tests.sweep.test_bench_gpu import PARTS

ALONE = (
    f'#!/bin/sh\nif [ "$1" = -m ]; then shift; fi\nexec {sys.executable} -m tests.sweep.standing_alone "$@"\n'
)
"""An interpreter in which other installed libraries cannot be imported."""


def session(tmp_path, *arguments, **more):
    python = tmp_path / "python"
    python.write_text(ALONE)
    python.chmod(0o755)
    environment = os.environ | {"PYTHON": str(python), "SECONDS_IN_ALL": "900", "NETWORKS": ""} | more
    return subprocess.run(
        ["bench/gpu_session.sh", str(tmp_path / "out"), *arguments],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_it_runs_tests_and_bench_into_one_folder(tmp_path):
    done = session(tmp_path, "--toy")
    out = tmp_path / "out"
    assert done.returncode == 0, done.stdout + done.stderr
    steps = [line.split("\t") for line in (out / "steps.tsv").read_text().splitlines()]
    assert [(name, status) for name, status, _ in steps] == [("host", "0"), ("tests", "0"), ("resnet18", "0")]
    tests = (out / "tests.txt").read_text()
    assert "skipped" in tests or "passed" in tests
    assert "error" not in tests
    assert set(json.loads((out / "resnet18.json").read_text())) == PARTS
    assert "largest difference of a score" in (out / "resnet18.txt").read_text()


def test_it_begins_nothing_when_the_time_is_over_and_says_so(tmp_path):
    done = session(tmp_path, "--toy", SECONDS_IN_ALL="10")
    assert done.returncode == 0
    steps = (tmp_path / "out" / "steps.tsv").read_text().splitlines()
    assert [line.split("\t")[1] for line in steps] == ["not begun"] * 3


def test_a_step_that_fails_fails_the_session(tmp_path):
    broken = tmp_path / "broken"
    broken.write_text('#!/bin/sh\ncase "$*" in *"-m pytest"*) exit 1 ;; *bench.gpu*) exit 3 ;; esac\n')
    broken.chmod(0o755)
    done = session(tmp_path, "--toy", PYTHON=str(broken))
    assert done.returncode == 1
    assert "tests\t1" in done.stdout
    assert "resnet18\t3" in done.stdout


def test_it_says_what_it_expects(tmp_path):
    done = session(tmp_path, "--fast")
    assert (done.returncode, done.stderr) == (2, "expected --toy or nothing, got --fast\n")
