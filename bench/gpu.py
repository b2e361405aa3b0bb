"""The sweep on a GPU: how near the device's own limit, and how long the full sweep takes: python -m bench.gpu

Measures matrix products and copies on random data, and how fast networks train. Then draws images (2,048 PNGs), trains
two networks on such images (or takes --weights), runs the published study's loop for 3 ratios and ours for 20 over 30
checkpoints, and prints images per second, the share of the matrix-product rate measured in the same call, the share of
the time in which the card computes, decodes and uploads by unit, how many exemplars each precision keeps, and the time
that 600 units of 21,081 images would take. `--json FILE` is written again after each part, so that a run that is cut
short leaves what it has. Needs only torch, torchvision, numpy, numba, pandas and Pillow. Without a GPU it stops;
`--device cpu --toy` tries the program, and says so.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from analysis.conditions import DENSE
from analysis.durable import json_bytes, write_whole
from analysis.frames import NIH_CLASSES
from analysis.sweep.data_spec import DataSpec
from analysis.sweep.device import library_versions
from analysis.sweep.networks.architectures import build_classifier
from analysis.sweep.networks.checkpoints import read_member
from analysis.sweep.run.acceptance import engine_notes
from analysis.sweep.run.engine import Engine
from analysis.sweep.run.prepare import Run, prepare_run
from analysis.sweep.run.units import Workspace, list_units, run_unit
from analysis.sweep.spec import SPARSITIES, InferSpec, ModelsSpec, PreprocessSpec, PruneSpec, SweepSpec
from bench import reference_loop
from bench.compared_scores import compare
from bench.gpu_inputs import trained, write_checkpoints, write_pictures
from bench.gpu_measures import (
    Busy,
    Counted,
    UnitTime,
    copy_rates,
    operations_per_image,
    product_rate,
    settle,
    training_rate,
)
from bench.sweep_inputs import DATASET

NIH_IMAGES, MIMIC_IMAGES, NIH_SEEDS = 21_081, 54_268, 30
TRAIN_IMAGES, EPOCHS = 78_506, 60
"""Of NIH-CXR-LT's training split; the most that the published recipe trains."""
REFERENCE_RATIOS = (0.0, 0.5, 0.9)
ARCHITECTURES = ("resnet50", "densenet121", "convnext_tiny", "vit_b_16", "efficientnet_b0")
SIZES = {"vit_b_16": 224}
"""The only size that a network takes; others are run at 256 pixels."""

TOY = {
    "images": 6, "size": 64, "ratios": 3, "units": 3, "batch_size": 4, "workers": 1, "train_images": 24, "epochs": 1,
    "networks": 2, "train_steps": 2, "train_batch": 4,
}  # fmt: skip
NO_GPU = """\
expected a CUDA device that works with this torch, got none: nothing was measured.
To try the program on a processor: python -m bench.gpu --device cpu --toy --architecture resnet18"""


class Results:
    """What was measured, by part; `file` is written again with each part."""

    def __init__(self, file: Path | None) -> None:
        self.file, self.parts = file, {}

    def put(self, name: str, part: Any) -> None:
        """Add a part."""
        self.parts[name] = part
        if self.file:
            write_whole(self.file, json_bytes(self.parts))


def spread(count: int) -> tuple[float, ...]:
    """Return some of the study's 20 ratios, the dense one first."""
    places = np.linspace(0, len(SPARSITIES) - 1, count).round().astype(int)
    return tuple(SPARSITIES[place] for place in places)


def specification(root: Path, given: argparse.Namespace) -> SweepSpec:
    """Say what ours runs: all ratios, all checkpoints."""
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


def run_units(run: Run, counted: Counted, device: str) -> tuple[Workspace, list[UnitTime]]:
    """Run all units back to back as a sweep does; note of each how long it took, decoded, uploaded and computed."""
    workspace, busy, times, backend = Workspace(run), Busy(device), [], None
    # On a processor a unit is a network in one condition: what a network takes is compared with a GPU's unit.
    by_seed: dict[int, list[Any]] = {}
    for unit in list_units(run):
        by_seed.setdefault(unit.seed, []).append(unit)
    for units in by_seed.values():
        resident, decodes = workspace._pixels is not None, counted.decodes
        uploaded, began = getattr(backend, "uploaded", 0), time.perf_counter()
        for unit in units:
            run_unit(run, unit, workspace)
        settle(device)
        seconds = time.perf_counter() - began
        there = isinstance(workspace.pixels(), torch.Tensor) and not resident
        if backend is None:
            backend = workspace.member(units[0].seed, DENSE)[0].backend
            busy.watch(backend)
        uploads = getattr(backend, "uploaded", 0) - uploaded + (len(workspace.pixels()) if there else 0)
        times.append(UnitTime(seconds, busy.seconds(), counted.decodes - decodes, uploads))
    return workspace, times


def drift(run: Run, workspace: Workspace, networks: int) -> dict[str, dict[str, Any]]:
    """Compare every precision of the plain engine, and the run itself, with plain fp32: dense and at the ratio nearest
    to 0.9, over the networks that differ.
    """
    spec, device = run.spec, run.spec.infer.device
    near = min(spec.prune.sparsities, key=lambda level: abs(level - 0.9))
    levels, seeds = (spec.prune.sparsities[0], near), run.seeds[:networks]
    classes = list(spec.data.classes)
    labels = pd.read_csv(run.paths.images, usecols=classes)[classes].to_numpy()
    scores = {"run": np.array([[np.load(run.paths.prediction(s, level)) for level in levels] for s in seeds])}
    for precision in ("fp32", "tf32", "fp16", "bf16") if device == "cuda" else ("fp32", "bf16"):
        plain = "graph" if device == "cuda" else "torch"
        engine = Engine.of(spec, replace(spec.infer, engine=plain, precision=precision))
        made = []
        for seed in seeds:
            engine.load(run.member(seed).state, replace(spec.prune, sparsities=levels), seed)
            made.append([engine.predict(level, workspace.pixels()) for level in levels])
        scores[precision] = np.array(made)
    return {name: compare(labels, mine, scores["fp32"]) for name, mine in scores.items() if name != "fp32"}


def reference(root: Path, given: argparse.Namespace) -> tuple[float, Path] | None:
    """Run the published loop; seconds of a ratio. None for a network that it cannot build: its head is no `fc`."""
    if not hasattr(build_classifier(given.architecture, 2, device="meta"), "fc"):
        print("reference: not measured, the published loop needs a head named fc")
        return None
    out, seconds = root / "reference", {"prune": [], "predict": []}
    parts = reference_loop.sweep(
        root, out, list(REFERENCE_RATIOS), batch_size=given.batch_size, workers=given.workers,
        device=given.device, architecture=given.architecture, size=given.size,
    )  # fmt: skip
    for name, took in parts:
        seconds[name].append(took)
    prune, predict = float(np.mean(seconds["prune"][1:])), float(np.mean(seconds["predict"]))
    rate = given.images / (prune + predict)
    print(f"reference: {len(REFERENCE_RATIOS)} ratios, {given.workers} workers, {reference_loop.DECODER}")
    print(f"reference: {rate:.4g} images/s of a ratio, pruning {prune:.2f} s", flush=True)
    return prune + predict, out


def reference_distance(out: Path, run: Run) -> float:
    """Return the largest difference of a score from the published loop at the ratios that both have."""
    off, first = 0.0, run.seeds[0]
    for ratio in REFERENCE_RATIOS:
        if ratio in run.spec.prune.sparsities:
            file = out / f"{DATASET}_{run.spec.models.architecture}_seed-0_prune-{ratio:g}.pkl"
            frame = pd.read_pickle(file)  # noqa: S301 - written a moment ago by this bench
            theirs = frame.drop(columns="label").to_numpy()
            off = max(off, float(np.abs(theirs - np.load(run.paths.prediction(first, ratio))).max()))
    return off


def print_limits(given: argparse.Namespace, results: Results) -> float:
    """Measure what the device can do; return the product rate in the precision of the run."""
    on_gpu = given.device == "cuda"
    precisions = dict.fromkeys((given.precision, *(("bf16", "tf32", "fp32") if on_gpu else ("fp32",))))
    rates = {name: product_rate(given.device, name, 8192 if on_gpu else 512) for name in precisions}
    for name, rate in rates.items():
        print(f"matrix products, {name}: {rate / 1e12:.3g} TFLOP/s")
    copies = copy_rates(given.device, 1 << (30 if on_gpu else 24))
    for name, rate in copies.items():
        print(f"copy {name}: {rate / 1e9:.4g} GB/s")
    results.put("limits", {"products_per_second": rates, "copied_bytes_per_second": copies})
    return rates[given.precision]


def print_training(given: argparse.Namespace, results: Results) -> None:
    """Measure the training of the network of the run, and of a ResNet-18 at 128 pixels."""
    found = []
    for name, size in dict.fromkeys([(given.architecture, given.size), ("resnet18", min(128, given.size))]):
        rate = training_rate(
            name, size, given.device, given.train_precision, given.train_batch, given.train_steps
        )
        found.append(rate)
        how = "recorded" if rate["recorded"] else "step by step"
        print(
            f"training: {name}, {size} pixels, {rate['precision']}, batches of {rate['batch_size']}, {how}: "
            f"{rate['images_per_second']:.5g} images/s",
            flush=True,
        )
        rate["recipe_hours"] = NIH_SEEDS * EPOCHS * TRAIN_IMAGES / rate["images_per_second"] / 3600
        print(
            f"  30 networks on NIH-CXR-LT's {TRAIN_IMAGES:,} images, {EPOCHS} epochs each: at most "
            f"{rate['recipe_hours']:.3g} h of the card"
        )
        results.put("training", found)


def inputs(root: Path, given: argparse.Namespace, results: Results) -> None:
    """Draw the images; train the networks, or read those that were given."""
    began = time.perf_counter()
    write_pictures(root, given.images)
    print(f"{given.images} PNGs of 1024 x 1024 drawn in {time.perf_counter() - began:.0f} s", flush=True)
    if given.weights:
        models = ModelsSpec(given.architecture)
        states = [read_member(file, models, len(NIH_CLASSES)).state for file in given.weights]
        said: dict[str, Any] = {"networks": len(states), "given": [file.name for file in given.weights]}
    else:
        states, said = trained(given)
    given.networks = len(states)
    write_checkpoints(root, given, states)
    print(f"networks: {json.dumps(said)}", flush=True)
    results.put("networks", said)


def bench(root: Path, given: argparse.Namespace, results: Results) -> None:
    """Run both and print."""
    limit = print_limits(given, results)
    print_training(given, results)
    inputs(root, given, results)
    theirs = reference(root, given)
    if theirs:
        results.put("reference", {"seconds_per_ratio": theirs[0], "decoder": reference_loop.DECODER})
    counted, left = Counted(), {}
    counted.watch()

    def note(stage: str, done: int, total: int) -> None:
        left[stage] = time.perf_counter()

    began = time.perf_counter()
    run = prepare_run(specification(root, given), root / "run", cache=root / "cache", progress=note)
    prepared, decodes = time.perf_counter() - began, counted.decodes
    decoding, choosing = left["decode"] - left["checkpoints"], began + prepared - left["decode"]
    infer = run.spec.infer
    print(
        f"ours: prepared in {prepared:.1f} s, {decodes} decodes in {decoding:.2f} s of it, "
        f"choosing {choosing:.2f} s; engine {infer.engine}, batches of {infer.batch_size}"
    )
    for name, why in engine_notes(run.plan):
        print(f"  {name}: {why}")
    results.put("prepared", {"seconds": prepared, "decoding": decoding, "choosing": choosing,
                             "batch_size": infer.batch_size, "engine": run.plan["engine"]})  # fmt: skip
    workspace, units = run_units(run, counted, given.device)
    rate, per_unit = print_units(given, units, limit, results)
    for name, found in drift(run, workspace, given.networks).items():
        print(
            f"{name if name != 'run' else f'run ({infer.engine}, {infer.precision})'} against fp32: score "
            f"{found['score_difference']:.2g}, AP at most {found['ap_change']:.2g} (mean "
            f"{found['ap_mean_change']:+.2g}), exemplars {found['kept']} of {found['exemplars']} the same"
        )
        results.put("against_fp32", results.parts.get("against_fp32", {}) | {name: found})
    if theirs:
        off = reference_distance(theirs[1], run)
        print(f"largest difference of a score from the reference's: {off:.2g}")
        results.put("reference_distance", off)
    once, each = prepared - decoding, decoding / max(decodes, 1)
    print_projection(given, rate, per_unit, once, each, theirs and theirs[0], results)


def print_units(
    given: argparse.Namespace, units: list[UnitTime], limit: float, results: Results
) -> tuple[float, float]:
    """Print what the units took; return images per second while batches are computed, and the other seconds of a unit,
    both of all units but the first.
    """
    for place, unit in enumerate(units, 1):
        if place <= 2 or place == len(units):
            print(f"unit {place}: {unit.seconds:.3f} s; {unit.decodes} decodes, {unit.uploads} image uploads")
    later = units[1:]
    seconds, busy = sum(unit.seconds for unit in later), sum(unit.busy for unit in later)
    images = given.images * given.ratios * len(later)
    rate, asked = images / busy, operations_per_image(given.architecture, len(NIH_CLASSES), given.size)
    print(
        f"ours: {rate:.5g} images/s, {images / seconds:.5g} with all else; {asked / 1e9:.4g} GFLOP an image"
    )
    print(f"share of the {given.precision} matrix-product rate: {100 * rate * asked / limit:.1f} %")
    print(
        f"computing in {100 * busy / seconds:.1f} % of the time of {len(later)} units back to back",
        flush=True,
    )
    results.put("units", {"each": [asdict(unit) for unit in units], "images": given.images, "ratios": given.ratios,
                          "images_per_second": rate, "with_all_else": images / seconds, "busy_share": busy / seconds,
                          "operations_per_image": asked, "share_of_products": rate * asked / limit})  # fmt: skip
    return rate, (seconds - busy) / len(later)


def print_projection(
    given: argparse.Namespace, rate: float, per_unit: float, choosing: float, decoding: float,
    theirs: float | None, results: Results,
) -> None:  # fmt: skip
    """Say how long 30 checkpoints x 20 ratios would take at the measured rates, on the test splits of NIH and MIMIC.

    `choosing` and `decoding`: seconds once, and of an image. `per_unit`: the seconds of a unit in which no batch is
    computed, which grow with the ratios alone, so that their share falls with the images.
    """
    units = NIH_SEEDS * 20 * per_unit / given.ratios
    ours, mimic = (choosing + n * decoding + units + 600 * n / rate for n in (NIH_IMAGES, MIMIC_IMAGES))
    busy = 1 - units / (units + 600 * NIH_IMAGES / rate)
    said = (
        f"projected from {given.units} units, 600 ratios of 21,081 images: ours {ours / 60:.4g} min, computing in "
        f"{100 * busy:.1f} % of the units' time; of MIMIC's 54,268 images {mimic / 60:.4g} min"
    )
    found = {
        "from_units": given.units,
        "ours_minutes": ours / 60,
        "busy_share": busy,
        "mimic_minutes": mimic / 60,
    }
    if theirs:
        long = 600 * theirs * NIH_IMAGES / given.images
        said += f", reference {long / 3600:.4g} h, {long / ours:.1f}x"
        found |= {"reference_hours": long / 3600, "ratio": long / ours}
    print(f"{said} (preparing included)")
    results.put("projected", found)


def arguments_of(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--precision", help="default fp16 on a GPU, fp32 on a processor")
    parser.add_argument("--train-precision", help="the same, for training")
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--architecture", default="resnet50", help=f"measured are {', '.join(ARCHITECTURES)}")
    parser.add_argument("--size", type=int, help="pixels; default 256, 224 for vit_b_16")
    parser.add_argument(
        "--weights", type=Path, nargs="+", help="checkpoints instead of networks trained here"
    )
    for name, default, what in (
        ("images", 2048, "of the test split"), ("ratios", 20, "of a unit"), ("units", NIH_SEEDS, "checkpoints"),
        ("batch-size", 128, "of predictions"), ("workers", 8, "decoding processes of the reference"),
        ("networks", 2, "that are trained"), ("train-images", 4096, "they are trained on"), ("epochs", 8, "of them"),
        ("train-steps", 30, "whose speed is measured"), ("train-batch", 256, "images of such a step"),
    ):  # fmt: skip
        parser.add_argument(f"--{name}", type=int, default=default, help=f"{what} (default {default})")
    parser.add_argument("--json", type=Path, help="file that is written again after each part")
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    parser.add_argument("--toy", action="store_true", help="sizes that a processor does in seconds")
    given = parser.parse_args(arguments)
    if given.toy:
        vars(given).update(TOY | {"size": SIZES.get(given.architecture, TOY["size"])})
    given.size = given.size or SIZES.get(given.architecture, 256)
    given.precision = given.precision or ("fp16" if given.device == "cuda" else "fp32")
    given.train_precision = given.train_precision or given.precision
    return given


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; return the exit status."""
    given = arguments_of(arguments)
    if given.device == "cuda" and not torch.cuda.is_available():
        print(NO_GPU, file=sys.stderr)
        return 2
    name = (
        torch.cuda.get_device_name() if given.device == "cuda" else "CPU, NOT A GPU: a trial of the program"
    )
    began, results = time.perf_counter(), Results(given.json)
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        print(f"{datetime.now(UTC).date()}, {name}, Python {platform.python_version()}, {library_versions()}")
        what = f"{given.architecture}, {given.images} images of {given.size} pixels"
        print(f"{what}, {given.precision}, batches of {given.batch_size}", flush=True)
        asked = {key: value for key, value in vars(given).items() if not isinstance(value, (Path, list))}
        results.put("host", {"date": str(datetime.now(UTC).date()), "device": name, "cores": os.cpu_count(),
                             "python": platform.python_version(), "versions": library_versions()})  # fmt: skip
        results.put("asked", asked)
        bench(Path(folder), given, results)
    results.put("seconds", time.perf_counter() - began)
    print(f"whole bench: {time.perf_counter() - began:.0f} s")
    if given.device == "cpu":
        print("CPU: none of these figures is a GPU's")
    return 0


if __name__ == "__main__":
    sys.exit(main())
