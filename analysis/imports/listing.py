"""What a folder of predictions holds: seeds, sparsities and data set, with its classes and the names of its images."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.imports.errors import PredictionsError
from analysis.imports.readers import SUFFIXES
from analysis.sweep.layouts import CLASS_SETS
from analysis.sweep.spec import DataSpec
from analysis.tablefile import read_table

_NAME = re.compile(
    r"(?:(?P<dataset>[\w.-]+)_(?P<architecture>[A-Za-z0-9.-]+)_)?"
    r"seed-(?P<seed>\d{1,9})_(?:prune|sparsity)-(?P<sparsity>0(?:\.\d{1,2})?)"
    rf"(?P<suffix>{'|'.join(map(re.escape, SUFFIXES))})"
)
"""`{dataset}_{architecture}_seed-{s}_prune-{k}.pkl` as published, or `seed-{s}_sparsity-{k}.npy` as in a RUN."""


@dataclass(frozen=True)
class PredictionFile:
    """One file of predictions; `dataset` is None where its name says none."""

    path: Path
    seed: int
    sparsity: float
    dataset: str | None


@dataclass(frozen=True)
class Listing:
    """The files of a complete grid of seeds and sparsities, in that order, and the names left aside."""

    files: tuple[PredictionFile, ...]
    aside: tuple[str, ...]

    @property
    def dataset(self) -> str | None:
        """The data set that the files' names say."""
        return self.files[0].dataset


def list_predictions(folder: Path) -> Listing:
    """List the predictions in a folder; files of other names (also `..._val.pkl`) are left aside.

    Raises
    ------
    PredictionsError: no such folder, no predictions, two data sets, one seed and sparsity twice, or a grid with
        holes (each is named), or without sparsity 0.
    """
    if not folder.is_dir():
        raise PredictionsError(f"{folder}: expected a folder of predictions, found none")
    names = sorted(
        path.name for path in folder.iterdir() if path.is_file() and path.suffix.lower() in SUFFIXES
    )
    found = [_file(folder, name) for name in names]
    files = sorted((f for f in found if f is not None), key=lambda f: (f.seed, f.sparsity))
    if not files:
        raise PredictionsError(
            f"{folder}: expected files named DATASET_ARCHITECTURE_seed-S_prune-K with the ending "
            f"{', '.join(SUFFIXES)}, got none"
        )
    _check_grid(folder, files)
    return Listing(tuple(files), tuple(n for n, f in zip(names, found, strict=True) if f is None))


def _file(folder: Path, name: str) -> PredictionFile | None:
    parts = _NAME.fullmatch(name)
    if parts is None:
        return None
    return PredictionFile(folder / name, int(parts["seed"]), float(parts["sparsity"]), parts["dataset"])


def _check_grid(folder: Path, files: Sequence[PredictionFile]) -> None:
    datasets = sorted({str(f.dataset) for f in files})
    if len(datasets) > 1:
        raise PredictionsError(f"{folder}: expected predictions of one data set, got {', '.join(datasets)}")
    seen: dict[tuple[int, float], PredictionFile] = {}
    for file in files:
        before = seen.setdefault((file.seed, file.sparsity), file)
        if before is not file:
            raise PredictionsError(
                f"{folder}: expected one file of seed {file.seed} at sparsity {file.sparsity:.2f}, "
                f"got {before.path.name} and {file.path.name}"
            )
    seeds, sparsities = sorted({s for s, _ in seen}), sorted({0.0} | {k for _, k in seen})
    absent = [f"seed {s} at {k:.2f}" for s in seeds for k in sparsities if (s, k) not in seen]
    if absent:
        more = f" and {len(absent) - 5} more" if len(absent) > 5 else ""
        raise PredictionsError(
            f"{folder}: expected each of {len(seeds)} seeds at each of {len(sparsities)} sparsities, "
            f"missing: {', '.join(absent[:5])}{more}"
        )


ID_COLUMNS = ("id", "path", "image")


@dataclass(frozen=True)
class Choices:
    """What the user says about the predictions' data set.

    `classes` is empty (found by the files' names or the label file's columns), one name of a class set, or the
    class names in column order. `synthetic` says that the images are synthetic.
    """

    labels: Path
    labels_train: Path | None = None
    metadata: Path | None = None
    classes: tuple[str, ...] = ()
    synthetic: bool = False


def data_spec(choices: Choices, dataset: str | None) -> DataSpec:
    """Describe the data set.

    Parameters
    ----------
    dataset: the name in the prediction files' names, if there is one.

    Raises
    ------
    PredictionsError: no label file, or its classes or image names cannot be told.
    """
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
