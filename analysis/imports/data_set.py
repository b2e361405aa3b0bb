"""Which data set predictions belong to: its classes and the column of its label file that names the images."""

from dataclasses import dataclass
from pathlib import Path

from analysis.frames import CLASS_SETS
from analysis.imports.errors import PredictionsError
from analysis.sweep.spec import DataSpec
from analysis.tablefile import read_table

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
        return CLASS_SETS[choices.classes[0]]
    if choices.classes:
        if len(set(choices.classes)) != len(choices.classes):
            raise PredictionsError("expected each class once, got one twice")
        return choices.classes
    if dataset is not None and dataset in CLASS_SETS:
        return CLASS_SETS[dataset]
    fitting = [classes for classes in CLASS_SETS.values() if set(classes) <= set(columns)]
    if len(fitting) != 1:
        raise PredictionsError(
            f"{choices.labels}: expected the classes of {' or '.join(CLASS_SETS)}, got different ones; "
            f"name them in column order (--classes)"
        )
    return fitting[0]


def _columns(labels: Path) -> list[str]:
    table = read_table(labels, error=PredictionsError, where=str(labels), nrows=0)
    return [str(name) for name in table.columns]
