"""Draw images, at most one per patient: at random, at random within strata, or from the top of a list."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from analysis.selection.criteria import SelectionError

Draw = Literal["simple", "stratified", "top"]

DRAWS: Mapping[Draw, str] = {
    "simple": "simple random sample",
    "stratified": "random sample stratified by class group, equally many of each; weights are in the sealed report",
    "top": "those of lowest agreement; inference does not extend to all PIEs",
}
"""How exemplars are drawn for a study, in words."""


@dataclass(frozen=True)
class Sample:
    """Drawn images in the order drawn, and those passed over with the reason (image, reason)."""

    images: list[str]
    passed_over: pd.DataFrame


def draw_sample(
    images: Sequence[str],
    size: int | None,
    *,
    seed: int,
    stream: int = 0,
    patients: Sequence[str] | None = None,
    taken: Iterable[str] = (),
) -> Sample:
    """Draw a simple random sample without replacement, by a seed.

    Images are put into a random order, whatever order they came in; with patients given, an image is passed
    over when its patient was drawn before or is `taken`.

    Parameters
    ----------
    images: unique names.
    size: how many; None takes all that may be taken.
    seed: any whole number from 0.
    stream: keeps draws of one seed apart.
    patients: patient of each image; None does without them.
    taken: patients that may not be drawn.

    Raises
    ------
    SelectionError: fewer may be drawn than wanted.
    """
    order = np.random.default_rng([seed, stream]).permutation(len(images))
    rank = np.argsort(np.asarray(images, dtype=str), kind="stable")
    return _drawn([[str(images[place]) for place in rank[order]]], images, size, patients, taken)


def draw_exemplars(
    images: Sequence[str],
    size: int | None,
    how: Draw,
    *,
    strata: Sequence[str],
    seed: int,
    patients: Sequence[str] | None = None,
) -> Sample:
    """Draw exemplars for a study.

    Parameters
    ----------
    images: unique names, from the lowest agreement up.
    size: how many; None takes all that may be taken.
    how: `simple`, `stratified` (strata take turns, so that each gives equally many while it lasts) or `top`.
    strata: stratum of each image.
    seed: any whole number from 0; `top` draws nothing.
    patients: patient of each image; an image whose patient was drawn before is passed over.

    Raises
    ------
    SelectionError: an unknown way, or fewer may be drawn than wanted.
    """
    if how not in DRAWS:
        raise SelectionError(f"expected exemplars drawn {', '.join(DRAWS)}; got {how!r}")
    if how == "simple":
        return draw_sample(images, size, seed=seed, patients=patients)
    if how == "top":
        queues = [list(images)]
    else:
        # Every image once in random order, then dealt out to its stratum.
        order = draw_sample(images, None, seed=seed).images
        stratum = dict(zip(images, strata, strict=True))
        queues = [[name for name in order if stratum[name] == one] for one in sorted(set(strata))]
    return _drawn(queues, images, size, patients)


def _drawn(
    queues: list[list[str]], images: Sequence[str], size: int | None, patients: Sequence[str] | None,
    taken: Iterable[str] = (),
) -> Sample:  # fmt: skip
    """Let the queues take turns until `size` are drawn; pass over images of a patient who was drawn or is taken."""
    owner = dict(zip(images, patients or images, strict=True))
    used = set(taken)
    drawn: list[str] = []
    passed: list[str] = []
    waiting = [iter(queue) for queue in queues]
    while waiting and len(drawn) != size:
        queue = waiting.pop(0)
        for name in queue:
            if owner[name] in used:
                passed.append(name)
                continue
            used.add(owner[name])
            drawn.append(name)
            waiting.append(queue)
            break
    if size is not None and len(drawn) < size:
        raise SelectionError(
            f"expected at least {size} images to draw from, got {len(images)}"
            + (f", {len(passed)} of them of a patient already drawn" if passed else "")
        )
    reason = "another image of the same patient was drawn"
    return Sample(drawn, pd.DataFrame({"image": passed, "reason": [reason] * len(passed)}, dtype=str))


def sample_weights(strata: Sequence[str], drawn: Sequence[bool]) -> pd.DataFrame:
    """Tell for each stratum how many images there were, how many were drawn, and how many one of them stands for.

    Parameters
    ----------
    strata: stratum of every image that could be drawn.
    drawn: whether it was.

    Returns
    -------
    stratum, exemplars, drawn, weight (exemplars / drawn; NaN for a stratum of which none was drawn).
    """
    frame = pd.DataFrame({"stratum": list(strata), "drawn": np.asarray(drawn, dtype=int)})
    table = frame.groupby("stratum", sort=True)["drawn"].agg(exemplars="size", drawn="sum").reset_index()
    table["weight"] = (table["exemplars"] / table["drawn"]).where(table["drawn"] > 0)
    return table
