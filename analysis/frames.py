"""The tables that travel between the parts: their columns, types and allowed values, and the checks on them.

Every table has one definition here. The checks raise `FrameError` with the file, the row, what was expected
and what was found; the exported data dictionary is written from the same definitions.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from analysis.columns import Column, FrameError, Table, as_numbers, check_column
from analysis.conditions import Condition, in_order
from analysis.endpoints import MISSING, PAPER, Endpoint
from analysis.identity import NameClashError, Names, name_key, path_key

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


_PERSON = (
    Column("view", "text", "Projection: PA, AP or LATERAL (DICOM View Position)", blank=True, optional=True),
    Column("sex", "text", "Patient's sex: F, M or O (DICOM Patient's Sex)", blank=True, optional=True),
    Column("age", "number", "Patient's age in years", low=0, high=130, blank=True, optional=True),
)

_CLASS_GROUP = Column(
    "class_group", "text", "Group of the rarest positive class", allowed=("head", "medium", "tail", "none")
)

IMAGES = Table(
    "images.csv",
    (
        Column("image", "text", "Name of the image, relative to the image folder, with forward slashes"),
        *_PERSON,
        Column("patient", "text", "Patient identifier as in the data set", blank=True, optional=True),
        Column("study", "text", "Study or series of the image as in the data set", blank=True, optional=True),
    ),
    key=("image",),
    named=("patient",),
    paths=("image",),
)
"""One row per test image, in file order; one 0/1 column per class follows, blank where a label is ignored."""

IGNORED = -1
"""In a matrix of labels: neither positive nor negative, and left out of whatever is computed from labels."""

CLASSES = Table(
    "classes.csv",
    (
        Column("class", "text", "Name of the class"),
        Column("train_positives", "integer", "Positive images in the training split", low=0, blank=True),
        Column("test_positives", "integer", "Positive images in the test split", low=0),
        Column(
            "train_ignored",
            "integer",
            "Training images whose label is ignored",
            low=0,
            blank=True,
            optional=True,
        ),
        Column("test_ignored", "integer", "Test images whose label is ignored", low=0, optional=True),
        Column("class_group", "text", "Frequency group of the class", allowed=("head", "medium", "tail")),
    ),
    key=("class",),
)

METRICS = Table(
    "metrics.csv",
    (
        Column("seed", "integer", "Seed of the checkpoint", low=0),
        Column("condition", "text", "Name of the condition: dense, 0.90, student; the reference comes first"),
        Column(
            "sparsity", "number", "Share of the prunable weights that was removed; blank for a condition without one",
            low=0, high=1, blank=True,
        ),
        Column("class", "text", "Name of the class"),
        Column("positives", "integer", "Positive test images of the class", low=0),
        Column("ap", "number", "Average precision; blank when the class has no positive", low=0, high=1, blank=True),
        Column("auc", "number", "Area under the ROC curve; blank with one label only", low=0, high=1, blank=True),
        Column(
            "f1", "number", "F1 at a score of 0.5; blank when the class has no positive", low=0, high=1,
            blank=True,
        ),
        Column("ignored", "integer", "Test images left out because their label is ignored", low=0, optional=True),
    ),
    key=("seed", "condition", "class"),
)  # fmt: skip

SELECTION = Table(
    "selection",
    (
        Column("image", "text", "Name of the source image"),
        Column("arm", "binary", "1 = pruning-identified exemplar, 0 = control"),
        Column("pair", "integer", "Matched set; its members share the number", low=0),
        Column(
            "score", "number", "Agreement of dense and pruned scores (Spearman by default); blank without a sweep",
            low=-1, high=1, blank=True,
        ),
        _CLASS_GROUP,
        Column("n_findings", "integer", "Number of positive classes without No Finding", low=0),
        Column("labels", "text", "Positive classes in column order, joined by '; '"),
        *_PERSON,
    ),
    key=("image",),
    paths=("image",),
)  # fmt: skip
"""What analysis.selection hands to analysis.caseset: the chosen images of both arms."""

LISTED = Table(
    "list of cases",
    (
        Column("image", "text", "Name of the image, relative to the image folder, with forward slashes"),
        Column("group", "text", "Group of the case: one of the two names that are given"),
        Column("labels", "text", "Labels of the case, joined by '; '"),
        Column("set", "text", "Matched set; its members share the name", blank=True, optional=True),
        *_PERSON,
    ),
    key=("image",),
    named=("group", "set"),
    paths=("image",),
)  # fmt: skip
"""What a reading study of any two groups of images begins with, where no sweep chose them."""

CASES = Table(
    "cases.csv",
    (
        Column("case", "text", "Random 128-bit key of the case, 32 hexadecimal digits"),
        Column("image", "text", "Image file, relative to the folder: images/<case>.<ext>"),
        Column("sha256", "text", "SHA-256 of the image file"),
        Column("labels", "text", "The data set's labels of the case, joined by '; '"),
        Column(
            "block", "integer",
            "Block of the reading order; members of a group are all in one or each in another", low=1,
        ),
        Column("separation_group", "text", "Random id shared by cases that must be read far apart"),
        *_PERSON,
    ),
    key=("case",),
)  # fmt: skip
"""The blind half of the handover."""

KEY = Table(
    "key.csv",
    (
        Column("case", "text", "Key of the case in cases.csv"),
        Column("arm", "binary", "1 = pruning-identified exemplar, 0 = control"),
        Column("pair", "integer", "Matched set; its members share the number", low=0),
        Column(
            "score", "number", "Agreement of dense and pruned scores; blank without a sweep", low=-1, high=1, blank=True
        ),
        _CLASS_GROUP,
        Column("n_findings", "integer", "Number of positive classes without No Finding", low=0),
        Column("source", "text", "Name of the source image"),
        # The blind half holds files written anew: without this digest nobody could show which bytes a case came from.
        Column("source_sha256", "text", "SHA-256 of the source image file", blank=True, optional=True),
        Column("nonce", "text", "256-bit salt of the commitments, in the first row only", blank=True),
    ),
    key=("case",),
)  # fmt: skip
"""The sealed half of the handover."""

STATUSES = ("answered", *MISSING)


def ratings_table(endpoints: Iterable[Endpoint] = PAPER) -> Table:
    """Return the tidy ratings of some questions, as exported and as read by `analyse_ratings`."""
    asked = tuple(endpoints)
    return Table(
        "ratings.csv",
        (
            Column("simulated", "text", "yes: a program made the rating", allowed=("yes", "no"), optional=True),
            Column("reader", "text", "Pseudonym of the reader"),
            Column("case", "text", "Key of the case"),
            Column("arm", "binary", "1 = pruning-identified exemplar, 0 = control"),
            Column("pair", "text", "Matched set of the case; blank when cases are not matched", blank=True),
            Column("batch", "text", "Batch or block in which the reader read the case", blank=True),
            Column("presentation", "integer", "1 = first reading, 2 = hidden repeat", low=1),
            Column("position", "integer", "Place of the case in the reader's order, from 1", low=1, blank=True),
            *(_answers(endpoint) for endpoint in asked),
            Column("time_s", "number", "Reading time in seconds, from painted to submitted", low=0, blank=True),
            *(
                Column(
                    endpoint.status, "text", f"How {endpoint.name} was answered",
                    allowed=("answered", *endpoint.missing), optional=True,
                )
                for endpoint in asked
            ),
        ),
        key=("reader", "case", "presentation"),
        named=("reader", "case", "pair", "batch"),
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


STATES = ("read", "shown", "never_shown", "withdrawn", "replaced")
"""What became of a planned first reading; a replaced reader's is planned again for the one who came."""

PLANNED = Table(
    "planned.csv",
    (*RATINGS.columns[1:4],  # reader, case, arm
     Column("state", "text", "read; shown, not answered; never shown; reader withdrew; replaced", allowed=STATES)),
    key=("reader", "case"), named=("reader", "case"),
)  # fmt: skip
"""One row per planned first reading, as the drawn orders have it; it names arms, so that no blinded study has one."""


def rated(endpoints: Iterable[Endpoint] = PAPER) -> list[str]:
    """Return the columns of ratings without the mark that a program made them, which is in simulated studies only.

    It is a column, since a note beside the file is lost when the file is mailed.
    """
    return [name for name in ratings_table(endpoints).names if name != "simulated"]


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
    if table.key:
        _refuse_repeats(frame, pd.DataFrame({name: compared[name] for name in table.key}), where)
    return frame


def without_repeats(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
    """Return a table that somebody else wrote without the rows that say again, in every column, what another said.

    Cells are compared as names are (`analysis.identity`); a row of a key that differs stays, and `check_table`
    refuses it. The index tells which rows are left.
    """
    texts = {
        name: frame[name].astype(str).map(path_key if name in table.paths else name_key)
        for name in frame.columns
    }
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
            f"{where}: expected a column for each of {id_column} and {len(classes)} classes; "
            f"missing: {', '.join(missing)}"
        )
    ids = Table(where, (Column(id_column, "text", "image"),), key=(id_column,), paths=(id_column,))
    try:
        return check_table(frame, ids, where)
    except FrameError:  # comparing whole rows takes as long again, and repeats are rare
        return check_table(without_repeats(frame, ids), ids, where)


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
        key = ", ".join(f"{name} {frame.iloc[row][name]!r}" for name in names)
        again, once = (
            place + 1 if isinstance(place, int) else place for place in frame.index[[row, first]].tolist()
        )
        raise FrameError(
            f"{where}, row {again}: expected each {' + '.join(names)} once, got {key} again (row {once})"
        )
