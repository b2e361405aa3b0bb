"""Whether exemplars (PIEs) point to single images, or only show that the pruned networks have collapsed.

Pruned networks that answer nearly the same for every image disagree most with the dense ones on images far from the
average: such a list says nothing about what pruning forgets. So the pruned ensemble is replaced by a constant, its own
mean prediction, and what the constant alone would give is compared with the list. Beside it is the noise of training:
half of the dense networks against the other half.

The limits and the sentences are here and nowhere else.
"""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.conditions import Condition
from analysis.frames import IGNORED
from analysis.metrics.ranking import rank_quality
from analysis.selection.criteria import CRITERIA, modal_agreement
from analysis.selection.exemplars import agreements, rank_in_run
from analysis.selection.store import Run

Row = dict[str, Any]
Floats = npt.NDArray[np.float64]

COLLAPSED, DOUBTFUL, VALID = "collapsed", "doubtful", "valid"
LIMITS = ((COLLAPSED, 0.90, 0.50), (DOUBTFUL, 0.70, 0.25))
"""Verdict, and the correlation or the share of exemplars from which it holds (judgement)."""

SPLITS = 20
"""Random halves of the seeds."""

BEYOND = 18
"""Splits in which pruning's cut is lower, from which a list is said to exceed seed noise (judgement). Where the second
networks were only other seeds, a third of simulated runs of 2 seeds reached it, 5 to 13 % of 4, 2 % of 6, none of 30
(60 to 120 runs each, 1,000 images of 20 classes)."""
FEWEST_SEEDS = 6
"""Seeds from which it is said (judgement): fewer have too few different halves."""

SMALLEST_SCORE = 1e-6
"""Scores nearer to 0 or 1 count as this near when their log odds are taken."""


def verdict_of(correlation: float | None, shared: float | None) -> str | None:
    """Judge a list by what a constant alone would give; None where neither is known."""
    if correlation is None and shared is None:
        return None
    known = correlation or 0.0, shared or 0.0
    return next((said for said, *limits in LIMITS if known[0] >= limits[0] or known[1] >= limits[1]), VALID)


def validity_row(run: Run, *, criterion: str, pair: tuple[str, str], fraction: float) -> Row:
    """Judge the exemplars of one condition.

    Parameters
    ----------
    run, criterion, fraction: see `find_in_run`. pair: the reference and the condition, see `Run.pair`.

    Returns
    -------
    condition; verdict (collapsed, doubtful, valid or None); correlation: Pearson's over images, of their agreement and
    their agreement with the constant, -1 to 1; exemplars, and by_constant: how many of them the constant would give;
    shared: the share, 0 to 1; spread: standard deviation of the log odds over images, mean over classes, as a multiple
    of the reference ensemble's; ap_above, ap_above_dense: mean over classes of AP minus prevalence. None where not
    estimable. Spread and AP explain; they decide nothing.
    """
    own = agreements(run, np.ones((1, len(run.seeds)), dtype=np.int64), criterion, pair)[0]
    flat = _with_constant(run, criterion, pair)
    lists = [rank_in_run(run, scores, criterion, fraction).images for scores in (own, flat)]
    both = len(set(lists[0]) & set(lists[1]))
    shared = both / len(lists[0]) if lists[0] else None
    correlation = _correlation(own, flat)
    dense, pruned = (run.mean_scores(name) for name in pair)
    before, after = (_spread(scores) for scores in (dense, pruned))
    return {
        "condition": pair[1], "verdict": verdict_of(correlation, shared), "correlation": correlation,
        "exemplars": len(lists[0]), "by_constant": both, "shared": shared,
        "spread": after / before if before > 0 else None,
        "ap_above": _above_prevalence(run.labels, pruned), "ap_above_dense": _above_prevalence(run.labels, dense),
    }  # fmt: skip


def noise_floor(run: Run, *, criterion: str, pair: tuple[str, str], fraction: float, seed: int) -> Row:
    """Compare half A of the reference ("dense") with its half B, and with half B of the condition ("pruned").

    Over random splits of the seeds.

    Returns
    -------
    splits; floor, beyond: mean agreement of the images, dense with dense and dense with pruned, mean over the splits;
    floor_cut, beyond_cut: the same of the highest agreement of an exemplar; lower: in how many splits pruning's cut is
    the lower one; floor_shared: share of the exemplars of dense A and pruned B that dense A and dense B give too;
    seeds: their number. Without two seeds all but the first are None.
    """
    columns = ("floor", "beyond", "floor_cut", "beyond_cut", "lower", "floor_shared", "seeds")
    half = len(run.seeds) // 2
    if half < 1:
        return {"splits": 0, **dict.fromkeys(columns)}
    rng = np.random.default_rng([seed, 5])
    orders = np.stack([rng.permutation(len(run.seeds)) for _ in range(SPLITS)])
    one, other = ((orders[:, None, part] == np.arange(len(run.seeds))[None, :, None]).any(axis=2).astype(np.int64)
                  for part in (slice(0, half), slice(half, 2 * half)))  # fmt: skip
    rows = []
    pairs = zip(
        *(agreements(run, one, criterion, (pair[0], name), against=other) for name in pair), strict=True
    )
    for floor, beyond in pairs:
        found = [rank_in_run(run, scores, criterion, fraction) for scores in (floor, beyond)]
        cuts = [1.0 if each.cut is None else each.cut for each in found]
        both = len(set(found[0].images) & set(found[1].images))
        shared = both / max(len(found[1].images), 1)
        rows.append((np.nanmean(floor), np.nanmean(beyond), *cuts, cuts[1] < cuts[0], shared))
    means = np.array(rows, dtype=float).mean(axis=0)
    row = dict(zip(columns[:-1], means.tolist(), strict=True))
    return {"splits": SPLITS, **row, "lower": round(SPLITS * row["lower"]), "seeds": len(run.seeds)}


def validity_rows(run: Run, *, criterion: str, fraction: float, reference: str = "") -> list[Row]:
    """Judge every condition but the reference (blank: the run's); see `validity_row`."""
    base = reference or run.conditions[0]
    others = [name for name in run.conditions if name != base]
    return [validity_row(run, criterion=criterion, pair=(base, name), fraction=fraction) for name in others]


def highest_valid(rows: Sequence[Row]) -> float | None:
    """Return the highest share of removed weights at which the exemplars are valid; None where none is."""
    levels = (Condition.of(row["condition"]).level for row in rows if row["verdict"] == VALID)
    return max((level for level in levels if level is not None), default=None)


_SAID: dict[str, str] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))


def validity_words(row: Row, floor: Row | None = None) -> str:
    """Say in sentences what `validity_row` and `noise_floor` found."""
    condition = Condition.of(row["condition"])
    nets = "pruned networks" if condition.level else f"networks of {condition.name}"
    alone = "likeness" if row["correlation"] is not None else "no_likeness"
    noise = floor if floor and floor["splits"] else {}
    few = noise.get("seeds", FEWEST_SEEDS) < FEWEST_SEEDS
    told = {
        row["verdict"] or "unknown": True,
        alone: row["verdict"],
        "spread": None not in (row["spread"], row["ap_above"]),
        "noise": noise,
        "few_seeds" if few else "exceeds" if noise.get("lower", 0) >= BEYOND else "within": noise,
    }
    values = row | noise | {"nets": nets, "at": _at(condition), "share": 100 * noise.get("floor_shared", 0)}
    return " ".join(_SAID[name].format_map(values) for name, there in told.items() if there)


def _at(condition: Condition) -> str:
    return f"at {100 * condition.level:.0f} %" if condition.level else f"of {condition.name}"


def proposal_words(rows: Sequence[Row] | None, condition: str) -> str:
    """Say which level the validation split proposes; the condition that was chosen is never changed."""
    if rows is None:
        return _SAID["no_proposal"]
    best = highest_valid(rows)
    found = "no level is valid" if best is None else f"{100 * best:.0f} % is the highest valid level"
    used = Condition.of(condition)
    named = (
        f"level used here, {100 * used.level:.0f} %" if used.level else f"condition used here, {used.name}"
    )
    return f"On the validation split {found}; the {named}, stays as it was chosen."


def _with_constant(run: Run, criterion: str, pair: tuple[str, str]) -> Floats:
    """Return the agreement of each image with the mean prediction of the condition's networks, those of its fold."""
    rule, folds = CRITERIA[criterion], run.folds

    def constant(scores: npt.NDArray[Any]) -> npt.NDArray[Any]:
        flat = np.broadcast_to(scores.mean(axis=0), scores.shape).copy()
        for one in () if folds is None else np.unique(folds):
            flat[folds == one] = scores[folds == one].mean(axis=0)
        return flat

    if rule.seedwise:
        dense = np.stack([run.scores(seed, pair[0]) for seed in run.seeds])
        after = np.stack([constant(run.scores(seed, pair[1])) for seed in run.seeds])
        return np.asarray(modal_agreement(dense, after, np.ones((1, len(run.seeds)), dtype=np.int64))[0])
    return np.asarray(rule.agreement(run.mean_scores(pair[0]), constant(run.mean_scores(pair[1]))))


def _correlation(one: Floats, other: Floats) -> float | None:
    known = np.isfinite(one) & np.isfinite(other)
    if known.sum() < 3 or min(np.ptp(one[known]), np.ptp(other[known])) < 1e-12:
        return None
    return float(np.corrcoef(one[known], other[known])[0, 1])


def _spread(scores: Floats) -> float:
    near = np.clip(scores, SMALLEST_SCORE, 1 - SMALLEST_SCORE)
    return float(np.log(near / (1 - near)).std(axis=0).mean())


def _above_prevalence(labels: npt.NDArray[np.generic], scores: Floats) -> float | None:
    known = np.asarray(labels) != IGNORED
    prevalence = ((np.asarray(labels) == 1) & known).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    above = rank_quality(labels, scores).ap - prevalence
    return float(np.nanmean(above)) if np.isfinite(above).any() else None


def judge(
    run: Run,
    *,
    criterion: str,
    pair: tuple[str, str],
    fraction: float,
    seed: int,
    validation: Run | None = None,
) -> tuple[list[Row], str]:
    """Judge every condition of a run, and say in words what holds of the chosen one.

    Parameters
    ----------
    seed: of the splits. validation: a run of the same networks on the validation split.

    Returns
    -------
    The rows of `validity_row`, that of the chosen condition with the columns of `noise_floor` too, and the sentences.
    """
    rows = validity_rows(run, criterion=criterion, fraction=fraction, reference=pair[0])
    proposed = (
        None if validation is None else validity_rows(validation, criterion=criterion, fraction=fraction)
    )
    floor = noise_floor(run, criterion=criterion, pair=pair, fraction=fraction, seed=seed)
    own = next(row for row in rows if row["condition"] == pair[1])
    words = f"{validity_words(own, floor)} {proposal_words(proposed, pair[1])}"
    return [row | (floor if row is own else dict.fromkeys(floor)) for row in rows], words
