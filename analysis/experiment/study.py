"""A retraining experiment as STUDY.toml defines it, and its arms.

An action is done to the exemplars of a list, and for comparison to a random set of images with the same labels, drawn
again for each seed. Nothing else differs between the networks of a seed: first weights, order of the images, steps.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.columns import Column
from analysis.durable import sha256_bytes, sha256_file, sha256_of_all, write_whole
from analysis.experiment.plan import Job, Plan, freeze, one_network
from analysis.frames import IGNORED
from analysis.sweep.data.amended import about_images, relabelled
from analysis.sweep.data.splits import Split, class_groups, locate_images, read_split
from analysis.sweep.data_spec import need
from analysis.sweep.errors import DataError, SpecError
from analysis.sweep.spec import plain
from analysis.sweep.toml import load_spec, section_of

KIND = "retrain"
BASELINE, ON_LIST, ON_RANDOM = "baseline", "exemplars", "random"
ACTIONS = ("remove", "upweight", "relabel")
WEIGHTS = {"remove": 0.0, "upweight": 2.0}
FEWEST_SEEDS, FEWEST_LISTS = 20, 3
"""For a verdict, and for one that is not of a single list."""


@dataclass(frozen=True)
class StudySpec:
    """[study] of STUDY.toml.

    `spec`: a specification with training, validation and test labels and the recipe. `lists`: files with the columns
    image and exemplar (1 or 0), about images of the training split; seeds take turns with them. `better_labels`:
    image and a column per class with 0, 1 or blank (the label stays), of some training images, for relabelling.
    `seeds` count up from `first_seed`. `groups` of classes beside `tail` are looked at as well, named beforehand.
    `test_labels` and `test_sample` are an assertion about the test split: labels that were corrected only where
    readers looked would favour whatever made them look.
    """

    name: str
    spec: Path
    lists: tuple[str, ...]
    test_labels: str
    test_sample: str
    actions: tuple[str, ...] = ("remove", "upweight")
    better_labels: Path | None = None
    seeds: int = FEWEST_SEEDS
    first_seed: int = 1000
    groups: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse nonsense."""
        known, groups = set(self.actions) <= set(ACTIONS), set(self.groups) <= {"head", "medium"}
        relabel, better = "relabel" in self.actions, self.better_labels is not None
        for key, wanted, good in (
            ("lists", "one or more", len(self.lists) > 0),
            ("actions", f"some of {ACTIONS}", 0 < len(self.actions) == len(set(self.actions)) and known),
            ("better_labels", "with relabel, not without", relabel == better),
            ("test_labels", "true or expert", self.test_labels in ("true", "expert")),
            ("test_sample", '"unselected": a sample of all images', self.test_sample == "unselected"),
            ("seeds", "2 or more", self.seeds >= 2),
            ("first_seed", "a whole number from 0", self.first_seed >= 0),
            ("groups", "head, medium or both", groups),
        ):
            need(good, key, wanted, getattr(self, key))


def load_study(path: Path) -> StudySpec:
    """Read STUDY.toml; relative paths in it start at its folder.

    Raises
    ------
    SpecError: no such file, no TOML, an unknown key, an impossible value.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SpecError(f"{path}: expected a TOML file, got the error '{error}'") from error
    study: StudySpec = section_of(StudySpec, content.get("study"), path.absolute().parent, f"{path}, [study]")
    return study


def plan_study(path: Path, folder: Path) -> Plan:
    """Draw the random sets, freeze the experiment, and write the files of its arms.

    Raises
    ------
    SweepError: a list or labels that are not of the training split, no class in the tail, a test split without images;
        another experiment in the folder.
    """
    folder, study = folder.absolute(), load_study(path)
    spec = load_spec(study.spec)
    data = spec.data
    splits = {
        role: read_split(getattr(data, f"labels_{role}"), data, role) for role in ("train", "val", "test")
    }
    locate_images(splits["test"], data)
    train = splits["train"]
    groups = class_groups(data, splits["test"], train)
    tail = (groups["class_group"] == "tail") & (groups["test_positives"] > 0)
    if not tail.any():
        raise DataError("expected classes in the tail with positive test images, got none; see [data] tail")
    lists = [listed(train, Path(file)) for file in study.lists]
    if len({tuple(rows) for rows in lists}) < len(lists):
        raise DataError("lists: expected independent lists, got the same images twice")
    made = list(_arms(study, spec.data.classes, train, lists, folder))
    jobs = [
        Job(arm, seed, one_network(spec, seed, (0.0,), **({} if file is None else {kind: file})))
        for arm, seed, kind, file, _ in made
    ]
    amended = {file: content for *_, file, content in made if file is not None}
    files = {f"labels_{role}": split.sha256 for role, split in splits.items()}
    files |= {f"list-{n}": sha256_file(Path(file)) for n, file in enumerate(study.lists)}
    files["arms"] = sha256_of_all({file.name: sha256_bytes(content) for file, content in amended.items()})
    choices = {k: v for k, v in plain(study).items() if k not in ("name", "spec", "lists", "better_labels")}
    said = {
        "kind": KIND, "name": study.name, "synthetic": data.synthetic,
        "images": {"count": len(train.images)},
        "choices": {**choices, "lists": len(lists), "sizes": [len(rows) for rows in lists]}, "digests": files,
    }  # fmt: skip
    plan = freeze(folder, said, jobs)  # first: what another experiment refuses leaves its arms as they are
    for file, content in amended.items():
        write_whole(file, content)
    return plan


def listed(train: Split, file: Path) -> NDArray[np.int64]:
    """Return the rows of the training split that a list marks as exemplars; raise DataError for a list without any."""
    marks = about_images(train, file, Column("exemplar", "binary", "1 for an exemplar"))["exemplar"]
    found = np.sort(marks.index[marks == 1].to_numpy(np.int64))
    if not len(found):
        raise DataError(f"{file}: expected a 1 in the column exemplar, got none")
    return found


def _arms(
    study: StudySpec, classes: tuple[str, ...], train: Split, lists: list[NDArray[np.int64]], folder: Path
) -> Iterator[tuple[str, int, str, Path | None, bytes]]:
    """Give arm, seed, the key of [train], its file and what is in it for each network, all of a seed together."""
    if study.better_labels:
        better, known = relabelled(train, study.better_labels, classes)
    for number in range(study.seeds):
        seed, chosen = study.first_seed + number, lists[number % len(lists)]
        yield BASELINE, seed, "", None, b""
        for action in study.actions:
            wanted, pool = chosen, np.arange(len(train.images))
            if action == "relabel":
                wanted, pool = np.intersect1d(chosen, known), np.setdiff1d(known, chosen)
                if not len(wanted):
                    raise DataError(f"{study.better_labels}: expected labels of some exemplars, got none")
            pool = np.setdiff1d(pool, chosen)
            for what, rows_of in (
                (ON_LIST, wanted),
                (ON_RANDOM, matched_set(train.labels, wanted, pool, seed)),
            ):
                arm = f"{action}-{what}"
                names = pd.DataFrame({"image": np.array(train.images)[rows_of]})
                if action == "relabel":
                    given = pd.DataFrame(better[rows_of], columns=list(classes), dtype="Int64")
                    names, kind = names.join(given.mask(given == IGNORED)), "relabel"
                else:
                    names, kind = names.assign(weight=WEIGHTS[action]), "sample_weights"
                file = folder / "arms" / f"{arm}_seed-{seed}.csv"
                yield arm, seed, kind, file, names.to_csv(index=False).encode()


def matched_set(
    labels: NDArray[np.int8], chosen: NDArray[np.int64], pool: NDArray[np.int64], seed: int
) -> NDArray[np.int64]:
    """Draw as many other images as are chosen, each with the labels of one of them.

    Where no image of the pool with the same labels is left, the nearest takes its place: the one with fewest labels
    that differ.

    Parameters
    ----------
    labels: images x classes. chosen, pool: rows; rows that are in both are left out of the pool.

    Raises
    ------
    DataError: a pool of fewer images than are chosen.
    """
    draw = np.random.default_rng(seed)
    left = list(draw.permutation(np.setdiff1d(pool, chosen)))
    if len(left) < len(chosen):
        raise DataError(f"expected {len(chosen)} images to draw a random set from, got {len(left)}")
    found = []
    for row in draw.permutation(chosen):
        differing = (labels[left] != labels[row]).sum(axis=1)
        found.append(left.pop(int(np.argmin(differing))))
    return np.sort(np.array(found, np.int64))
