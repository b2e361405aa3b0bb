"""What predictions there are: seeds, conditions and data set, with its classes and the names of its images."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.conditions import DENSE, Condition, in_order
from analysis.imports.errors import PredictionsError
from analysis.imports.readers import SUFFIXES
from analysis.sweep.data_spec import DataSpec
from analysis.sweep.layouts import CLASS_SETS
from analysis.sweep.spec import OUTPUTS
from analysis.tablefile import read_table

_NAME = re.compile(
    r"(?:(?P<dataset>[\w.-]+)_(?P<architecture>[A-Za-z0-9.-]+)_)?"
    r"seed-(?P<seed>\d{1,9})_(?:prune|sparsity)-(?P<sparsity>0(?:\.\d{1,2})?)"
    rf"(?P<suffix>{'|'.join(map(re.escape, SUFFIXES))})"
)
"""`{dataset}_{architecture}_seed-{s}_prune-{k}.pkl` as published, or `seed-{s}_sparsity-{k}.npy` as in a RUN."""


_SEED = re.compile(r"seed[-_](\d{1,9})(?!\d)")

Places = Path | Mapping[str, Path]
"""A folder whose files' names say seed and share of removed weights, or a folder or file for each named condition."""


@dataclass(frozen=True)
class PredictionFile:
    """One file of predictions: `name` is what messages and provenance call it, `dataset` None where it says none."""

    path: Path
    name: str
    seed: int
    condition: str
    dataset: str | None = None


@dataclass(frozen=True)
class Listing:
    """The files of a complete grid of seeds and conditions, in that order, and the names left aside.

    `conditions`: names, the reference first.
    """

    files: tuple[PredictionFile, ...]
    conditions: tuple[str, ...]
    aside: tuple[str, ...]

    @property
    def dataset(self) -> str | None:
        """The data set that the files' names say."""
        return self.files[0].dataset


def list_predictions(places: Places) -> Listing:
    """List predictions; in a folder of a grid files of other names (also `..._val.pkl`) are left aside.

    Of named conditions the first is the reference. The files of one say their seeds (`seed-0`) where there are several.

    Raises
    ------
    ConditionError: a name that is none.
    PredictionsError: no such place, no predictions, two data sets, one seed and condition twice, or a grid with
        holes (each is named), or without a reference.
    """
    if isinstance(places, Path):
        where, (found, aside) = places, _of_grid(places)
    else:
        where, (found, aside) = Path(), ([f for one in places.items() for f in _of_condition(*one)], ())
    first = DENSE if isinstance(places, Path) else found[0].condition
    conditions = in_order([first, *(f.condition for f in found)], first)
    if len(conditions) < 2 and not isinstance(places, Path):
        raise PredictionsError("expected two or more conditions as NAME=PATH, got one")
    files = sorted(found, key=lambda f: (f.seed, conditions.index(f.condition)))
    _check_grid(where, files, conditions)
    return Listing(tuple(files), conditions, aside)


def _of_grid(folder: Path) -> tuple[list[PredictionFile], tuple[str, ...]]:
    names = _inside(folder)
    parts = {name: hit for name in names if (hit := _NAME.fullmatch(name))}
    if not parts:
        raise PredictionsError(
            f"{folder}: expected files named DATASET_ARCHITECTURE_seed-S_prune-K with the ending "
            f"{', '.join(SUFFIXES)}, got none"
        )
    files = [
        PredictionFile(folder / name, name, int(p["seed"]), Condition.of(p["sparsity"]).name, p["dataset"])
        for name, p in parts.items()
    ]
    return files, tuple(name for name in names if name not in parts)


def _of_condition(told: str, place: Path) -> list[PredictionFile]:
    condition = Condition.of(told).name
    paths = [place] if place.is_file() else [place / name for name in _inside(place)]
    files = []
    for path in paths:
        seed = _SEED.search(path.stem)
        if seed is None and len(paths) > 1:
            raise PredictionsError(f"{path}: expected seed-S in the names of several files, got none")
        if path.suffix not in SUFFIXES:
            raise PredictionsError(f"{path}: expected the ending {', '.join(SUFFIXES)}, got {path.suffix!r}")
        number = int(seed[1]) if seed else 0
        files.append(PredictionFile(path, f"{condition}/{path.name}", number, condition))
    if not files:
        raise PredictionsError(f"{place}: expected files of predictions ({', '.join(SUFFIXES)}), got none")
    return files


def _inside(folder: Path) -> list[str]:
    if not folder.is_dir():
        raise PredictionsError(f"{folder}: expected a folder of predictions, found none")
    return sorted(
        path.name for path in folder.iterdir() if path.is_file() and path.suffix.lower() in SUFFIXES
    )


def _check_grid(where: Path, files: Sequence[PredictionFile], conditions: Sequence[str]) -> None:
    datasets = sorted({str(f.dataset) for f in files})
    if len(datasets) > 1:
        raise PredictionsError(f"{where}: expected predictions of one data set, got {', '.join(datasets)}")
    seen: dict[tuple[int, str], PredictionFile] = {}
    for file in files:
        before = seen.setdefault((file.seed, file.condition), file)
        if before is not file:
            raise PredictionsError(
                f"{where}: expected one file of seed {file.seed} in the condition {file.condition}, "
                f"got {before.name} and {file.name}"
            )
    seeds = sorted({s for s, _ in seen})
    absent = [f"seed {s} of {name}" for s in seeds for name in conditions if (s, name) not in seen]
    if absent:
        more = f" and {len(absent) - 5} more" if len(absent) > 5 else ""
        raise PredictionsError(
            f"{where}: expected each of {len(seeds)} seeds in each of {len(conditions)} conditions, "
            f"missing: {', '.join(absent[:5])}{more}"
        )


ID_COLUMNS = ("id", "path", "image")


@dataclass(frozen=True)
class Choices:
    """What the user says about the predictions' data set.

    `data` says all of the data set, as the [data] section of a specification; or `labels` and what follows it do:
    `classes` is empty (found by the files' names or the label file's columns), one name of a class set, or the
    class names in column order. `synthetic` says that the images are synthetic.

    `id_column` names the images in the files of predictions; blank: as in the label file. `logits` are the conditions
    whose files hold logits, turned into scores by `output`.

    `folds`: of cross-fitted predictions, the fold of each image (whole numbers from 0, in the label file's order);
    agreements are then ranked within it.
    """

    labels: Path | None = None
    labels_train: Path | None = None
    metadata: Path | None = None
    classes: tuple[str, ...] = ()
    synthetic: bool = False
    data: DataSpec | None = None
    id_column: str = ""
    logits: tuple[str, ...] = ()
    output: str = OUTPUTS[0]
    folds: NDArray[np.int64] | None = None


def data_spec(choices: Choices, dataset: str | None) -> DataSpec:
    """Describe the data set.

    Parameters
    ----------
    dataset: the name in the prediction files' names, if there is one.

    Raises
    ------
    PredictionsError: no label file, or its classes or image names cannot be told.
    """
    if choices.data is not None:
        return choices.data
    if choices.labels is None:
        raise PredictionsError("expected a label file or the data set of a specification, got neither")
    columns = _columns(choices.labels)
    named = next((name for name in ID_COLUMNS if name in columns), None)
    if named is None:
        raise PredictionsError(
            f"{choices.labels}: expected one of the columns {', '.join(ID_COLUMNS)}, got none"
        )
    return DataSpec(
        name=dataset or choices.labels.stem,
        images=Path(),
        labels_test=choices.labels,
        labels_train=choices.labels_train,
        metadata=choices.metadata,
        classes=_classes(choices, dataset, columns),
        id_column=named,
        synthetic=choices.synthetic,
    )


def _classes(choices: Choices, dataset: str | None, columns: list[str]) -> tuple[str, ...]:
    if len(choices.classes) == 1 and choices.classes[0] in CLASS_SETS:
        return CLASS_SETS[choices.classes[0]].classes
    if choices.classes:
        if len(set(choices.classes)) != len(choices.classes):
            raise PredictionsError("expected each class once, got one twice")
        return choices.classes
    if dataset is not None and dataset in CLASS_SETS:
        return CLASS_SETS[dataset].classes
    fitting = [one.classes for one in CLASS_SETS.values() if set(one.classes) <= set(columns)]
    widest = max(fitting, key=len, default=())
    if not widest or any(set(classes) - set(widest) for classes in fitting):
        raise PredictionsError(
            f"{choices.labels}: expected the classes of {' or '.join(CLASS_SETS)}, got different ones; "
            f"name them in column order (--classes)"
        )
    return widest


def _columns(labels: Path) -> list[str]:
    table = read_table(labels, error=PredictionsError, where=str(labels), nrows=0)
    return [str(name) for name in table.columns]
