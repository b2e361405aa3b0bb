"""Which labels look wrong: each label of each image ranked by scores of networks, and how well that finds wrong ones.

The unit is the label of one class on one image. Labels are ranked within their class and given value, because positive
and negative labels of rare and common classes lie on other scales. An image is as suspicious as its most suspicious
label. Wrong positives and missed positives are separate targets.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import rankdata

from analysis.frames import IGNORED

Row = dict[str, Any]
Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int8]

TARGETS = (("wrong positives", (1,)), ("missed positives", (0,)), ("wrong labels", (0, 1)))
"""What is looked for, among the labels given as these."""

NONE_EXPECTED = 1e-9
"""Stands for no wrong label expected in a class, so that its labels come last, in their order."""

MOST_POSITIVES = 4
"""Images with more given positives are one stratum with these."""

SHARES = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0)
"""Shares relabelled at which the curve is told."""

DRAWS = 400
"""Resamples of the patients."""


@dataclass(frozen=True)
class Suspicion:
    """A ranking; lower is more suspicious, and values of labels compare across classes.

    Attributes
    ----------
    labels: float64, images x classes, NaN where a label is ignored; None where only images are ranked.
    images: float64, one per image, where an image is not as suspicious as its most suspicious label.
    note: what to know of it.
    """

    name: str
    labels: Floats | None = None
    images: Floats | None = None
    note: str = ""

    def of_images(self, given: Labels, values: Sequence[int]) -> Floats:
        """Return the suspicion of each image by its labels given as one of the values; infinite without any."""
        if self.images is not None or self.labels is None:
            return np.nan_to_num(np.asarray(self.images, dtype=np.float64), nan=np.inf)
        return np.asarray(np.where(np.isin(given, values), self.labels, np.inf).min(axis=1))


def ranks_within(given: Labels, scores: Floats) -> Floats:
    """Rank labels within their class and given value, from 1, the one that the scores contradict most; ties share.

    Parameters
    ----------
    given: 0, 1 or IGNORED, images x classes. scores: of the class being there, 0 to 1, the same shape.

    Returns
    -------
    float64, images x classes, NaN where ignored. Cross-entropy, margin and |label - score| all rank so.
    """
    ranks = np.full(given.shape, np.nan)
    for place in range(given.shape[1]):
        for value in (0, 1):
            own = given[:, place] == value
            contradicted = scores[own, place] if value else -scores[own, place]
            ranks[own, place] = rankdata(contradicted)
    return ranks


def expected_wrong(given: Labels, scores: Floats) -> Floats:
    """Estimate how many labels of each class are wrong, by confident learning with one class against its absence.

    A label counts as the value whose score reaches the mean score of labels given as that value; where both do, as the
    likelier one; where none does, not at all. The counts are scaled to the number of given labels.

    Returns
    -------
    float64, 2 x classes: of the labels given as 0, and of those given as 1.

    Reference
    ---------
    Northcutt, Jiang and Chuang 2021, J Artif Intell Res 70:1373, equations 1 to 3; own implementation.
    """
    expected = np.zeros((2, given.shape[1]))
    for place in range(given.shape[1]):
        label, score = given[:, place], scores[:, place]
        likely = np.stack([1 - score, score])
        usual = [
            likely[value][label == value].mean() if (label == value).any() else np.inf for value in (0, 1)
        ]
        confident = likely >= np.array(usual)[:, None]
        counted = np.where(confident.all(axis=0), likely.argmax(axis=0), confident[1])
        for value in (0, 1):
            own = (label == value) & confident.any(axis=0)
            if own.any():
                expected[value, place] = (label == value).sum() * (counted[own] != value).mean()
    return expected


def rankings(given: Labels, scores: Floats) -> list[Suspicion]:
    """Rank labels by the scores of networks that have not learnt from them: by loss, and by confident learning.

    By loss a label's value is its rank as a share of the labels of its class and given value. By confident learning it
    is the rank over the number that is expected to be wrong there: at 1 or below the label is taken for wrong.
    """
    ranks = ranks_within(given, scores)
    expected = np.maximum(expected_wrong(given, scores), NONE_EXPECTED)
    return [
        Suspicion("loss", ranks / np.maximum(of_own(given, sizes(given)), 1)),
        Suspicion("confident learning", ranks / of_own(given, expected)),
    ]


def sizes(given: Labels) -> npt.NDArray[np.int64]:
    """Count the labels given as 0, and those given as 1, of each class: 2 x classes."""
    return np.stack([(given == value).sum(axis=0) for value in (0, 1)])


def of_own(given: Labels, table: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return for each label (images x classes) what a table (2 x classes) has for its class and given value."""
    return table[np.clip(given, 0, 1), np.arange(given.shape[1])]


def el2n(given: Labels, scores: npt.NDArray[np.floating]) -> Suspicion:
    """Rank images by EL2N: the length of label minus score over the classes, mean over networks.

    Of networks trained on these images: in-sample by definition. The reference takes networks early in training; here
    they are as they ended.

    Parameters
    ----------
    scores: networks x images x classes.

    Reference
    ---------
    Paul, Ganguli and Dziugaite 2021, NeurIPS 34.
    """
    known = given != IGNORED
    errors = np.where(known, given - np.asarray(scores, dtype=np.float64), 0.0)
    lengths = np.sqrt((errors**2).sum(axis=2)).mean(axis=0)
    share = rankings(given, scores.mean(axis=0))[0].labels
    return Suspicion("EL2N", share, -lengths, "in-sample by definition")


@dataclass(frozen=True)
class Trial:
    """What is looked through: suspicion, whether it is wrong, stratum and image of each label, or of each image.

    A stratum holds labels of one class, or images with the same number of given positives.
    """

    suspicion: Floats
    wrong: npt.NDArray[np.bool_]
    stratum: npt.NDArray[np.int64]
    image: npt.NDArray[np.int64]

    def curve(self, seed: int) -> list[Row]:
        """Tell the share of the wrong ones found when the most suspicious share is looked at; equal ones by a draw."""
        found = np.cumsum(self.wrong[self.order(seed)])
        wrong, size = int(found[-1]), len(found)
        looked = np.maximum(1, (np.array(SHARES) * size).astype(int))
        share = looked / size
        table = {"share": share, "found": found[looked - 1] / wrong, "random": share,
                 "ideal": np.minimum(1.0, looked / wrong)}  # fmt: skip
        rows: list[Any] = pd.DataFrame(table).to_dict("records")
        return rows

    def order(self, seed: int) -> npt.NDArray[np.int64]:
        """Return the places from the most suspicious on."""
        drawn = np.random.default_rng([seed, 7]).permutation(len(self.wrong))
        return np.asarray(np.lexsort((drawn, self.suspicion)))

    def measures(self, weights: Sequence[Floats], share: float, seed: int) -> Row:
        """Compute AUROC, AUROC within strata and precision, each with its 95 % interval.

        Parameters
        ----------
        weights: how often each image counts; the first is the estimate's, the others are resamples.
        share: of the units in a list, for the precision.
        """
        row: Row = {}
        for name, stratum in (("auroc", np.zeros_like(self.stratum)), ("within", self.stratum)):
            keys = np.stack([stratum, rankdata(self.suspicion)])
            group = np.unique(keys, axis=1, return_inverse=True)[1].ravel()
            row |= _told(name, [_auroc(group, stratum, self.wrong, own[self.image]) for own in weights])
        order = self.order(seed)
        image, wrong = self.image[order], self.wrong[order]
        return row | _told("precision", [_precision(wrong, own[image], share) for own in weights])


def _told(name: str, values: Sequence[float | None]) -> Row:
    drawn = [value for value in values[1:] if value is not None]
    low, high = (
        np.quantile(drawn, (0.025, 0.975)).tolist() if values[0] is not None and drawn else (None, None)
    )
    return {name: values[0], f"{name}_low": low, f"{name}_high": high}


def _precision(wrong: npt.NDArray[np.bool_], weights: Floats, share: float) -> float | None:
    """Compute the share of wrong units among the first share of all."""
    taken = np.cumsum(weights) - weights < share * weights.sum() - 1e-9
    return float(weights[taken & wrong].sum() / weights[taken].sum()) if weights[taken].any() else None


def _auroc(
    group: npt.NDArray[np.intp], stratum: npt.NDArray[np.int64], wrong: npt.NDArray[np.bool_], weights: Floats
) -> float | None:
    """Compute the share of pairs of a wrong and a right unit in which the wrong one is more suspicious.

    Pairs are of one stratum, equal ones count half; None without pairs.

    Parameters
    ----------
    group: number of the units of the same stratum and suspicion, ascending by both.
    """
    right_of, wrong_of = (np.bincount(group, np.where(side, weights, 0.0)) for side in (~wrong, wrong))
    own = np.zeros(len(right_of), dtype=np.int64)
    own[group] = stratum
    rights = np.bincount(own, right_of)
    pairs = float((rights * np.bincount(own, wrong_of)).sum())
    if not pairs:
        return None
    after = np.cumsum(rights)[own] - np.cumsum(right_of)
    return float((wrong_of * (after + right_of / 2)).sum() / pairs)


def resampled(patients: Sequence[str], seed: int, draws: int = DRAWS) -> list[Floats]:
    """Return how often each image counts: once each, then in every resample of the patients with replacement."""
    owner = np.unique(np.asarray(patients, dtype=str), return_inverse=True)[1]
    count = int(owner.max()) + 1
    rng = np.random.default_rng([seed, 8])
    picked = (np.bincount(rng.integers(count, size=count), minlength=count) for _ in range(draws))
    return [np.ones(len(owner)), *(times[owner].astype(np.float64) for times in picked)]


def trials(ranking: Suspicion, given: Labels, truth: Labels, values: Sequence[int]) -> dict[str, Trial]:
    """Return what a ranking is tried on, labels and images, for the labels given as one of the values.

    Parameters
    ----------
    truth: what the labels should be, 0, 1 or IGNORED where it is not known.
    """
    looked = np.isin(given, values) & (truth != IGNORED)
    wrong = looked & (given != truth)
    images = np.flatnonzero(looked.any(axis=1))
    positives = np.minimum((given == 1).sum(axis=1), MOST_POSITIVES)
    shown = np.where(looked, given, IGNORED)
    found = {"image": Trial(ranking.of_images(shown, values)[images], wrong.any(axis=1)[images], positives[images],
                            images)}  # fmt: skip
    if ranking.labels is not None:
        image, column = np.nonzero(looked)
        found["label"] = Trial(ranking.labels[looked], wrong[looked], 2 * column + given[looked], image)
    return {unit: trial for unit, trial in found.items() if trial.wrong.any() and not trial.wrong.all()}


def detection_rows(
    found: Sequence[Suspicion], given: Labels, truth: Labels, *, patients: Sequence[str], fraction: float, seed: int,
    draws: int = DRAWS,
) -> tuple[list[Row], list[Row]]:  # fmt: skip
    """Tell how well rankings find wrong labels, in labels and in images.

    Parameters
    ----------
    given, truth: see `trials`. patients: of each image, resampled for the intervals.
    fraction: share of the units in the list whose precision is told.

    Returns
    -------
    ranking, unit (label, image), target, units, wrong, auroc, within (AUROC of pairs of the same class, or of images
    with the same number of given positives), n (units in the list), precision, each with _low and _high, random and
    ideal (the precision of a random and of a perfect list), note; and the curves: ranking, unit, target, share (looked
    at), found (share of the wrong ones among them), random, ideal.
    """
    weights = resampled(patients, seed, draws)
    rows, curves = [], []
    for ranking in found:
        for target, values in TARGETS:
            for unit, trial in trials(ranking, given, truth, values).items():
                head: Row = {"ranking": ranking.name, "unit": unit, "target": target}
                size, wrong = len(trial.wrong), int(trial.wrong.sum())
                n = max(1, int(fraction * size))
                rows.append(head | {"units": size, "wrong": wrong} | trial.measures(weights, n / size, seed) | {
                    "n": n, "random": wrong / size, "ideal": min(1.0, wrong / n), "note": ranking.note,
                })  # fmt: skip
                curves += [head | point for point in trial.curve(seed)]
    return rows, curves


def shared_rows(
    found: Sequence[Suspicion], given: Labels, exemplar: npt.NDArray[np.bool_], seed: int
) -> list[Row]:
    """Compare the images that each ranking suspects most with the exemplars, in lists of the same length.

    Returns
    -------
    ranking, exemplars, both, jaccard (both / either), jaccard_chance (of two lists drawn at random).
    """
    size, rows = int(exemplar.sum()), []
    none, places = np.zeros(len(given), dtype=np.int64), np.arange(len(given))
    for ranking in found:
        order = Trial(ranking.of_images(given, (0, 1)), exemplar, none, places).order(seed)
        both, chance = int(exemplar[order[:size]].sum()), size * size / len(given)
        rows.append({"ranking": ranking.name, "exemplars": size, "both": both, "jaccard": both / (2 * size - both),
                     "jaccard_chance": chance / (2 * size - chance), "note": ranking.note})  # fmt: skip
    return rows
