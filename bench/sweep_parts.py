"""The parts of a sweep measured one by one against the published study's way: decode, masks, forward, metrics."""

import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import average_precision_score, precision_recall_fscore_support, roc_auc_score

from analysis.frames import NIH_CLASSES
from analysis.metrics.ranking import rank_quality
from analysis.metrics.ranks import spearman_rows
from analysis.sweep.data.image_cache import ImageCache, ensure_cache
from analysis.sweep.data_spec import DataSpec
from analysis.sweep.methods import find_method
from analysis.sweep.networks.architectures import build_classifier, prunable_names
from analysis.sweep.networks.checkpoints import State, read_checkpoint
from analysis.sweep.run.choose import choose_engine
from analysis.sweep.run.engine import Engine
from analysis.sweep.spec import SPARSITIES, InferSpec, PreprocessSpec, PruneSpec, SweepSpec
from bench.launch import launch
from bench.reference_loop import TestSplit, new_network, pruned
from bench.whole_analysis import drawn_labels

BATCH = 8
IMAGES, RUNS, ROWS = 21_081, 600, 19 * 21_081
"""The full NIH-CXR-LT sweep: test images, score files, correlations."""


NO_FIGURE = float("nan")
BF16_FLAGS = ("avx512_bf16", "amx_bf16", "bf16")
"""How the kernel names the units of x86 and ARM processors that multiply in bf16."""


@dataclass(frozen=True)
class Row:
    """One line of the bench; smaller is better for both figures."""

    name: str
    reference: float
    ours: float
    unit: str
    note: str = ""

    def line(self) -> str:
        """Write the line; without a figure of ours there is no ratio."""
        if np.isnan(self.ours):
            return f"{self.name:34s} {self.reference:12.4g} {'-':>12s} {'':5s} {'':8s}  {self.note}"
        figures = (
            f"{self.reference:12.4g} {self.ours:12.4g} {self.unit:<5s} {self.reference / self.ours:7.1f}x"
        )
        return f"{self.name:34s} {figures}  {self.note}"


@dataclass(frozen=True)
class Parts:
    """The lines of the parts, and of each (precision, engine): images per second, seconds until its first image.

    `no_bf16`: why nothing was measured in bf16; empty where it was.
    """

    rows: list[Row]
    rates: Mapping[tuple[str, str], float]
    starts: Mapping[tuple[str, str], float]
    no_bf16: str

    def soonest(self, precision: str, images: int) -> str:
        """Return the engine that is done first with so many images, its start included; empty without any."""
        ends = {
            name: self.starts[key] + images / rate
            for key in self.rates
            if key[0] == precision
            for name, rate in [(key[1], self.rates[key])]
        }
        return min(ends, key=lambda name: ends[name]) if ends else ""


def seconds(work: Callable[[], object], rounds: int = 1) -> float:
    """Return the best of some rounds."""
    best = np.inf
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - began)
    return float(best)


def measure_parts(root: Path, cores: int) -> Parts:
    """Measure all parts on the inputs below `root`."""
    checkpoint = next((root / "trained_models").glob("*/chkpt.pt"))
    decode, cache = decoding(root)
    pruning = masks(checkpoint)
    forward = forward_pass(checkpoint, cache, cores)
    return replace(forward, rows=[decode, pruning, *forward.rows, *metrics()])


def decoding(root: Path) -> tuple[Row, ImageCache]:
    """Decode each image as the reference does at every ratio, and into the cache, on one core each."""
    split, files = TestSplit(root), sorted((root / "images").iterdir())
    names, count = [file.name for file in files], min(len(files), 24)
    theirs = seconds(lambda: [split[place] for place in range(count)]) / count
    preprocess = PreprocessSpec()
    began = time.perf_counter()
    cache = ensure_cache(root / "cache", names, files, preprocess, workers=1)
    ours = (time.perf_counter() - began) / len(files)
    again = ensure_cache(root / "cache", names, files, preprocess)
    note = f"per image, one core; then 600 times against once ({cache.decoded} decoded, then {again.decoded})"
    return Row("decode", 1e3 * theirs, 1e3 * ours, "ms", note), cache


def masks(checkpoint: Path) -> Row:
    """Prune to 19 ratios: torch's own pruning (3 measured) against all 19 of ours, from the weights on."""
    state = read_checkpoint(checkpoint).state
    names = prunable_names(build_classifier("resnet50", len(NIH_CLASSES), device="meta"))
    layers = [state[name] for name in names]
    networks = [new_network(state, "cpu") for _ in range(3)]
    theirs = 19 / 3 * seconds(lambda: [pruned(n, k) for n, k in zip(networks, (0.1, 0.5, 0.9), strict=True)])

    def ours() -> None:
        made = find_method("global_l1").compress([layer.numpy() for layer in layers], SPARSITIES)
        for sparsity in SPARSITIES[1:]:
            made.weights(sparsity, layers)

    ours()
    note = "from the weights on; reference: 3 measured"
    return Row("masks, 19 ratios", theirs, seconds(ours, 3), "s", note)


def forward_pass(checkpoint: Path, cache: ImageCache, cores: int) -> Parts:
    """Measure a plain forward pass and every installed engine, per image."""
    torch.set_num_threads(cores)
    state = read_checkpoint(checkpoint).state
    network = new_network(state, "cpu").eval()
    x = torch.randn(BATCH, 3, 256, 256)
    with torch.no_grad():
        network(x)
        theirs = 1e3 * seconds(lambda: network(x), 3) / BATCH
    spec = SweepSpec(data=DataSpec(name="bench", images=Path()), infer=InferSpec(threads=cores))
    no_bf16 = without_bf16()
    rows, rates, starts = [], {}, {}
    for precision in ("fp32",) if no_bf16 else ("fp32", "bf16"):
        infer = replace(spec.infer, precision=precision)
        choice = choose_engine(replace(spec, infer=infer), checkpoint, cache.pixels())
        for name, rate in choice.rates.items():
            start = seconds(partial(started, replace(infer, engine=name), state))
            note = f"per image; {start:.1f} s until the first"
            rows.append(Row(f"forward, {name} {precision}", theirs, 1e3 / rate, "ms", note))
            rates[precision, name], starts[precision, name] = rate, start
        for name, why in choice.refused.items():
            rows.append(Row(f"forward, {name} {precision}", theirs, NO_FIGURE, "", why))
    if no_bf16:
        rows.append(Row("forward, bf16", theirs, NO_FIGURE, "", no_bf16))
    return Parts(rows, rates, starts, no_bf16)


def started(infer: InferSpec, state: State) -> None:
    """Make an engine ready for its first image at two ratios, as a whole process must."""
    engine = Engine("resnet50", len(NIH_CLASSES), infer)
    engine.load(state, PruneSpec(sparsities=(0.0, 0.9)), 0)
    for sparsity in (0.0, 0.9):
        engine.backend.write(engine.weights(sparsity))


def without_bf16() -> str:
    """Say why bf16 is not measured: a processor without a unit for it works with it slower than in fp32."""
    try:
        flags = Path("/proc/cpuinfo").read_text().split()
    except OSError:
        return "not measured: this system does not tell what its processor can multiply"
    some = any(flag in flags for flag in BF16_FLAGS)
    return "" if some else f"not measured: this processor has none of {', '.join(BF16_FLAGS)}"


def metrics() -> list[Row]:
    """Measure AP and AUC, correlations, and all metrics of the full sweep (the reference's are extrapolated)."""
    draw = np.random.default_rng(0)
    labels = drawn_labels(IMAGES, 20)
    scores = draw.random((4, IMAGES, 20), np.float32)
    rank_quality(labels, scores[0])  # compile
    spearman_rows(scores[0][:9], scores[1][:9])

    def evaluation() -> None:
        average_precision_score(labels, scores[0], average=None)
        roc_auc_score(labels, scores[0], average=None)

    theirs_ap = seconds(evaluation, 3)
    theirs_f1 = seconds(lambda: precision_recall_fscore_support(labels, scores[0].round(), zero_division=0))
    ours_ap = seconds(lambda: [rank_quality(labels, scores[run % 4]) for run in range(25)], 4) / 25
    one, two = pd.DataFrame(scores[0][:3000]), pd.DataFrame(scores[1][:3000])
    theirs_rho = seconds(lambda: one.corrwith(two, method="spearman", axis=1)) / 3000
    ours_rho = seconds(lambda: spearman_rows(scores[0], scores[1]), 3) / IMAGES
    theirs = RUNS * (theirs_ap + theirs_f1) + ROWS * theirs_rho
    done = launch([sys.executable, "-m", "bench.whole_analysis"])
    ours = json.loads(done.output)
    size = (
        f"{RUNS} runs x {IMAGES} x 20, {ours['threads']} threads, {done.mib / 1024:.2f} GiB with the scores"
    )
    return [
        Row("AP and AUC, 20 classes", 1e3 * theirs_ap, 1e3 * ours_ap, "ms", f"{IMAGES} images, one core, scikit-learn"),
        Row("Spearman", 1e6 * theirs_rho, 1e6 * ours_rho, "us", "per image, one core, pandas corrwith"),
        Row("whole analysis", theirs, ours["seconds"], "s", f"{size}; reference extrapolated from 3 runs, 3000 rows"),
    ]  # fmt: skip
