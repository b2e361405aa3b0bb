"""A run is analysed from its files: memory follows one file, not all of them."""

import re
import subprocess
import sys

import pytest

from tests.docs.drawn import ROOT

IMAGES, CLASSES, SPARSITIES = 6_000, 20, 20


def analysed(*arguments):
    """Run the bench; return its status, the peak memory in MiB of the process that analyses, and what was printed."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.findings", "--no-report", "--classes", str(CLASSES), *map(str, arguments)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = re.search(r"peak memory (\S+) GiB", done.stdout)
    assert found, done.stderr
    return done.returncode, 1024 * float(found.group(1)), done.stdout


def test_more_networks_take_no_more_memory_and_the_bound_is_enforced():
    """Five networks more are 100 files: 48 MB as they lie, 96 MB as one float64 array; neither is held."""
    kept, few, _ = analysed("--images", IMAGES, "--seeds", 2)
    more_kept, more, said = analysed("--images", IMAGES, "--seeds", 7, "--bound", 0.1)
    added_files = 4 * 5 * SPARSITIES * IMAGES * CLASSES / 2**20
    assert more - few < 0.3 * added_files
    assert kept == 0
    assert more_kept == 1
    assert "bound 0.1 GiB: NOT KEPT" in said


def test_the_launcher_does_not_inherit_its_parents_peak():
    """A parent that held 400 MiB starts a child that holds next to nothing."""
    code = (
        "import sys; from bench.launch import launch\n"
        "held = bytearray(400 << 20); held[::4096] = b'x' * len(held[::4096]); del held\n"
        "small = launch([sys.executable, '-S', '-c', 'print(1)'])\n"
        "filled = 'x = bytearray(200 << 20); x[::4096] = bytes(51200); print(2)'\n"
        "large = launch([sys.executable, '-S', '-c', filled])\n"
        "print(small.mib, large.mib, small.output, large.output)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    small, large, *said = done.stdout.split()
    assert float(small) < 50
    assert 200 <= float(large) < 260
    assert said == ["1", "2"]


def test_the_launcher_tells_what_a_failed_command_said():
    from bench.launch import launch

    with pytest.raises(RuntimeError, match="no such thing"):
        launch([sys.executable, "-S", "-c", "raise SystemExit('no such thing')"])
