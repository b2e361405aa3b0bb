"""The sweep on a GPU: how near the device's own limit, and how long the full sweep takes: python -m bench.gpu

Measures matrix products and copies first, on random data. Then draws images (2,048 PNGs) and two networks, runs the
published study's loop for 3 ratios and ours for 20 on the same files, and prints images per second, the share of the
matrix-product rate measured in the same call, decodes and uploads by unit, what the precision changes against tf32
and fp32, and the time that 600 units of 21,081 images would take. Needs only torch, torchvision, numpy, numba,
pandas and Pillow. Without a GPU it stops; `--device cpu --images 8 --size 64` tries the program, and says so.
"""

import argparse
import platform
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from analysis.conditions import DENSE
from analysis.frames import NIH_CLASSES
from analysis.sweep.data import image_cache
from analysis.sweep.data_spec import DataSpec
from analysis.sweep.device import library_versions
from analysis.sweep.run.acceptance import engine_notes
from analysis.sweep.run.engine import Engine
from analysis.sweep.run.prepare import Run, prepare_run
from analysis.sweep.run.units import Unit, Workspace, run_unit
from analysis.sweep.spec import SPARSITIES, InferSpec, ModelsSpec, PreprocessSpec, PruneSpec, SweepSpec
from bench import reference_loop
from bench.compared_scores import compare
from bench.gpu_measures import copy_rates, operations_per_image, product_rate, settle
from bench.sweep_inputs import DATASET, write_inputs

NIH_IMAGES, NIH_SEEDS = 21_081, 30
REFERENCE_RATIOS = (0.0, 0.5, 0.9)
NO_GPU = """\
expected a CUDA device that works with this torch, got none: nothing was measured.
To try the program on a processor: python -m bench.gpu --device cpu --images 8 --size 64 --architecture resnet18"""


@dataclass
class Counted:
    """Calls of the decoder, counted."""

    decodes: int = 0

    def watch(self) -> None:
        """Count each image that the cache decodes from now on."""
        real = image_cache.read_pixels

        def counted(*arguments: Any) -> Any:
            self.decodes += 1
            return real(*arguments)

        image_cache.read_pixels = counted


@dataclass(frozen=True)
class UnitTime:
    """One unit of ours: all ratios of a checkpoint."""

    seconds: float
    loading: float
    writing: float
    decodes: int
    uploads: int

    def rate(self, images: int, ratios: int) -> float:
        """Images per second, without loading and writing weights."""
        return images * ratios / (self.seconds - self.loading - self.writing)


def spread(count: int) -> tuple[float, ...]:
    """Return so many of the study's 20 ratios, the dense one first."""
    places = np.linspace(0, len(SPARSITIES) - 1, count).round().astype(int)
    return tuple(SPARSITIES[place] for place in places)


def specification(root: Path, given: argparse.Namespace) -> SweepSpec:
    """Say what ours runs: all ratios, two checkpoints."""
    return SweepSpec(
        data=DataSpec(
            name=DATASET, images=root / "images", synthetic=True,
            labels_test=root / "labels" / f"miccai2023_{DATASET}_labels_test.csv",
        ),
        preprocess=PreprocessSpec(size=given.size),
        models=ModelsSpec(given.architecture, (str(root / "trained_models"),)),
        prune=PruneSpec(sparsities=spread(given.ratios)),
        infer=InferSpec(
            device=given.device, precision=given.precision, batch_size=given.batch_size, engine=given.engine
        ),
    )  # fmt: skip


def measure_unit(run: Run, seed: int, workspace: Workspace, counted: Counted, device: str) -> UnitTime:
    """Run one unit; count what it decodes and uploads, and time loading and the writing of weights."""
    decodes, resident = counted.decodes, workspace._pixels is not None
    began = time.perf_counter()
    engine, _, _ = workspace.member(seed, DENSE)
    settle(device)
    loading = time.perf_counter() - began
    before = getattr(engine.backend, "uploaded", 0)
    began = time.perf_counter()
    run_unit(run, Unit(seed, run.spec.axis), workspace)
    settle(device)
    seconds = loading + time.perf_counter() - began
    pixels = workspace.pixels()
    uploads = getattr(engine.backend, "uploaded", 0) - before
    if isinstance(pixels, torch.Tensor) and not resident:
        uploads += len(pixels)
    began = time.perf_counter()
    for sparsity in run.spec.prune.sparsities:
        engine.backend.write(engine.weights(sparsity))
    settle(device)
    return UnitTime(seconds, loading, time.perf_counter() - began, counted.decodes - decodes, uploads)


def drift(run: Run, workspace: Workspace, precision: str) -> dict[str, Any]:
    """Compare the run's score files, dense and at the highest ratio, with the plain engine in a precision."""
    plain = "torch" if run.spec.infer.device == "cpu" else "graph"
    infer = replace(run.spec.infer, engine=plain, precision=precision)
    spec, levels = run.spec, (run.spec.prune.sparsities[0], run.spec.prune.sparsities[-1])
    engine = Engine.of(spec, infer)
    mine, others = [], []
    for seed in run.checkpoints:
        engine.load(run.member(seed).state, replace(spec.prune, sparsities=levels), seed)
        mine.append([np.load(run.paths.prediction(seed, level)) for level in levels])
        others.append([engine.predict(level, workspace.pixels()) for level in levels])
    classes = list(spec.data.classes)
    labels = pd.read_csv(run.paths.images, usecols=classes)[classes].to_numpy()
    return compare(labels, np.array(mine), np.array(others))


def reference(root: Path, given: argparse.Namespace) -> tuple[float, float, Path]:
    """Run the published loop; seconds per ratio of pruning (the dense one left out) and of predicting."""
    out, seconds = root / "reference", {"prune": [], "predict": []}
    parts = reference_loop.sweep(
        root, out, list(REFERENCE_RATIOS), batch_size=given.batch_size, workers=given.workers,
        device=given.device, architecture=given.architecture, size=given.size,
    )  # fmt: skip
    for name, took in parts:
        seconds[name].append(took)
        print(f"  {name} {took:.2f} s", flush=True)
    return float(np.mean(seconds["prune"][1:])), float(np.mean(seconds["predict"])), out


def reference_distance(out: Path, run: Run) -> float:
    """Return the largest difference of a score from the published loop at the ratios that both have."""
    off, first = 0.0, next(iter(run.checkpoints))
    for ratio in REFERENCE_RATIOS:
        if ratio in run.spec.prune.sparsities:
            file = out / f"{DATASET}_{run.spec.models.architecture}_seed-0_prune-{ratio:g}.pkl"
            frame = pd.read_pickle(file)  # noqa: S301 - written a moment ago by this bench
            theirs = frame.drop(columns="label").to_numpy()
            off = max(off, float(np.abs(theirs - np.load(run.paths.prediction(first, ratio))).max()))
    return off


def print_limits(given: argparse.Namespace) -> float:
    """Measure what the device can do; return the product rate in the precision of the run."""
    on_gpu = given.device == "cuda"
    precisions = dict.fromkeys((given.precision, *(("tf32", "fp32") if on_gpu else ("fp32",))))
    rates = {name: product_rate(given.device, name, 8192 if on_gpu else 512) for name in precisions}
    for name, rate in rates.items():
        print(f"matrix products, {name}: {rate / 1e12:.3g} TFLOP/s")
    for name, rate in copy_rates(given.device, 1 << (30 if on_gpu else 24)).items():
        print(f"copy {name}: {rate / 1e9:.4g} GB/s")
    return rates[given.precision]


def bench(root: Path, given: argparse.Namespace, limit: float) -> None:
    """Run both and print."""
    began = time.perf_counter()
    write_inputs(root, given.images, 2, given.architecture, given.size)
    print(f"{given.images} PNGs of 1024 x 1024 and 2 networks drawn in {time.perf_counter() - began:.0f} s")
    print(f"reference: {len(REFERENCE_RATIOS)} ratios, {given.workers} workers, {reference_loop.DECODER}")
    prune, predict, out = reference(root, given)
    per_ratio = prune + predict
    print(f"reference: {given.images / per_ratio:.4g} images/s of a ratio, pruning {prune:.2f} s")
    counted, left = Counted(), {}
    counted.watch()

    def note(stage: str, done: int, total: int) -> None:
        left[stage] = time.perf_counter()

    began = time.perf_counter()
    run = prepare_run(specification(root, given), root / "run", cache=root / "cache", progress=note)
    prepared, decodes = time.perf_counter() - began, counted.decodes
    decoding = left["decode"] - left["checkpoints"]
    infer, ratios = run.spec.infer, len(run.spec.prune.sparsities)
    print(
        f"ours: prepared in {prepared:.1f} s, {decodes} decodes in {decoding:.2f} s of it; engine {infer.engine}"
    )
    for name, why in engine_notes(run.plan):
        print(f"  {name}: {why}")
    workspace = Workspace(run)
    units = [measure_unit(run, seed, workspace, counted, given.device) for seed in run.checkpoints]
    for place, unit in enumerate(units, 1):
        print(
            f"unit {place}, {ratios} ratios: {unit.seconds:.2f} s (loading {unit.loading:.2f}, weights "
            f"{unit.writing:.2f}); {unit.decodes} decodes, {unit.uploads} image uploads"
        )
    rate = units[-1].rate(given.images, ratios)
    asked = operations_per_image(given.architecture, len(NIH_CLASSES), given.size)
    whole = given.images * ratios / units[-1].seconds
    print(
        f"ours: {rate:.5g} images/s, {whole:.5g} with loading and weights; {asked / 1e9:.4g} GFLOP an image"
    )
    print(f"share of the {given.precision} matrix-product rate: {100 * rate * asked / limit:.1f} %")
    print(f"against the reference, per image and ratio: {per_ratio * whole / given.images:.1f}x")
    for precision in ("tf32", "fp32") if given.device == "cuda" else ("fp32",):
        found = drift(run, workspace, precision)
        print(
            f"{given.precision} against {precision}: score {found['score_difference']:.2g}, AP at most "
            f"{found['ap_change']:.2g} (mean {found['ap_mean_change']:+.2g}), exemplars {found['kept']} of "
            f"{found['exemplars']} the same, rank agreement {found['rank_agreement']:.6f}"
        )
    print(f"largest difference of a score from the reference's: {reference_distance(out, run):.2g}")
    preparing = prepared - decoding + NIH_IMAGES * decoding / max(decodes, 1)
    print_projection(given, units[-1], rate, preparing, per_ratio)


def print_projection(
    given: argparse.Namespace, unit: UnitTime, rate: float, preparing: float, per_ratio: float
) -> None:
    """Say how long 30 checkpoints x 20 ratios x 21,081 images would take at the measured rates.

    `preparing`: seconds for all images; only decoding grows with them, the engine is chosen once.
    """
    weights = unit.writing * 20 / given.ratios
    ours = preparing + NIH_SEEDS * (unit.loading + weights + 20 * NIH_IMAGES / rate)
    theirs = 600 * per_ratio * NIH_IMAGES / given.images
    print(
        f"projected, 600 ratios of 21,081 images: ours {ours / 60:.4g} min, reference {theirs / 3600:.4g} h, "
        f"{theirs / ours:.1f}x (preparing included)"
    )


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--precision", help="default fp16 on a GPU, fp32 on a processor")
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--architecture", default="resnet50", help="one whose head is `fc`")
    parser.add_argument("--images", type=int, default=2048)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--ratios", type=int, default=20)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--workers", type=int, default=8, help="decoding processes of the reference")
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    given = parser.parse_args(arguments)
    if given.device == "cuda" and not torch.cuda.is_available():
        print(NO_GPU, file=sys.stderr)
        return 2
    given.precision = given.precision or ("fp16" if given.device == "cuda" else "fp32")
    name = (
        torch.cuda.get_device_name() if given.device == "cuda" else "CPU, NOT A GPU: a trial of the program"
    )
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        print(f"{datetime.now(UTC).date()}, {name}, Python {platform.python_version()}, {library_versions()}")
        what = f"{given.architecture}, {given.images} images of {given.size} pixels"
        print(f"{what}, {given.precision}, batches of {given.batch_size}", flush=True)
        bench(Path(folder), given, print_limits(given))
    print(f"whole bench: {time.perf_counter() - began:.0f} s")
    if given.device == "cpu":
        print("CPU: none of these figures is a GPU's")
    return 0


if __name__ == "__main__":
    sys.exit(main())
