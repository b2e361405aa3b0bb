"""Exemplars of the training split: each image is judged by networks that have not seen it, nor its patient.

Networks are trained on all folds but one, for at least three seeds, with early stopping on the validation split that
all share, and predict the fold that was left out, dense and pruned. Scores are averaged over the seeds, agreements are
ranked within the fold, since networks of different folds differ, and the lowest ranks of all folds are exemplars.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.conditions import DENSE, Condition
from analysis.durable import sha256_file, whole_folder, write_whole
from analysis.experiment.plan import Job, Plan, freeze, one_network
from analysis.imports.importing import import_predictions
from analysis.imports.listing import Choices
from analysis.selection import CRITERIA, SelectionError, read_run
from analysis.selection.exemplars import find_in_run, tie_order, within_folds
from analysis.selection.validity import judge
from analysis.sweep.data.people import read_people
from analysis.sweep.data.splits import read_split
from analysis.sweep.data_spec import DataSpec
from analysis.sweep.errors import DataError, SpecError
from analysis.sweep.spec import SweepSpec

KIND = "cross-fit"
FOLDS, FEWEST_SEEDS = 5, 3
CRITERION, FRACTION = "spearman", 0.05


def plan_cross_fit(
    spec: SweepSpec,
    folder: Path,
    *,
    level: float = 0.9,
    criterion: str = CRITERION,
    fraction: float = FRACTION,
) -> Plan:
    """Draw the folds and freeze which networks are trained on which images.

    Parameters
    ----------
    spec: data with training and validation labels, and the recipe; `[train] seeds` are trained in every fold.
    folder: of the experiment.
    level: share of weights that is removed. criterion, fraction: as of exemplars.

    Raises
    ------
    SweepError: fewer than three seeds, no validation labels, no patients, a criterion that looks at single networks;
        another experiment in the folder.
    """
    if len(spec.train.seeds) < FEWEST_SEEDS:
        raise SpecError(
            f"[train] seeds: expected {FEWEST_SEEDS} or more for each fold, got {len(spec.train.seeds)}"
        )
    if criterion not in CRITERIA or CRITERIA[criterion].seedwise:
        raise SpecError(f"criterion: expected one that compares mean scores, got {criterion!r}")
    folder, data = folder.absolute(), _training_as_test(spec.data)
    split, val = read_split(data.labels_test, data, "test"), read_split(data.labels_val, data, "val")
    people = read_people(split.images, data).frame
    if "patient" not in people:
        raise DataError("expected patients, which are kept in one fold, got none; give [data] metadata")
    fold = folds_by_patient(split.labels, people["patient"], FOLDS, spec.prune.seed)
    names = np.array(split.images)
    write_whole(
        folder / "folds.csv", pd.DataFrame({"image": names, "fold": fold}).to_csv(index=False).encode()
    )
    jobs = []
    for number in range(FOLDS):
        held, weights = folder / "folds" / f"{number}.txt", folder / "folds" / f"{number}.csv"
        write_whole(held, "".join(f"{name}\n" for name in names[fold == number]).encode())
        left_out = pd.DataFrame({"image": names[fold == number], "weight": 0})
        write_whole(weights, left_out.to_csv(index=False).encode())
        own = replace(spec, data=replace(data, split_test=held))
        levels = (0.0, level)
        jobs += [
            Job(f"fold-{number}", seed, one_network(own, seed, levels, sample_weights=weights))
            for seed in spec.train.seeds
        ]
    said = {
        "kind": KIND, "name": f"{data.name}, cross-fitting", "synthetic": data.synthetic,
        "images": {"count": len(names)},
        "choices": {"level": level, "criterion": criterion, "fraction": fraction, "folds": FOLDS},
        "digests": {"labels_train": split.sha256, "labels_val": val.sha256, "folds": sha256_file(folder / "folds.csv")},
    }  # fmt: skip
    return freeze(folder, said, jobs)


def finish_cross_fit(plan: Plan) -> list[str]:
    """Join the folds to `run`, a RUN folder of the training split, and write `exemplars.csv`; say what was found."""
    choices, out = plan.said["choices"], plan.folder / "run"
    folds = pd.read_csv(plan.folder / "folds.csv", dtype={"image": str}, keep_default_na=False)
    if not (out / "provenance.json").exists():
        _join(plan, folds, out)
    run = read_run(out)
    pair = run.pair(choices["level"], DENSE)
    options = {key: choices[key] for key in ("criterion", "fraction")}
    found = find_in_run(run, condition=pair[1], reference=pair[0], **options).ranked
    table = folds.merge(found.rename(columns={"score": "agreement"}), on="image", how="left", validate="1:1")
    agreement, place = table["agreement"].to_numpy(), tie_order(list(table["image"]), run.ties)
    table.insert(3, "rank", within_folds(agreement, place, table["fold"].to_numpy()))
    table["exemplar"] = table["exemplar"].eq(True).astype(int)  # blank without an agreement
    write_whole(plan.folder / "exemplars.csv", table.to_csv(index=False).encode())
    _, words = judge(run, pair=pair, seed=0, **options)
    told = f"{table['exemplar'].sum()} exemplars of {len(table)} training images: exemplars.csv"
    return [told, "scores of every image by networks that have not seen it: run", words]


def _join(plan: Plan, folds: pd.DataFrame, out: Path) -> None:
    """Put the folds' scores together and write them as predictions of the whole training split."""
    data = _training_as_test(plan.jobs[0].spec.data)
    place = {name: row for row, name in enumerate(folds["image"])}
    conditions = (DENSE, Condition.of(plan.said["choices"]["level"]).name)
    joined: dict[tuple[str, int], Any] = {}
    for job in plan.jobs:
        run = plan.run(job)
        rows = [place[name] for name in run.views["image"]]
        for name in conditions:
            shape = (len(place), len(data.classes))
            whole = joined.setdefault((name, job.seed), np.full(shape, np.nan, np.float32))
            whole[rows] = run.scores_of_views(job.seed, name)
    if any(np.isnan(scores).any() for scores in joined.values()):
        raise SelectionError(f"{plan.folder}: expected every image in one fold, got one without scores")
    parts = plan.folder / "parts"
    if not parts.exists():
        with whole_folder(parts) as half:
            for (name, seed), scores in joined.items():
                (half / name).mkdir(exist_ok=True)
                np.save(half / name / f"seed-{seed}.npy", scores)
    choices = Choices(data=data, folds=folds["fold"].to_numpy())
    import_predictions({name: parts / name for name in conditions}, out, choices)


def _training_as_test(data: DataSpec) -> DataSpec:
    """Return the data set with its training split, image by image, in the place of the test split."""
    return replace(data, labels_test=data.labels_train, split_test=data.split_train, cases="image")


def folds_by_patient(
    labels: NDArray[np.int8], patients: pd.Series, folds: int, seed: int
) -> NDArray[np.int64]:
    """Give each image a fold from 0, all images of a patient the same, positives of rare classes spread.

    Iterative stratification (Sechidis, Tsoumakas and Vlahavas 2011, "On the Stratification of Multi-Label Data"), a
    patient at a time: those with the rarest class first, each into the fold that has fewest positives of that class,
    of several the one with fewest images.

    Parameters
    ----------
    labels: images x classes, 1 for a positive. patients: one per image; a blank is a patient of its own.
    seed: of the order among patients alike.

    Raises
    ------
    DataError: fewer patients than folds.
    """
    blank = patients.isna() | (patients.astype(str) == "")
    owner = patients.where(~blank, [f"\0{n}" for n in range(len(labels))])
    groups = [rows.to_numpy() for _, rows in pd.Series(range(len(labels))).groupby(owner)]
    if len(groups) < folds:
        raise DataError(f"expected patients for {folds} folds, got {len(groups)}")
    known = labels == 1
    common = np.where(known.sum(axis=0) > 0, known.sum(axis=0), len(labels) + 1)
    order = np.random.default_rng(seed).permutation(len(groups))
    members = [(known[rows].sum(axis=0), rows) for rows in (groups[place] for place in order)]
    members.sort(key=lambda one: (common[one[0] > 0].min(initial=len(labels) + 1), -len(one[1])))
    given = np.zeros(len(labels), np.int64)
    positives, sizes = np.zeros((folds, known.shape[1])), np.zeros(folds)
    for own, rows in members:
        rarest = int(np.argmin(np.where(own > 0, common, len(labels) + 2)))
        fullness = positives[:, rarest] if own[rarest] else np.zeros(folds)
        fold = min(range(folds), key=lambda one: (fullness[one], sizes[one]))
        given[rows] = fold
        positives[fold] += own
        sizes[fold] += len(rows)
    return given
