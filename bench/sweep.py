"""Ours against the published study's loop, side by side on the same files: python -m bench.sweep (under 3 minutes).

Prints ratios; asserts that predictions and exemplars are equal, and nothing about speed. On a machine that does
other work trust the ratios only.
"""

import argparse
import os
import platform
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.sweep.device import library_versions
from bench.launch import TUNED, Launched, launch
from bench.sweep_inputs import DATASET, write_inputs
from bench.sweep_parts import NO_FIGURE, Parts, Row, measure_parts

IMAGES, RATIOS = 96, (0.0, 0.9)
SPEC = """
[data]
name = "{dataset}"
images = "images"
labels_test = "labels/miccai2023_{dataset}_labels_test.csv"
[models]
checkpoints = "trained_models"
seeds = [0]
[prune]
sparsities = [{ratios}]
[infer]
precision = "{precision}"
engine = "{engine}"
batch_size = 32
"""


class EndToEnd:
    """Whole processes of both, each into a folder of its own."""

    def __init__(self, root: Path, cores: int) -> None:
        self.root, self.cores, self.count = root, cores, 0
        self.results: dict[str, list[Launched]] = {}
        self.folders: dict[str, Path] = {}

    def reference(self, name: str, environment: dict[str, str]) -> None:
        """Run the published loop."""
        out = self._folder(name)
        command = [sys.executable, "-m", "bench.reference_loop", str(self.root), str(out)]
        command += [str(ratio) for ratio in RATIOS] + ["--workers", str(self.cores)]
        self.results.setdefault(name, []).append(launch(command, environment))

    def ours(self, name: str, engine: str, precision: str) -> None:
        """Run `python -m analysis.sweep` with its image cache absent."""
        out = self._folder(name)
        spec = self.root / f"{name}.toml".replace(" ", "-")
        ratios = ", ".join(map(str, RATIOS))
        spec.write_text(SPEC.format(dataset=DATASET, ratios=ratios, engine=engine, precision=precision))
        command = [sys.executable, "-m", "analysis.sweep", str(spec), "--out", str(out)]
        command += ["--cache", str(out) + "-cache"]
        self.results.setdefault(name, []).append(launch(command))

    def _folder(self, name: str) -> Path:
        self.count += 1
        self.folders[name] = self.root / "runs" / f"{self.count}"
        self.folders[name].parent.mkdir(exist_ok=True)
        return self.folders[name]

    def seconds(self, name: str) -> float:
        """Return the best of the runs."""
        return min(run.seconds for run in self.results[name])

    def mib(self, name: str) -> float:
        """Return the highest memory of the runs."""
        return max(run.mib for run in self.results[name])


def compare_predictions(reference: Path, ours: Path) -> tuple[float, bool]:
    """Return the largest difference of a score, and whether the exemplars are the same images."""
    scores = []
    for ratio in RATIOS:
        frame = pd.read_pickle(  # noqa: S301 - written a moment ago by this bench
            reference / f"{DATASET}_resnet50_seed-0_prune-{ratio:g}.pkl"
        )
        scores.append(
            (frame.drop(columns="label"), np.load(ours / "predictions" / f"seed-0_sparsity-{ratio:.2f}.npy"))
        )
    off = max(float(np.abs(theirs.to_numpy() - mine).max()) for theirs, mine in scores)
    count = max(1, int(0.05 * len(scores[0][0])))
    theirs = scores[0][0].corrwith(scores[1][0], method="spearman", axis=1).to_numpy()
    mine = (
        pd.DataFrame(scores[0][1]).corrwith(pd.DataFrame(scores[1][1]), method="spearman", axis=1).to_numpy()
    )
    return off, set(np.argsort(theirs)[:count]) == set(np.argsort(mine)[:count])


def end_to_end(root: Path, cores: int, parts: Parts, images: int, pairs: int) -> list[Row]:
    """Run all processes, interleaved, and compare what they predict."""
    exact, reduced = (parts.soonest(precision, images * len(RATIOS)) for precision in ("fp32", "bf16"))
    runs = EndToEnd(root, cores)
    for pair in range(pairs):
        runs.reference("reference", {})
        runs.ours("ours", exact, "fp32")
        if pair == pairs - 1:
            runs.reference("tuned", TUNED)
        if reduced:
            runs.ours("ours bf16", reduced, "bf16")
    off, same = compare_predictions(runs.folders["reference"], runs.folders["ours"])
    assert off <= 1e-5, f"a score differs by {off}"
    assert same, "other exemplars"
    base, tuned, best = (runs.seconds(name) for name in ("reference", "tuned", "ours"))
    note = f"{exact} fp32; scores within {off:.1g}, same exemplars"
    rows = [
        Row("end to end, whole processes", base, best, "s", note),
        Row("  against tuned malloc", tuned, best, "s", "the reference with mallopt, one run"),
    ]
    if reduced:
        off, same = compare_predictions(runs.folders["reference"], runs.folders["ours bf16"])
        note = f"{reduced} bf16; scores within {off:.1g}, {'same' if same else 'other'} exemplars"
        rows.append(Row("  reduced precision by choice", base, runs.seconds("ours bf16"), "s", note))
    else:
        rows.append(Row("  reduced precision by choice", base, NO_FIGURE, "", parts.no_bf16))
    memory = (runs.mib("reference"), runs.mib("ours"))
    return [*rows, Row("peak memory of a process", *memory, "MiB", "the largest of its processes")]


def processor() -> str:
    """Name the processor as the kernel does."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def versions() -> str:
    """Name the libraries that decide the speed."""
    names = ("torch", "numpy", "numba")
    return ", ".join(f"{name} {one}" for name, one in library_versions(*names).items() if name in names)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=IMAGES)
    parser.add_argument("--pairs", type=int, default=2)
    given = parser.parse_args()
    began, cores, began_load = time.perf_counter(), os.cpu_count() or 1, os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_inputs(root, given.images, 1)
        parts = measure_parts(root, cores)
        rows = parts.rows + end_to_end(root, cores, parts, given.images, given.pairs)
    load = f"load {began_load:.1f} at the start, {os.getloadavg()[0]:.1f} at the end"
    print(f"{datetime.now(UTC).date()}, {processor()}, {cores} cores, {load}")
    print(f"Python {platform.python_version()}, {versions()}")
    what = f"ResNet-50, {given.images} PNGs of 1024 x 1024, ratios {RATIOS}"
    print(f"{what}, best of {given.pairs} interleaved pairs")
    print(f"{'':34s} {'reference':>12s} {'ours':>12s}       {'ratio':>8s}")
    for row in rows:
        print(row.line())
    print(f"whole bench: {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
