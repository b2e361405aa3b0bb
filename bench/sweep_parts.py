"""The parts of a sweep measured one by one against the published study's way: decode, masks, forward, metrics."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import average_precision_score, precision_recall_fscore_support, roc_auc_score

from analysis.frames import NIH_CLASSES
from analysis.metrics.decisions import f1_at
from analysis.metrics.ranking import rank_quality
from analysis.metrics.ranks import spearman_rows
from analysis.sweep.architectures import build_classifier, prunable_names
from analysis.sweep.checkpoints import read_checkpoint
from analysis.sweep.choose import choose_engine
from analysis.sweep.image_cache import ImageCache, ensure_cache
from analysis.sweep.methods import find_method
from analysis.sweep.spec import SPARSITIES, DataSpec, InferSpec, PreprocessSpec, SweepSpec
from bench.reference_loop import TestSplit, new_network, pruned

BATCH = 8
IMAGES, RUNS, ROWS = 21_081, 600, 19 * 21_081
"""The full NIH-CXR-LT sweep: test images, score files, correlations."""


@dataclass(frozen=True)
class Row:
    """One line of the bench; smaller is better for both figures."""

    name: str
    reference: float
    ours: float
    unit: str
    note: str = ""

    def line(self) -> str:
        """Write the line."""
        figures = (
            f"{self.reference:12.4g} {self.ours:12.4g} {self.unit:<5s} {self.reference / self.ours:7.1f}x"
        )
        return f"{self.name:34s} {figures}  {self.note}"


@dataclass(frozen=True)
class Parts:
    """The lines of the parts, and the engines that `auto` takes here (None: none for bf16)."""

    rows: list[Row]
    engine: str
    bf16: str | None


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
    forward, engine, bf16 = forward_pass(checkpoint, cache, cores)
    return Parts([decode, masks(checkpoint), *forward, *metrics()], engine, bf16)


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
    return Row("masks, 19 ratios", theirs, seconds(ours, 2), "s", "reference: 3 measured")


def forward_pass(checkpoint: Path, cache: ImageCache, cores: int) -> tuple[list[Row], str, str | None]:
    """Measure a plain forward pass and every installed engine, per image."""
    torch.set_num_threads(cores)
    network = new_network(read_checkpoint(checkpoint).state, "cpu").eval()
    x = torch.randn(BATCH, 3, 256, 256)
    with torch.no_grad():
        network(x)
        theirs = seconds(lambda: network(x), 3) / BATCH
    data = DataSpec(name="bench", images=Path())
    spec = SweepSpec(data=data, infer=InferSpec(threads=cores))
    exact = choose_engine(spec, checkpoint, cache.pixels())
    reduced = choose_engine(
        replace(spec, infer=replace(spec.infer, precision="bf16")), checkpoint, cache.pixels()
    )
    rows = []
    for precision, choice in (("fp32", exact), ("bf16", reduced)):
        for name, rate in choice.rates.items():
            rows.append(Row(f"forward, {name} {precision}", 1e3 * theirs, 1e3 / rate, "ms", "per image"))
        rows += [
            Row(f"forward, {name} {precision}", np.nan, np.nan, "", why)
            for name, why in choice.refused.items()
        ]
    return rows, exact.engine, reduced.engine if reduced.rates else None


def metrics() -> list[Row]:
    """Measure AP and AUC, correlations, and both at the size of the full sweep (extrapolated on both sides)."""
    draw = np.random.default_rng(0)
    labels = (draw.random((IMAGES, 20)) < np.geomspace(0.3, 0.002, 20)).astype(np.int64)
    scores = draw.random((4, IMAGES, 20), np.float32)
    rank_quality(labels, scores[0])  # compile
    f1_at(labels, scores[0])
    spearman_rows(scores[0][:9], scores[1][:9])

    def evaluation() -> None:
        average_precision_score(labels, scores[0], average=None)
        roc_auc_score(labels, scores[0], average=None)

    theirs_ap = seconds(evaluation, 3)
    theirs_f1 = seconds(lambda: precision_recall_fscore_support(labels, scores[0].round(), zero_division=0))
    ours_ap = seconds(lambda: [rank_quality(labels, scores[run % 4]) for run in range(25)], 4) / 25
    ours_f1 = seconds(lambda: f1_at(labels, scores)) / 4
    one, two = pd.DataFrame(scores[0][:1000]), pd.DataFrame(scores[1][:1000])
    theirs_rho = seconds(lambda: one.corrwith(two, method="spearman", axis=1), 3) / 1000
    ours_rho = seconds(lambda: spearman_rows(scores[0], scores[1]), 3) / IMAGES
    theirs = RUNS * (theirs_ap + theirs_f1) + ROWS * theirs_rho
    ours = RUNS * (ours_ap + ours_f1) + ROWS * ours_rho
    return [
        Row("AP and AUC, 20 classes", 1e3 * theirs_ap, 1e3 * ours_ap, "ms", f"{IMAGES} images, one core, scikit-learn"),
        Row("Spearman", 1e6 * theirs_rho, 1e6 * ours_rho, "us", "per image, one core, pandas corrwith"),
        Row("whole analysis, 600 runs", theirs, ours, "s", "one core, from the lines above and F1"),
    ]  # fmt: skip
