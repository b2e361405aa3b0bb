"""Ours against the published study's loop, side by side on the same files: python -m bench.sweep (under 3 minutes).

Prints ratios; asserts that predictions and exemplars are equal, and nothing about speed. On a machine that does
other work trust the ratios only.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from bench.sweep_inputs import DATASET, write_inputs
from bench.sweep_parts import Row, measure_parts

RATIOS = (0.0, 0.9)
TUNED = {
    "MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1), "MALLOC_TOP_PAD_": str(64 << 20)
}  # fmt: skip
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


def whole_process(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Run a command; return its seconds and the peak memory of it or one of its children, in MiB."""
    began = time.perf_counter()
    child = subprocess.Popen(
        command, env=os.environ | environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert child.stderr is not None
    said = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(said.decode())
    return time.perf_counter() - began, usage.ru_maxrss / 1024


class EndToEnd:
    """Whole processes of both, each into a folder of its own."""

    def __init__(self, root: Path, cores: int) -> None:
        self.root, self.cores, self.count = root, cores, 0
        self.results: dict[str, list[tuple[float, float]]] = {}
        self.folders: dict[str, Path] = {}

    def reference(self, name: str, environment: dict[str, str]) -> None:
        """Run the published loop."""
        out = self._folder(name)
        command = [sys.executable, "-m", "bench.reference_loop", str(self.root), str(out)]
        command += [str(ratio) for ratio in RATIOS] + ["--workers", str(self.cores)]
        self.results.setdefault(name, []).append(whole_process(command, environment))

    def ours(self, name: str, engine: str, precision: str) -> None:
        """Run `python -m analysis.sweep` with its image cache absent."""
        out = self._folder(name)
        spec = self.root / f"{name}.toml".replace(" ", "-")
        ratios = ", ".join(map(str, RATIOS))
        spec.write_text(SPEC.format(dataset=DATASET, ratios=ratios, engine=engine, precision=precision))
        command = [sys.executable, "-m", "analysis.sweep", str(spec), "--out", str(out)]
        command += ["--cache", str(out) + "-cache"]
        self.results.setdefault(name, []).append(whole_process(command, {}))

    def _folder(self, name: str) -> Path:
        self.count += 1
        self.folders[name] = self.root / "runs" / f"{self.count}"
        self.folders[name].parent.mkdir(exist_ok=True)
        return self.folders[name]

    def seconds(self, name: str) -> float:
        """Return the best of the runs."""
        return min(seconds for seconds, _ in self.results[name])

    def mib(self, name: str) -> float:
        """Return the highest memory of the runs."""
        return max(memory for _, memory in self.results[name])


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


def end_to_end(root: Path, cores: int, engine: str, bf16: str | None, pairs: int) -> list[Row]:
    """Run all processes, interleaved, and compare what they predict."""
    runs = EndToEnd(root, cores)
    for _ in range(pairs):
        runs.reference("reference", {})
        runs.ours("ours", engine, "fp32")
    runs.reference("reference, tuned malloc", TUNED)
    if bf16:
        runs.ours("ours bf16", bf16, "bf16")
    off, same = compare_predictions(runs.folders["reference"], runs.folders["ours"])
    assert off <= 1e-5, f"a score differs by {off}"
    assert same, "other exemplars"
    base, best = runs.seconds("reference"), runs.seconds("ours")
    rows = [
        Row(
            "end to end, whole processes",
            base,
            best,
            "s",
            f"{engine} fp32; scores within {off:.1g}, same exemplars",
        ),
        Row(
            "  against tuned malloc",
            runs.seconds("reference, tuned malloc"),
            best,
            "s",
            "the reference with mallopt",
        ),
    ]
    if bf16:
        off, same = compare_predictions(runs.folders["reference"], runs.folders["ours bf16"])
        kept = "same exemplars" if same else "other exemplars"
        rows.append(
            Row(
                "  reduced precision by choice",
                base,
                runs.seconds("ours bf16"),
                "s",
                f"{bf16} bf16; scores within {off:.1g}, {kept}",
            )
        )
    rows.append(
        Row(
            "peak memory of a process",
            runs.mib("reference"),
            runs.mib("ours"),
            "MiB",
            "the largest of its processes",
        )
    )
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--pairs", type=int, default=2)
    given = parser.parse_args()
    began, cores = time.perf_counter(), os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_inputs(root, given.images, 1)
        parts = measure_parts(root, cores)
        rows = parts.rows + end_to_end(root, cores, parts.engine, parts.bf16, given.pairs)
    print(
        f"{datetime.now(UTC).date()}, {platform.machine()}, {cores} cores, load {os.getloadavg()[0]:.1f} at the end"
    )
    print(
        f"ResNet-50, {given.images} PNGs of 1024 x 1024, ratios {RATIOS}, best of {given.pairs} interleaved pairs"
    )
    print(f"{'':34s} {'reference':>12s} {'ours':>12s}       {'ratio':>8s}")
    for row in rows:
        print(row.line())
    print(f"whole bench: {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
