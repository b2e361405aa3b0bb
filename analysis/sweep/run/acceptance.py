"""Decide whether an engine's scores are as good as the plain engine's in the same precision. Imports no torch.

Every precision below fp32 moves scores, the plain engine's too. So an engine answers for what it adds to that,
not for the precision, which the user chose.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.metrics.ranks import spearman_rows

FACTOR = 2.0
"""How many times the plain engine's largest error an engine's may be: one bit of rounding.

Two engines round in different places, so their largest errors differ though neither is worse: on one set of
weights the plain engine of a GPU was off by .010 to .014 in fp16, the others by .011 and .012.
"""

LIMIT = {"fp32": 1e-5, "tf32": 0.03, "fp16": 0.03, "bf16": 0.2}
"""The largest error of a score with which an engine is taken, however wrong the plain engine is.

fp32: what another order of the same sums costs. tf32 and fp16 keep 11 bits: twice what plain fp16 was off on untrained
weights, the worst ones measured. bf16 keeps 8.
"""

LOWEST_SHARE = 0.25
"""The share of the compared images, those of lowest agreement, whose order is compared.

Exemplars are the lowest 5 %, of a batch too few to count.
"""

LOWEST_TOLERANCE = 0.15
"""The share of those images, at least one, by which an engine may keep fewer than the plain engine does.

Of 32 images that two equal engines keep with a chance of .9 each, their counts differ by more once in fifty times.
Below the limit of fp32 the order is not asked: there only images that agree alike change places.
"""

WANTED_LEVEL = 0.90
"""The level near which compressed scores are compared with dense ones: exemplars are mostly made there."""


@dataclass(frozen=True)
class Distance:
    """How far scores lie from plain torch in fp32.

    `error`: the largest difference of a score, nan where one is no number. `kept`: how many of the `lowest` images of
    lowest agreement in fp32 are so here too; both 0 where there is no order to compare.
    """

    error: float
    kept: int = 0
    lowest: int = 0


@dataclass(frozen=True)
class Verdict:
    """Whether an engine is taken, and the figures that decided."""

    taken: bool
    why: str


def judge(precision: str, engine: Distance, plain: Distance) -> Verdict:
    """Compare an engine with the plain engine in the same precision.

    Parameters
    ----------
    precision: a key of LIMIT.
    engine, plain: distances on the same images; in fp32 the plain engine's error is 0 and the limit alone decides.
        Where plain scores are no numbers, nothing says what the precision costs, and no engine is taken.
    """
    most = min(LIMIT[precision], max(LIMIT["fp32"], FACTOR * plain.error))
    least = plain.kept - max(1.0, LOWEST_TOLERANCE * plain.lowest)
    why = f"a score differs by {engine.error:.2g} from plain torch in fp32 (plain {precision}: {plain.error:.2g})"
    if engine.lowest:
        why += f", {engine.kept} of the {engine.lowest} images of lowest agreement are the same"
        why += f" (plain {precision}: {plain.kept})"
    if math.isnan(plain.error):
        return Verdict(False, f"{why}; expected a finite score of the plain engine to compare with")
    if not engine.error <= most:  # nan is below nothing
        return Verdict(False, f"{why}; expected a difference of {most:.2g} or less")
    if engine.kept < least and engine.error > LIMIT["fp32"]:
        return Verdict(False, f"{why}; expected {np.ceil(least):.0f} the same or more")
    return Verdict(True, why)


def distance(scores: NDArray[np.float32], exact: NDArray[np.float32]) -> Distance:
    """Measure scores against those of plain torch in fp32: both levels x images x classes, dense first.

    The order of the images is compared where there are a compressed level and 2 classes or more.
    """
    count = max(1, int(LOWEST_SHARE * exact.shape[1])) if len(exact) > 1 and exact.shape[2] > 1 else 0
    if not (np.isfinite(scores).all() and np.isfinite(exact).all()):
        return Distance(math.nan, 0, count)
    found = [lowest_images(spearman_rows(*both), count) for both in (scores, exact) if count]
    return Distance(float(np.abs(scores - exact).max()), len(set.intersection(*found)) if count else 0, count)


def lowest_images(values: NDArray[np.float64], count: int) -> set[int]:
    """Return the places of the `count` lowest values, nan last, of equal ones the first."""
    return set(np.argsort(np.where(np.isnan(values), np.inf, values), kind="stable")[:count].tolist())


def compared_levels(sparsities: tuple[float, ...]) -> tuple[float, ...]:
    """Return the levels at which engines are compared: dense, and the one nearest to WANTED_LEVEL if above it."""
    level = min(sparsities, key=lambda k: abs(k - WANTED_LEVEL))
    return (0.0, level) if level else (0.0,)


def engine_notes(plan: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Say of each engine that `auto` looked at why it was taken or not; empty where the engine was named.

    Parameters
    ----------
    plan: of a run; one of version 0.1.0 says why engines were refused, nothing else.
    """
    said = plan.get("engine", {})
    notes = []
    for name, why in said.get("accepted", {}).items():
        place = "taken" if name == said.get("taken", said["engine"]) else "as good, not faster"
        notes.append((name, f"{place}, {said['rates'][name]:g} images/s: {why}"))
    return notes + [(name, f"refused: {why}") for name, why in said.get("refused", {}).items()]
