"""Which classes, and which numbers of diseases, are over-represented among exemplars (PIEs)."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import brentq

from analysis import frames
from analysis.findings.precision import FindingsError

Row = dict[str, Any]

BINS = ("0", "1", "2", "3", "4+")
"""Numbers of diseases of an image, No Finding not counted."""

CHI2_95 = 3.841458820694124
FAR = 60.0
"""Search range of the interval on the natural log scale: ratios between 1e-26 and 1e26."""


def representation_rows(
    labels: npt.NDArray[np.generic], names: Sequence[str], exemplar: npt.NDArray[np.bool_], patients: Sequence[str] = ()
) -> list[Row]:  # fmt: skip
    """Compare the share of each class, and of each number of diseases, among exemplars and other images.

    Parameters
    ----------
    labels: 0, 1 or IGNORED, images x classes. An ignored label leaves its image out of that class, and out of the
        numbers of diseases.
    names: of the classes, in column order.
    exemplar: bool, images.
    patients: of each image, see `compared`.

    Returns
    -------
    kind (class, diseases), group, then the columns of `share_ratio`.

    Raises
    ------
    FindingsError: no exemplar, or nothing but exemplars.
    """
    if not exemplar.any() or exemplar.all():
        raise FindingsError(
            f"expected exemplars and other images, {int(exemplar.sum())} of {len(exemplar)} are"
        )
    values, known = np.asarray(labels) == 1, np.asarray(labels) != frames.IGNORED
    counts = np.minimum(frames.count_findings(values, names), len(BINS) - 1)
    counted = known[:, [name != frames.NO_FINDING for name in names]].all(axis=1)
    groups = [("class", name, values[:, place], known[:, place]) for place, name in enumerate(names)]
    groups += [("diseases", name, (counts == place) & counted, counted) for place, name in enumerate(BINS)]
    return [
        {"kind": kind, "group": name} | compared(has, of, exemplar, patients)
        for kind, name, has, of in groups
    ]


def expert_rows(
    labels: npt.NDArray[np.generic], names: Sequence[str], said: pd.DataFrame, about: Sequence[str],
    exemplar: npt.NDArray[np.bool_], patients: Sequence[str] = (),
) -> list[Row]:  # fmt: skip
    """Compare the share of wrong labels among exemplars and other images, by what experts said.

    Parameters
    ----------
    labels: as `representation_rows`, of the images that experts read.
    names: of the classes, in column order.
    said: a column per finding, 1, 0 or blank, rows as in labels.
    about: the classes of each finding, `FINDING=CLASS|CLASS`; the label is positive where one of them is.
    exemplar: bool, images.
    patients: of each image, see `compared`.

    Returns
    -------
    finding, classes, then the columns of `share_ratio` for images whose label is not what the experts said, of those
    in which both are known.
    """
    rows = []
    for text in about:
        finding, _, classes = text.partition("=")
        own = frames.any_of(labels, [names.index(name) for name in classes.strip().split("|")])
        expert = frames.label_matrix(said, [finding.strip()])[:, 0]
        known = (own != frames.IGNORED) & (expert != frames.IGNORED)
        named = {"finding": finding.strip(), "classes": classes.strip().replace("|", "; ")}
        rows.append(named | compared(known & (own != expert), known, exemplar, patients))
    return rows


def compared(
    has: npt.NDArray[np.bool_], of: npt.NDArray[np.bool_], exemplar: npt.NDArray[np.bool_], patients: Sequence[str] = ()
) -> Row:  # fmt: skip
    """Return the `share_ratio` of the images that have something, of those in which it is known.

    Parameters
    ----------
    patients: of each image; images of one patient are a cluster, and the interval is that of as many independent
        images as they are worth. Empty: nothing is known of patients.
    """
    sides = exemplar, ~exemplar
    counts = (int((here & side).sum()) for side in sides for here in (has, of))
    owner = pd.factorize(np.asarray(patients, dtype=object))[0]
    return share_ratio(
        *counts, worth=[_worth(has, of & side, owner) for side in sides] if len(owner) else (1.0, 1.0)
    )


def _worth(has: npt.NDArray[np.bool_], of: npt.NDArray[np.bool_], owner: npt.NDArray[np.intp]) -> float:
    """Return 1 / the design effect on the share of the images that have something: at most 1."""
    apart = has[of] - has[of].mean() if of.any() else np.zeros(0)
    clustered = float((np.bincount(owner[of], apart) ** 2).sum())
    return min(1.0, float((apart**2).sum()) / clustered) if clustered > 0 else 1.0


def share_ratio(
    exemplars: int, of_exemplars: int, others: int, of_others: int, *, worth: Sequence[float] = (1.0, 1.0)
) -> Row:
    """Compute P(group | exemplar) / P(group | other) with Koopman's 95 % score interval.

    Parameters
    ----------
    exemplars, others: images of the group in the two sets, from 0.
    of_exemplars, of_others: images in the two sets; no ratio where one is empty.
    worth: how many independent images one of either set counts as in the interval, above 0 to 1. That both sets may
        have images of one patient is passed over, which makes the interval too wide where these are alike.

    Returns
    -------
    exemplars, of_exemplars, others, of_others, ratio (from 0 up), ci_low, ci_high, note. No ratio where no other
    image is of the group; no upper bound there either.

    Reference
    ---------
    Koopman 1984, Biometrics 40:513; the constrained estimate: Miettinen and Nurminen 1985, Stat Med 4:213; effective
    counts of clustered images: Rao and Scott 1992, Biometrics 48:577.
    """
    row: Row = {
        "exemplars": exemplars, "of_exemplars": of_exemplars, "others": others, "of_others": of_others,
        "ratio": None, "ci_low": None, "ci_high": None, "note": "",
    }  # fmt: skip
    if not of_exemplars or not of_others:
        return row | {"note": "not estimable: every label of one side is ignored"}
    if exemplars == others == 0:
        return row | {"note": "not estimable: no image of this group"}
    if exemplars == of_exemplars and others == of_others:
        return row | {"ratio": 1.0, "note": "no interval: all images are of this group"}
    one, other = worth
    cells = (exemplars * one, of_exemplars * one, others * other, of_others * other)
    if others == 0:
        return row | {"ci_low": _bound(cells, -FAR), "note": "no ratio: none but exemplars are of this group"}
    row["ratio"] = (exemplars / of_exemplars) / (others / of_others)
    row["ci_low"] = _bound(cells, -FAR) if exemplars else 0.0
    row["ci_high"] = _bound(cells, FAR)
    return row


def _bound(cells: tuple[float, float, float, float], end: float) -> float:
    """Find the ratio between the estimate and an end of the log scale at which the score test turns."""
    x1, n1, x0, n0 = cells
    # The estimate is 0 without exemplars, infinite without others.
    start = math.log((x1 / n1) / (x0 / n0)) if x1 and x0 else FAR if x1 else -FAR
    return math.exp(
        float(brentq(lambda log_ratio: _score(log_ratio, cells) - CHI2_95, start, end, xtol=1e-12))
    )


def _score(log_ratio: float, cells: tuple[float, float, float, float]) -> float:
    """Compute the score chi-square of a ratio: the two shares estimated under it, then their distance."""
    x1, n1, x0, n0 = cells
    ratio = math.exp(log_ratio)
    a, b, c = (n1 + n0) * ratio, -(n1 * ratio + x1 + n0 + x0 * ratio), x1 + x0
    # The small root in the form that does not cancel.
    p0 = min(2 * c / (-b + math.sqrt(max(b * b - 4 * a * c, 0.0))), 1.0)
    p1 = min(p0 * ratio, 1.0)
    variance = p1 * (1 - p1) / n1 + ratio**2 * p0 * (1 - p0) / n0
    distance = x1 / n1 - ratio * x0 / n0
    if variance <= 0:
        return 0.0 if distance == 0 else math.inf
    return distance**2 / variance
