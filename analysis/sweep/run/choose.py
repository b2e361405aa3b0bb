"""Choose the engine of a run by a short measurement, once, when the run is created."""

import gc
import math
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from analysis.sweep.device import named_faults
from analysis.sweep.errors import UnitError
from analysis.sweep.networks.checkpoints import State, read_member
from analysis.sweep.run.acceptance import Distance, compared_levels, distance, judge
from analysis.sweep.run.engine import Engine
from analysis.sweep.spec import ENGINES_OF, SweepSpec

SECONDS = 1.0
"""How long each engine is measured, at least two batches."""

CPU_BATCH = 8
"""Images of a measured batch on a CPU, where a full batch would take too long."""

ADVANTAGE = 1.05
"""By how much another engine must be faster than the plain one, so that noise does not decide."""


@dataclass(frozen=True)
class Choice:
    """The engine of a run; of those that could be taken the `rates` in images per second and the figures for which
    they were `accepted`; why others were `refused`.
    """

    engine: str
    rates: dict[str, float] = field(default_factory=dict)
    accepted: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)


def choose_engine(spec: SweepSpec, checkpoint: Path, pixels: NDArray[np.uint8]) -> Choice:
    """Return the engine that a specification names, or the fastest of those that are as good as
    the plain one (`acceptance.judge`).

    Parameters
    ----------
    checkpoint: the member whose weights are used for the measurement.
    pixels: the decoded images; the first batch is used.

    Raises
    ------
    UnitError: no engine can run this network in this precision (each with its reason).
    """
    infer, names = spec.infer, ENGINES_OF[spec.infer.device, spec.infer.precision]
    if infer.engine != "auto":
        return Choice(infer.engine)
    state = read_member(checkpoint, spec.models, len(spec.data.classes)).state
    batch = np.array(pixels[: infer.batch_size if infer.device == "cuda" else CPU_BATCH])
    with named_faults("[infer]", infer.batch_size):
        exact = _scores(_engine(spec, names[0], "fp32", state, len(batch)), spec, batch)
    measured, refused = {}, {}
    for name in names:
        try:
            rate, scores = _measured(spec, name, state, batch)
        except Exception as error:  # an engine that cannot run this network raises many kinds
            refused[name] = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
            continue
        measured[name] = round(rate, 2), distance(scores, exact)
    return _chosen(names[0], infer.precision, measured, refused)


def _chosen(
    plain: str, precision: str, measured: dict[str, tuple[float, Distance]], refused: dict[str, str]
) -> Choice:
    """Take the fastest of the measured engines that are as good as the plain one.

    The plain engine is what the precision is, so only a score that is no number speaks against it.
    """
    rates, accepted = {}, {}
    standard = measured[plain][1] if plain in measured else Distance(math.nan)
    for name, (rate, found) in measured.items():
        verdict = judge(precision, found, standard)
        if verdict.taken or (name == plain and not math.isnan(found.error)):
            rates[name], accepted[name] = rate, verdict.why
        else:
            refused[name] = verdict.why
    return Choice(_fastest(rates, plain, refused), rates, accepted, refused)


def _fastest(rates: dict[str, float], plain: str, refused: dict[str, str]) -> str:
    if not rates:
        why = "; ".join(f"{name}: {reason}" for name, reason in refused.items())
        raise UnitError(
            f"[infer] engine: expected an engine that can run this network here, none could: {why}"
        )
    best = max(rates, key=lambda name: rates[name])
    near = plain in rates and rates[best] < ADVANTAGE * rates[plain]
    return plain if near else best


def _engine(spec: SweepSpec, name: str, precision: str, state: State, batch_size: int) -> Engine:
    infer = replace(spec.infer, engine=name, precision=precision, batch_size=batch_size)
    engine = Engine.of(spec, infer)
    engine.load(state, replace(spec.prune, sparsities=compared_levels(spec.prune.sparsities)), 0)
    return engine


def _scores(engine: Engine, spec: SweepSpec, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Predict the compared levels: levels x images x classes."""
    return np.stack([engine.predict(level, batch) for level in compared_levels(spec.prune.sparsities)])


def _measured(
    spec: SweepSpec, name: str, state: State, batch: NDArray[np.uint8]
) -> tuple[float, NDArray[np.float32]]:
    """Return images per second, once warm, and the scores of the batch at the compared levels."""
    engine = _engine(spec, name, spec.infer.precision, state, len(batch))
    scores = _scores(engine, spec, batch)
    here = torch.from_numpy(batch).to(spec.infer.device) if spec.infer.device == "cuda" else batch
    best, until, rounds = np.inf, time.perf_counter() + SECONDS, 0
    while rounds < 2 or time.perf_counter() < until:
        began = time.perf_counter()
        engine.backend.scores(here)
        best, rounds = min(best, time.perf_counter() - began), rounds + 1
    del engine
    gc.collect()
    return len(batch) / best, scores
