"""Choose the engine of a run by a short measurement, once, when the run is created; on a GPU the batch size too."""

import gc
import math
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from analysis.sweep.device import named_faults
from analysis.sweep.engines.backend import Backend
from analysis.sweep.errors import UnitError
from analysis.sweep.networks.checkpoints import read_member
from analysis.sweep.run.acceptance import Distance, compared_levels, distance, judge
from analysis.sweep.run.engine import Engine
from analysis.sweep.spec import ENGINES_OF, SweepSpec

SECONDS = {"cpu": 1.0, "cuda": 0.3}
"""How long each engine is measured, at least two batches."""

CPU_BATCH = 8
"""Images of a measured batch on a CPU, where a full batch would take too long."""

BATCHES = (256, 512)
"""Batch sizes of a GPU that are tried beside the run's own, where they are larger and the memory allows it."""

WORTH = 130.0
"""Seconds of predicting from which torch's compiler is tried: it takes 13 s for a ResNet-50 (measured on an H200),
which pays where what it makes is a tenth faster.
"""

ADVANTAGE = 1.05
"""By how much another engine or batch size must be faster, so that noise does not decide."""


@dataclass(frozen=True)
class Choice:
    """The engine of a run and its batch size; of those that could be taken the `rates` in images per second and the
    figures for which they were `accepted`; why others were `refused`. `taken`: which of the rates was chosen.
    """

    engine: str
    batch_size: int
    rates: dict[str, float] = field(default_factory=dict)
    accepted: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    taken: str = ""


Weights = list[dict[str, Tensor]]
"""The folded weights of each compared level."""


def choose_engine(
    spec: SweepSpec, checkpoint: Path, pixels: NDArray[np.uint8], predictions: int = 0
) -> Choice:
    """Return the engine that a specification names, or the fastest of those that are as good as
    the plain one (`acceptance.judge`).

    Parameters
    ----------
    checkpoint: the member whose weights are used for the measurement.
    pixels: the decoded images; the first batch is used.
    predictions: images that the run predicts in all, each condition and seed counted.

    Raises
    ------
    UnitError: no engine can run this network in this precision (each with its reason).
    """
    infer, names = spec.infer, ENGINES_OF[spec.infer.device, spec.infer.precision]
    if infer.engine != "auto":
        return Choice(infer.engine, infer.batch_size)
    own, on_gpu = infer.batch_size, infer.device == "cuda"
    tried = {name: (name, own) for name in names}
    for size in (n for n in BATCHES if on_gpu and own != n <= len(pixels)):
        tried |= {f"{name}, batches of {size}": (name, size) for name in names if name != "compiled"}
    state = read_member(checkpoint, spec.models, len(spec.data.classes)).state
    levels = compared_levels(spec.prune.sparsities)
    first = np.array(pixels[: own if on_gpu else CPU_BATCH])
    with named_faults("[infer]", own):
        plain = Engine.of(spec, replace(infer, engine=names[0], precision="fp32", batch_size=len(first)))
        plain.load(state, replace(spec.prune, sparsities=levels), 0)
        weights = [{name: value.clone() for name, value in plain.weights(level).items()} for level in levels]
        exact = _scores(plain.backend, weights, first)
    del plain.backend  # what it recorded would take memory from the others
    measured: dict[str, tuple[float, Distance]] = {}
    refused: dict[str, str] = {}
    for label, (name, size) in tried.items():
        gc.collect()  # the memory of the one before
        batch = first if size == own else np.array(pixels[:size])
        fastest = max((rate for rate, _ in measured.values()), default=0.0)
        if name == "compiled" and predictions < WORTH * fastest:
            refused[label] = f"not tried: compiling does not pay in a run of less than {WORTH:g} s"
            continue
        made = replace(infer, engine=name, batch_size=len(batch))
        try:
            rate, scores = _measured(plain.another(made), weights, batch, infer.device)
        except Exception as error:  # an engine that cannot run this network raises many kinds
            refused[label] = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
            continue
        measured[label] = round(rate, 2), distance(scores[:, : len(first)], exact[:, : len(batch)])
    return _chosen(tried, infer.precision, measured, refused)


def _chosen(
    tried: dict[str, tuple[str, int]], precision: str, measured: dict[str, tuple[float, Distance]],
    refused: dict[str, str],
) -> Choice:  # fmt: skip
    """Take the fastest of what was measured and is as good as the plain engine, the first that was tried.

    The plain engine is what the precision is, so only a score that is no number speaks against it.
    """
    rates, accepted, plain = {}, {}, next(iter(tried))
    standard = measured[plain][1] if plain in measured else Distance(math.nan)
    for name, (rate, found) in measured.items():
        verdict = judge(precision, found, standard)
        if verdict.taken or (name == plain and not math.isnan(found.error)):
            rates[name], accepted[name] = rate, verdict.why
        else:
            refused[name] = verdict.why
    taken = _fastest(rates, plain, refused)
    return Choice(*tried[taken], rates, accepted, refused, taken)


def _fastest(rates: dict[str, float], plain: str, refused: dict[str, str]) -> str:
    if not rates:
        why = "; ".join(f"{name}: {reason}" for name, reason in refused.items())
        raise UnitError(
            f"[infer] engine: expected an engine that can run this network here, none could: {why}"
        )
    best = max(rates, key=lambda name: rates[name])
    near = plain in rates and rates[best] < ADVANTAGE * rates[plain]
    return plain if near else best


def _scores(backend: Backend, weights: Weights, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Predict the compared levels: levels x images x classes."""
    scores = []
    for level in weights:
        backend.write(level)
        scores.append(backend.scores(batch))
    return np.stack(scores)


def _measured(
    backend: Backend, weights: Weights, batch: NDArray[np.uint8], device: str
) -> tuple[float, NDArray[np.float32]]:
    """Return images per second, once warm, and the scores of the batch at the compared levels."""
    scores = _scores(backend, weights, batch)
    here = torch.from_numpy(batch).to(device) if device == "cuda" else batch
    best, until, rounds = np.inf, time.perf_counter() + SECONDS[device], 0
    while rounds < 2 or time.perf_counter() < until:
        began = time.perf_counter()
        backend.scores(here)
        best, rounds = min(best, time.perf_counter() - began), rounds + 1
    return len(batch) / best, scores
