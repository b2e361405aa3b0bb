"""The tables that travel between the parts: their columns, types and allowed values, and the checks on them.

Every table has one definition here. The checks raise `FrameError` with the file, the row, what was expected
and what was found; the exported data dictionary is written from the same definitions.
"""

import csv
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from analysis.columns import Column, FrameError, Kind, Table, as_numbers, check_column
from analysis.conditions import Condition, in_order
from analysis.endpoints import MISSING, PAPER, Endpoint
from analysis.identity import NameClashError, Names, join, name_key, path_key, spelled

FORMAT = 1
"""Version of every file format of this module but that of a RUN folder."""

RUN_FORMAT = 2
"""Version of a RUN folder, in its plan and provenance. In format 1 every condition is a share of removed weights."""

NO_FINDING = "No Finding"

NIH_CLASSES = (
    "No Finding", "Infiltration", "Effusion", "Atelectasis", "Nodule", "Mass", "Consolidation",
    "Pneumothorax", "Pleural Thickening", "Cardiomegaly", "Emphysema", "Edema", "Fibrosis",
    "Subcutaneous Emphysema", "Pneumonia", "Tortuous Aorta", "Calcification of the Aorta",
    "Pneumoperitoneum", "Hernia", "Pneumomediastinum",
)  # fmt: skip
"""The 20 classes of NIH-CXR-LT in the column order of its label files."""

MIMIC_CLASSES = (
    "Support Devices", "Lung Opacity", "Cardiomegaly", "Pleural Effusion", "Atelectasis", "Pneumonia",
    "Edema", "No Finding", "Enlarged Cardiomediastinum", "Consolidation", "Pneumothorax", "Fracture",
    "Calcification of the Aorta", "Tortuous Aorta", "Subcutaneous Emphysema", "Lung Lesion",
    "Pneumomediastinum", "Pneumoperitoneum", "Pleural Other",
)  # fmt: skip
"""The 19 classes of MIMIC-CXR-LT in the column order of its label files."""


def _columns() -> dict[str, tuple[Column, ...]]:
    """Read the columns of each table; a row of the file may speak of several tables."""
    found: dict[str, list[Column]] = defaultdict(list)
    with Path(__file__).with_suffix(".csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            low, high = (int(row[end]) if row[end] else None for end in ("low", "high"))
            column = Column(
                row["column"], cast(Kind, row["kind"]), row["meaning"], low, high, tuple(row["allowed"].split()),
                blank="blank" in row["may_be"], optional="optional" in row["may_be"],
            )  # fmt: skip
            for table in row["tables"].split():
                found[table].append(column)
    return {table: tuple(columns) for table, columns in found.items()}


_COLUMNS = _columns()

IMAGES = Table("images.csv", _COLUMNS["images"], key=("image",), named=("patient",), paths=("image",))
"""One row per test image, in file order; one 0/1 column per class follows, blank where a label is ignored."""

IGNORED = -1
"""In a matrix of labels: neither positive nor negative, and left out of whatever is computed from labels."""

CLASSES = Table("classes.csv", _COLUMNS["classes"], key=("class",))

METRICS = Table("metrics.csv", _COLUMNS["metrics"], key=("seed", "condition", "class"))

SELECTION = Table("selection", _COLUMNS["selection"], key=("image",), paths=("image",))
"""What analysis.selection hands to analysis.caseset: the chosen images of both arms."""

LISTED = Table(
    "list of cases",
    _COLUMNS["listed"],
    key=("image",),
    named=("case", "group", "set", "patient"),
    paths=("image",),
)
"""What a reading study of any two groups of images begins with, where no sweep chose them."""

CASES = Table("cases.csv", _COLUMNS["cases"], key=("case", "role"))
"""The blind half of the handover, one row per image."""

KEY = Table("key.csv", _COLUMNS["key"], key=("case", "role"))
"""The sealed half of the handover, one row per image; it alone says from which bytes that came: the blind half has
new files."""

STATUSES = ("answered", *MISSING)


def ratings_table(endpoints: Iterable[Endpoint] = PAPER) -> Table:
    """Return the tidy ratings of some questions, as exported and as read by `analyse_ratings`."""
    asked = tuple(endpoints)
    *before, time = _COLUMNS["ratings"]
    statuses = (
        Column(
            endpoint.status, "text", f"How {endpoint.name} was answered", optional=True,
            allowed=("answered", *endpoint.missing),
        )
        for endpoint in asked
    )  # fmt: skip
    return Table(
        "ratings.csv", (*before, *map(_answers, asked), time, *statuses),
        key=("reader", "case", "presentation"), named=("reader", "case", "pair", "patient", "batch"),
    )  # fmt: skip


def _answers(endpoint: Endpoint) -> Column:
    ends = [f"{value} {word}" for value, word in endpoint.levels or (("", ""),)]
    meaning = {
        "binary": f": {ends[-1]}, {ends[0]}",
        "ordinal": f": {ends[0]} to {ends[-1]}",
        "number": endpoint.unit and f", in {endpoint.unit}",
    }[endpoint.kind]
    return Column(
        endpoint.name, "integer" if endpoint.kind == "ordinal" else endpoint.kind, f"{endpoint.short}{meaning}",
        low=endpoint.low, high=endpoint.high, levels=endpoint.values, blank=True,
    )  # fmt: skip


RATINGS = ratings_table()
"""The tidy ratings of the published study's questions."""


STATES = _COLUMNS["planned"][-1].allowed
"""What became of a planned first reading; a replaced reader's is planned again for the one who came."""

PLANNED = Table("planned.csv", _COLUMNS["planned"], key=("reader", "case"), named=("reader", "case"))
"""One row per planned first reading, as the drawn orders have it; it names arms, so that no blinded study has one."""


def rated(endpoints: Iterable[Endpoint] = PAPER) -> list[str]:
    """Return the columns of ratings that every file has: not patients, nor the mark that a program made the ratings.

    That is a column, since a note beside the file is lost when the file is mailed.
    """
    return [name for name in ratings_table(endpoints).names if name not in ("simulated", "patient")]


TABLES = (IMAGES, CLASSES, METRICS, LISTED, SELECTION, CASES, KEY, RATINGS, PLANNED)


def check_table(frame: pd.DataFrame, table: Table, where: str | None = None) -> pd.DataFrame:
    """Check a frame against its table; return it unchanged.

    Parameters
    ----------
    frame: any number of rows; columns that the table does not name are let through.
    table: the definition.
    where: the file named in messages; the table's own name by default.

    Raises
    ------
    FrameError: a missing column, a value outside the allowed ones, a blank where none may be, a repeated key, a
        name in two spellings.
    """
    where = where or table.name
    missing = [c.name for c in table.columns if not c.optional and c.name not in frame.columns]
    if missing:
        raise FrameError(
            f"{where}: expected the columns {', '.join(table.names)}; missing: {', '.join(missing)}"
        )
    for column in table.columns:
        if column.name in frame.columns:
            check_column(frame[column.name], column, where)
    compared = {name: _compared(frame[name], table, where) for name in table.names if name in frame.columns}
    own = pd.DataFrame({name: compared[name] for name in table.key if name in compared})
    if not own.columns.empty:
        _refuse_repeats(frame, own, where)
    return frame


def without_repeats(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
    """Return a table that somebody else wrote without the rows that say again, in every column, what another said.

    Cells are compared as names are between tables (`analysis.identity`), names themselves as they are spelled; another
    row or spelling of a key stays, and `check_table` refuses it. The index tells which rows are left.
    """
    names = (*table.named, *table.paths)
    texts = {name: frame[name].astype(str).map(spelled if name in names else name_key) for name in frame}
    return frame[~pd.DataFrame(texts, index=frame.index).duplicated()]


def one_row_each(frame: pd.DataFrame, classes: Sequence[str], id_column: str, where: str) -> pd.DataFrame:
    """Check that a label table of a data set has an id column and one per class, and one row for each image.

    Some tables have a row for each finding or box: a row that says the same of the same image again is left out of
    what is returned.

    Raises
    ------
    FrameError: an absent column, an image that comes again with other labels.
    """
    missing = [name for name in (id_column, *classes) if name not in frame.columns]
    if missing:
        raise FrameError(
            f"{where}: expected a column for each of {id_column} ([data] id_column) and {len(classes)} classes; "
            f"missing: {', '.join(missing)}"
        )
    ids = Table(where, (Column(id_column, "text", "image"),), key=(id_column,), paths=(id_column,))
    try:
        return check_table(frame, ids, where)
    except FrameError:  # comparing whole rows takes as long again, and repeats are rare
        return check_table(without_repeats(frame, ids), ids, where)


def told_of(
    images: Sequence[str], frame: pd.DataFrame, columns: Sequence[Column], where: str
) -> pd.DataFrame:
    """Read what a table from outside tells of images, which it names in its column `image`.

    Names are joined by `analysis.identity`; a row that says the same again counts once.

    Returns
    -------
    image and the columns, numbers but for texts, blank where an optional one is absent; the index tells the place of
    each image in `images`, -1 where it is none of them.

    Raises
    ------
    FrameError, NameClashError: an absent column, a cell that a column may not hold, an image with two rows that differ
        or whose name fits two.
    """
    table = Table(where, (Column("image", "text", "image"), *columns), key=("image",), paths=("image",))
    own = check_table(without_repeats(frame.filter(table.names), table), table)
    place = join(Names(own["image"], rows=False), Names(images, rows=False))
    numbers = {c.name: as_numbers(own[c.name]) for c in columns if c.kind != "text" and c.name in own}
    rows = own.assign(**numbers).reindex(columns=table.names)
    return rows.set_axis([place.get(row, -1) for row in range(len(rows))])


def labels_told(classes: Iterable[str]) -> list[Column]:
    """Return the columns of labels of which a table may tell some, of some images."""
    return [Column(name, "binary", name, blank=True, optional=True) for name in classes]


def check_labels(frame: pd.DataFrame, classes: Sequence[str], where: str) -> None:
    """Check the label columns of an images.csv; raise FrameError for an absent one, and for all but 0, 1 and blank."""
    one_row_each(frame, classes, "image", where)
    for name in classes:
        check_column(frame[name], Column(name, "binary", name, blank=True), where)


def label_matrix(frame: pd.DataFrame, classes: Sequence[str]) -> "np.ndarray[Any, np.dtype[np.int8]]":
    """Return the label columns of an images.csv, int8, images x classes: 0, 1 or IGNORED where blank."""
    return np.asarray(frame[list(classes)].fillna(IGNORED).to_numpy(dtype=np.int8))


def with_conditions(metrics: pd.DataFrame) -> pd.DataFrame:
    """Return frames.METRICS with its column `condition`, which a RUN folder of format 1 has none of.

    A sparsity that is no share raises FrameError, with its row.
    """
    if "condition" in metrics.columns or "sparsity" not in metrics.columns:
        return metrics
    shares = {column.name: column for column in METRICS.columns}["sparsity"]
    check_column(metrics["sparsity"], replace(shares, blank=False), METRICS.name)
    names = {share: Condition.of(round(float(share), 2)).name for share in metrics["sparsity"].unique()}
    return metrics.assign(condition=metrics["sparsity"].map(names))


def conditions_of(metrics: pd.DataFrame) -> tuple[str, ...]:
    """Return the names of the conditions in frames.METRICS, the reference first; of shares alone it is the smallest."""
    names = list(dict.fromkeys(with_conditions(metrics)["condition"]))
    return in_order(names, names[0] if names and "condition" in metrics.columns else "")


def any_of(labels: np.ndarray, columns: Sequence[int]) -> np.ndarray:
    """Return one label from several classes: 1 where one is positive, IGNORED where none is but one is ignored."""
    own = labels[:, list(columns)]
    return np.where((own == 1).any(axis=1), 1, own.min(axis=1))


def label_text(labels: np.ndarray, classes: Iterable[str]) -> list[str]:
    """Write each row of labels (images x classes) as the names of its positive classes, joined by '; '."""
    names = list(classes)
    return ["; ".join(names[j] for j in np.flatnonzero(row)) for row in np.asarray(labels) == 1]


def count_findings(labels: np.ndarray, classes: Iterable[str]) -> np.ndarray:
    """Count the positive classes of each row of labels (images x classes), No Finding left out."""
    keep = np.array([name != NO_FINDING for name in classes])
    counts: np.ndarray = (np.asarray(labels)[:, keep] == 1).sum(axis=1).astype(np.int64)
    return counts


def _compared(values: pd.Series, table: Table, where: str) -> Any:
    """Return what cells are compared by: names by their keys, numbers of a key as numbers, others as they are."""
    name = str(values.name)
    if name not in (*table.named, *table.paths):
        kinds = {column.name: column.kind for column in table.columns}
        return values if kinds[name] == "text" or name not in table.key else as_numbers(values)
    names = Names(values.where(values.notna(), ""), name_key if name in table.named else path_key)
    try:
        names.refuse_spellings(name)
    except NameClashError as error:
        raise FrameError(f"{where}, column '{name}': {error}") from error
    return names.keys


def _refuse_repeats(frame: pd.DataFrame, compared: pd.DataFrame, where: str) -> None:
    repeated = compared.duplicated()
    if repeated.any():
        row = int(np.flatnonzero(repeated.to_numpy())[0])
        first = int(np.flatnonzero((compared == compared.iloc[row]).all(axis=1).to_numpy())[0])
        names = list(compared.columns)
        key = ", ".join(f"{name} {frame[name].tolist()[row]!r}" for name in names)
        again, once = (
            place + 1 if isinstance(place, int) else place for place in frame.index[[row, first]].tolist()
        )
        raise FrameError(
            f"{where}, row {again}: expected each {' + '.join(names)} once, got {key} again (row {once})"
        )
