"""Drawing images at random, at most one of a patient."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.selection.errors import SelectionError


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
    used = set(taken)
    drawn: list[str] = []
    passed: list[str] = []
    for place in rank[order]:
        if len(drawn) == size:
            break
        if patients is not None:
            if patients[place] in used:
                passed.append(str(images[place]))
                continue
            used.add(patients[place])
        drawn.append(str(images[place]))
    if size is not None and len(drawn) < size:
        raise SelectionError(
            f"expected at least {size} images to draw from, {len(images)} came"
            + (f", {len(passed)} of them of a patient already drawn" if passed else "")
        )
    reason = "another image of the same patient was drawn"
    return Sample(drawn, pd.DataFrame({"image": passed, "reason": [reason] * len(passed)}, dtype=str))
