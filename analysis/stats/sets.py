"""Matched sets of one PIE and its controls: each reader's mean over sets, readers and sets both random.

h(reader, set) is the mean over the controls of the set that the reader answered: of [PIE > control] with half of ties,
or of PIE minus control. Up to version 3 of the analysis the differences of 1:1 pairs were analysed alone.
"""

from dataclasses import replace

import numpy as np
import pandas as pd

from analysis.endpoints import Endpoint
from analysis.stats.conclusions import direction
from analysis.stats.grid import Bools, Floats, Grid, Integers, linked
from analysis.stats.permutation import Distance, Permuted, permute_arms
from analysis.stats.plan import DECLARED, Plan
from analysis.stats.primary import blank_row, difference_row, few_effective, tested
from analysis.stats.rows import Comparison, on_arcsine_scale
from analysis.stats.ustatistic import Kernel, UBatch, UEstimate, from_sums, summed

# Biased sums to sums over disjoint indices: same cell, same reader, same set, all.
_DISJOINT = np.array([[1, 0, 0, 0], [-1, 1, 0, 0], [-1, 0, 1, 0], [1, -1, -1, 1]], dtype=float)


def set_values(pie: Floats, controls: Floats, kernel: Kernel) -> Floats:
    """Return h from answers to PIEs (... x sets) and their controls (... x sets x k): ... x sets, NaN where absent.

    A set needs its PIE and one control; NaN marks what was not answered, and fills sets of fewer controls.
    """
    difference = pie[..., None] - controls
    here = ~np.isnan(difference)
    values = difference if kernel == "difference" else 0.5 * np.sign(difference) + 0.5
    total, count = np.where(here, values, 0.0).sum(axis=-1), here.sum(axis=-1)
    return np.asarray(np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0), dtype=float)


def set_members(grid: Grid, *, pairs_only: bool = False) -> list[Integers]:
    """Return the columns of `grid.answers` of each set, the PIE first; only sets of one PIE and at least one control.

    With `pairs_only` those of exactly one control.
    """
    n_pie = len(grid.pie_cases)
    members: dict[str, list[int]] = {}
    for column, name in enumerate(grid.pairs):
        if name:
            members.setdefault(name, []).append(column)
    kept = [own for own in members.values() if sum(column < n_pie for column in own) == 1 and len(own) > 1]
    return [np.array(own, dtype=np.int64) for own in kept if len(own) == 2 or not pairs_only]


def set_matrix(grid: Grid, members: list[Integers], kernel: Kernel) -> Floats:
    """Return h of one question, readers x sets, NaN where absent."""
    most = max(len(own) for own in members) - 1
    controls = np.full((len(grid.readers), len(members), most), np.nan)
    for k, own in enumerate(members):
        controls[:, k, : len(own) - 1] = grid.answers[:, own[1:]]
    return set_values(grid.answers[:, [own[0] for own in members]], controls, kernel)


def two_way(values: Floats, *, equal: bool = True, clusters: Integers | None = None) -> UBatch:
    """Estimate the mean over readers and sets, both random, of studies x readers x sets, NaN where absent.

    Every reader has a value. The variance is that of a U-statistic over readers and sets: sums over disjoint indices,
    centred; crossed and complete it is (MSR + MSK - MSE) / (R K), and its degrees of freedom are Satterthwaite's.
    `equal` counts readers alike, else by their sets. `clusters` numbers the sets; those of one number, which share a
    patient, are summed before they are squared and count as one. None: each is its own.
    """
    here = ~np.isnan(values)
    counts = here.sum(axis=-1)
    weights = np.where(here, (1 / counts if equal else np.ones(counts.shape))[..., None], 0.0)
    filled = np.where(here, values, 0.0)
    own = filled.sum(axis=-1) / counts
    shares = weights.sum(axis=-1) / weights.sum(axis=(-2, -1))[..., None]
    estimate = own.mean(axis=-1) if equal else filled.sum(axis=(-2, -1)) / counts.sum(axis=-1)
    codes = np.arange(values.shape[-1]) if clusters is None else clusters
    sums = _sums(summed(weights * (filled - estimate[..., None, None]), codes, -1)[1])
    present = _sums(summed(weights, codes, -1)[1])
    variance, variance_v, df = _moments(sums, present, np.asarray(here.all(axis=(-2, -1))))
    return UBatch(estimate, variance, variance_v, df, df, own, 1 / (shares**2).sum(axis=-1))


def _sums(x: Floats) -> Floats:
    rows, columns = x.sum(axis=-1), x.sum(axis=-2)
    parts = [
        (x**2).sum(axis=(-2, -1)),
        (rows**2).sum(axis=-1),
        (columns**2).sum(axis=-1),
        rows.sum(axis=-1) ** 2,
    ]
    return np.stack(parts, axis=-1)


def _moments(sums: Floats, present: Floats, complete: Bools) -> tuple[Floats, Floats, Floats]:
    """Return the unbiased and the biased variance and the degrees of freedom."""
    variance, variance_v, shares, biased = from_sums(sums, present, _DISJOINT)
    d = np.maximum(np.round(1 / (shares[..., :1] + shares[..., 1:3]) - 1), 1.0)
    components = biased[..., 1:3] - biased[..., 3:]
    spread = (components**2 / d**3).sum(axis=-1)
    rest, d_rest = biased[..., 0] - biased[..., 1] - biased[..., 2] + biased[..., 3], d.prod(axis=-1)
    spread = spread + np.where(complete, rest**2 / d_rest**3, 0.0)
    found = np.divide(variance**2, spread, out=np.zeros_like(spread), where=spread > 0)
    return variance, variance_v, np.maximum(found, d.min(axis=-1))


def compare_sets(
    grid: Grid, endpoint: Endpoint, *, seed: int, draws: int, plan: Plan = DECLARED
) -> list[Comparison]:
    """Compare the arms within matched sets: theta_set, the difference in points, and the PIE chosen again in each set.

    Up to version 3 of the analysis: the difference of 1:1 pairs, readers counted by their pairs, and the sign flip.

    Parameters
    ----------
    grid: answers with recorded sets.
    endpoint: the question.
    seed, draws: of the permutation.
    plan: for version, names, and the level of tests and intervals.
    """
    found, named = set_members(grid, pairs_only=not plan.sets), plan.groups
    row = blank_row(grid, endpoint, "theta_set" if plan.sets else "pairs")
    row = row if plan.sets else replace(row, scale="difference")
    if len(found) < 2:
        what = "" if plan.sets else "only "
        return [
            row.noted(
                f"not available: needs two matched sets of one {named.one} and {what}its {named.others}"
            )
        ]
    read = ~np.isnan(set_matrix(grid, found, "win"))
    if not read.any():
        return [row.noted(f"not available: no reader answered the {named.one} and a {named.other} of a set")]
    cells = np.ix_(read.any(axis=1), read.any(axis=0))
    row = replace(row, readers=len(cells[0]), extra={"sets" if plan.sets else "pairs": cells[1].size})
    permuted = _permuted(grid, found, seed, draws, plan)
    test = _permutation_row(row, permuted, plan)
    clusters = None if grid.patients is None else _clusters(found, grid.patients)[cells[1][0]]
    values = {kernel: set_matrix(grid, found, kernel)[cells][None] for kernel in KERNELS}
    if not plan.sets:
        u = two_way(values["difference"], equal=False).one(scale=endpoint.span(grid.given))
        row = _estimated(row, u).noted(few_effective(u.effective_readers, len(cells[0])))
        row = tested(row, u, replace(grid, thin=()), None, plan)
        return [replace(row, direction=direction(row, endpoint, plan)), test]
    own = replace(grid, thin=grid.few_sets)
    u = two_way(values["win"], clusters=clusters).one()
    left_out = _left_out(grid, found, read)
    row = _estimated(row, u).noted(*grid.warnings(), *left_out)
    row = on_arcsine_scale(
        tested(replace(row, cliffs_delta=2 * u.estimate - 1), u, own, permuted, plan), plan.level
    )
    points = two_way(values["difference"], clusters=clusters).one(scale=endpoint.span(grid.given))
    difference = difference_row(own, endpoint, points, row, plan, "difference_set")
    return [
        replace(row, direction=direction(row, endpoint, plan)),
        difference.noted(*left_out),
        replace(test, estimate=row.estimate),
    ]


def _clusters(members: list[Integers], patients: Integers) -> Integers:
    """Number the sets, those that share a patient alike."""
    sizes = [len(own) for own in members]
    places = np.repeat(np.arange(len(members)), sizes)
    links = linked(places, patients[np.concatenate(members)])
    return np.asarray(links[np.cumsum([0, *sizes[:-1]])], dtype=np.int64)


KERNELS: tuple[Kernel, ...] = ("win", "difference")


def _estimated(row: Comparison, u: UEstimate) -> Comparison:
    return replace(row, estimate=u.estimate, effective_readers=u.effective_readers)


def _left_out(grid: Grid, members: list[Integers], read: Bools) -> list[str]:
    """Say who and how many answers are in no set that can be compared."""
    answered = ~np.isnan(grid.answers)
    used = sum(int((read[:, [k]] & answered[:, own]).sum()) for k, own in enumerate(members))
    rest = int(answered.sum()) - used
    lost = np.array(grid.readers)[~read.any(axis=1)]
    found = [f"dropped for lack of an answered set: {', '.join(lost)}"] if len(lost) else []
    if rest:
        found.append(f"{rest} answers are in no set that their reader answered, and are not compared")
    return found


def _permuted(grid: Grid, members: list[Integers], seed: int, draws: int, plan: Plan) -> Permuted:
    cases = (*grid.pie_cases, *grid.control_cases)
    names = [f"set {name}" if name else f"case {case}" for name, case in zip(grid.pairs, cases, strict=True)]
    strata = np.asarray(pd.factorize(np.array(names, dtype=object))[0], dtype=np.int64)
    distance = _set_distance(grid, members) if plan.sets else None
    return permute_arms(grid.answers, grid.is_pie, strata, seed=seed, draws=draws, distance=distance)


def _set_distance(grid: Grid, members: list[Integers]) -> Distance:
    """Return |theta_set - 0.5| of relabellings, from h of every case as if it were the PIE of its set."""
    effect, here = np.zeros(grid.answers.shape), np.zeros(grid.answers.shape)
    for own in members:
        answers = grid.answers[:, own]
        for place, case in enumerate(own):
            value = set_values(answers[:, [place]], np.delete(answers, place, axis=1)[:, None], "win")[:, 0]
            effect[:, case], here[:, case] = np.nan_to_num(value - 0.5), ~np.isnan(value)

    def distance(labels: Floats) -> Floats:
        counts = labels @ here.T
        own = np.divide(labels @ effect.T, counts, out=np.zeros_like(counts), where=counts > 0)
        readers = (counts > 0).sum(axis=1)
        total = np.abs(own.sum(axis=1))
        return np.asarray(np.divide(total, readers, out=np.zeros_like(total), where=readers > 0), dtype=float)

    return distance


def _permutation_row(row: Comparison, permuted: Permuted, plan: Plan) -> Comparison:
    how = f"the {plan.groups.one} chosen again" if plan.sets else "arms exchanged"
    return replace(
        row,
        method="set_permutation" if plan.sets else "sign_flip",
        scale="theta",
        p=permuted.p,
        p_from="permutation",
        extra={"relabellings": permuted.relabellings},
    ).noted(f"{how} within matched sets; exact for no effect for these readers, not for new readers")
