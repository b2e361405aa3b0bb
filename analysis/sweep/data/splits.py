"""One split of a data set: its labels from the published files, and where the images lie.

`analysis.sweep.layouts` knows how label files are published; this is what all of them share: which rows are of a split,
what uncertain and blank labels become, and that each image comes once.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis import vocabulary
from analysis.columns import FrameError
from analysis.durable import sha256_bytes, sha256_file
from analysis.frames import CLASSES, IGNORED, IMAGES, check_table, one_row_each
from analysis.identity import NameClashError, Names, find_files, join
from analysis.sweep.data.people import People
from analysis.sweep.data_spec import DataSpec, policy_of
from analysis.sweep.errors import DataError
from analysis.sweep.layouts import Opened, find_layout
from analysis.sweep.layouts.registry import PEOPLE, read_texts


@dataclass(frozen=True)
class Split:
    """The images of a split in file order.

    `images`: names with forward slashes. `labels`: int8, images x classes: 0, 1 or `IGNORED`. `sha256`: of what was
    read. `notes`: what a person should know of it. `rows`: of the label file, from 1.
    """

    images: tuple[str, ...]
    labels: NDArray[np.int8]
    sha256: str
    where: Path
    notes: tuple[str, ...] = ()
    rows: tuple[int, ...] = ()

    @property
    def positives(self) -> NDArray[np.int64]:
        """Positive images per class."""
        return np.asarray((self.labels == 1).sum(axis=0), np.int64)

    @property
    def ignored(self) -> NDArray[np.int64]:
        """Images per class whose label is ignored."""
        return np.asarray((self.labels == IGNORED).sum(axis=0), np.int64)


def read_split(labels: Path | None, data: DataSpec, role: str) -> Split:
    """Read and check the labels of one split.

    Parameters
    ----------
    labels: the label file; None is refused with the name of the key to fill in.
    role: test, train or val.

    Raises
    ------
    DataError: no file, no rows, a missing column, an image with two rows of labels, a label that is neither 0, 1 nor
        what a policy says (file, row and column named), a name that leaves the image folder.
    """
    if labels is None:
        raise DataError(f"[data] labels_{role}: expected the {role} split's label file, got none")
    opened = Opened(read_texts(labels), labels, data.classes, data.readers)
    file: Path | None = getattr(data, f"split_{role}")
    opened.images = _listed(file, role) if file else None
    find_layout(data.layout).arrange(opened)
    try:
        frame = one_row_each(_rows_in(opened, data, file), data.classes, data.id_column, str(labels))
    except (FrameError, NameClashError) as error:
        raise DataError(str(error)) from error
    matrix, notes = _labels(frame, data, labels)
    if frame.empty:
        raise DataError(f"{labels}: expected at least one row in the {role} split, got none")
    # Kept as written but for outer blanks and the direction of slashes: the name of a run follows from them.
    images = tuple(str(name).strip().replace("\\", "/") for name in frame[data.id_column])
    rows = tuple(int(row) + 1 for row in frame.index)
    for row, name in zip(rows, images, strict=True):
        parts = PurePosixPath(name)
        if not parts.parts or parts.is_absolute() or ".." in parts.parts or not name.isprintable():
            raise DataError(f"{labels}, row {row}: expected a name inside the image folder, got {name!r}")
    digest = sha256_file(labels)
    if file is not None:
        digest = sha256_bytes(f"{digest} {sha256_file(file)}".encode())
    return Split(images, matrix, digest, labels, (*opened.notes, *notes), rows)


_WORDS = {
    "test": ("test",),
    "train": ("train", "training"),
    "val": ("val", "valid", "validate", "validation"),
}
"""What a column `split` calls each split, in any letter case."""


def _listed(file: Path, role: str) -> pd.DataFrame:
    """Read which images are of a split: names, one per line, or the rows of a table whose `split` says so."""
    if file.suffix == ".txt":
        try:
            lines = pd.Series(file.read_text(encoding="utf-8").splitlines()).str.strip()
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{file}: expected image names, one per line, got the error '{error}'") from error
        return pd.DataFrame({"image": lines[lines != ""]})
    table = read_texts(file)
    if "split" not in table:
        raise DataError(f"{file}: expected a column 'split', got {', '.join(table.columns[:10])}")
    here = table["split"].str.strip().str.lower().isin(_WORDS[role])
    if not here.any():
        raise DataError(
            f"{file}, column 'split': expected rows with {' or '.join(_WORDS[role])}, got "
            f"{', '.join(map(repr, table['split'].unique()[:5]))}"
        )
    return table[here]


def _rows_in(opened: Opened, data: DataSpec, file: Path | None) -> pd.DataFrame:
    """Return the columns of images and classes, those rows alone that the file of the split lists."""
    frame = opened.table[[name for name in (data.id_column, *data.classes) if name in opened.table]]
    if opened.images is None or data.id_column not in frame:
        return frame
    heading = next((name for name in (data.id_column, *PEOPLE["image"]) if name in opened.images), None)
    if heading is None:
        raise DataError(f"{file}: expected one of the columns {', '.join(PEOPLE['image'])}, got none")
    wanted, held = Names(opened.images[heading]), Names(frame[data.id_column])
    found = join(wanted, held)
    absent = next((place for place in range(len(wanted.keys)) if place not in found), None)
    if absent is not None:
        raise DataError(
            f"{file}, row {int(opened.images.index[absent]) + 1}: expected an image of {opened.where.name}, got "
            f"{wanted.written[absent][:80]!r}"
        )
    return frame.iloc[sorted({row for place in found.values() for row in held.places[held.keys[place]]})]


def _meaning(text: str) -> int | str:
    """Return 0 or 1, the name of a policy for what is neither, or "" for what no label may be."""
    if vocabulary.is_blank(text):
        return "blank"
    try:
        number = float(text)
    except ValueError:
        return ""
    return int(number) if number in (0, 1) else "uncertain" if number == -1 else ""


def _found(text: str, meant: int | str) -> str:
    """Name a cell that was refused, and what to do about it."""
    if meant in ("uncertain", "blank"):
        shown = "a blank" if meant == "blank" else repr(text)
        return f'{shown}; [data] {meant} = "negative", "positive" or "ignore" reads it'
    comma = "," in text and vocabulary.decimal(text) is not None
    return f"{text[:40]!r}{'; write a decimal point' if comma else ''}"


_BECOMES = {"negative": 0, "positive": 1, "ignore": IGNORED}
_NAMED_AT_MOST = 5
"""Classes that one note names."""


def _labels(frame: pd.DataFrame, data: DataSpec, where: Path) -> tuple[NDArray[np.int8], list[str]]:
    """Turn the cells into labels by the policies; say how many were neither 0 nor 1."""
    policies = {name: policy_of(data, name) for name in ("uncertain", "blank")}
    matrix = np.empty((len(frame), len(data.classes)), np.int8)
    tally: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for place, name in enumerate(data.classes):
        codes, texts = pd.factorize(frame[name])
        values = np.zeros(len(texts), np.int8)
        for code, text in enumerate(texts):
            meant = _meaning(text)
            policy = policies[str(meant)][name] if meant in policies else ""
            if meant == "" or policy == "refuse":
                row = int(frame.index[np.flatnonzero(codes == code)[0]])
                raise DataError(
                    f"{where}, row {row + 1}, column '{name}': expected 0 or 1, got {_found(text, meant)}"
                )
            if policy:
                tally[str(meant), policy][name] += int((codes == code).sum())
            values[code] = _BECOMES[policy] if policy else int(meant)
        matrix[:, place] = values[codes]
    return matrix, [_said(where, *kind, counts) for kind, counts in tally.items()]


def _said(where: Path, kind: str, policy: str, counts: "Counter[str]") -> str:
    named = ", ".join(f"{name} {count:,}" for name, count in counts.most_common(_NAMED_AT_MOST))
    more = f" and {len(counts) - _NAMED_AT_MOST} more classes" if len(counts) > _NAMED_AT_MOST else ""
    fate = "are ignored" if policy == "ignore" else f"count as {policy}"
    return f"{where.name}: {counts.total():,} {kind} labels {fate} ({named}{more})"


def locate_images(split: Split, data: DataSpec, every: int = 1) -> list[Path]:
    """Return the file of each image, or of one in `every`, in file order; see `locate`."""
    return locate(split.images, data, split.where, every, split.rows)


def locate(
    images: Sequence[str], data: DataSpec, where: Path, every: int = 1, rows: Sequence[int] = ()
) -> list[Path]:
    """Find the files of the images that are in a table (`analysis.identity.find_files`).

    Raises
    ------
    DataError: a missing image, named with its row; the message counts all that are missing. Files and names that
        do not fit one to one.
    """
    try:
        found = find_files(images[::every], data.images, among=images, ending=data.suffix)
    except NameClashError as error:
        raise DataError(f"{where}: {error}; looked for in {data.images}") from error
    absent = [row for row in range(0, len(images), every) if images[row] not in found]
    if absent:
        row = rows[absent[0]] if rows else absent[0] + 1
        raise DataError(
            f"{where}, row {row}: expected the image {data.images / images[absent[0]]}, got no such file "
            f"({len(absent)} of {len(images[::every])} images are missing); check [data] images and suffix"
        )
    return [found[name] for name in images[::every]]


def images_table(split: Split, people: People, data: DataSpec, cases: pd.Series | None) -> pd.DataFrame:
    """Return images.csv: name, case, patient as far as known, and the 0/1 labels (blank: ignored), in file order."""
    names = pd.DataFrame({"image": split.images} | ({} if cases is None else {"case": cases}))
    labels = pd.DataFrame(split.labels, columns=list(data.classes))
    labels = labels if not split.ignored.any() else labels.replace(IGNORED, pd.NA).astype("Int8")
    known = [c.name for c in IMAGES.columns if c.name in people.frame]
    return check_table(pd.concat([names, people.frame[known], labels], axis=1), IMAGES)


def class_groups(data: DataSpec, split: Split, train: Split | None) -> pd.DataFrame:
    """Group the classes by training positives; without a training split, by their share of the test split."""
    base = train or split
    head, tail = (data.head, data.tail) if train or data.head < 1 else (0.10, 0.01)
    size = len(base.images) - base.ignored if head < 1 else 1
    table = pd.DataFrame(
        {
            "class": data.classes,
            "train_positives": pd.array(train.positives if train else [None] * len(data.classes), "Int64"),
            "test_positives": split.positives,
            "class_group": class_group(base.positives, head * size, tail * size),
        }
    )
    if split.ignored.any() or (train and train.ignored.any()):
        table["train_ignored"] = pd.array(train.ignored if train else [None] * len(data.classes), "Int64")
        table["test_ignored"] = split.ignored
    return check_table(table, CLASSES)


def class_group(
    positives: NDArray[np.int64], head: float | NDArray[Any], tail: float | NDArray[Any]
) -> NDArray[np.str_]:
    """Call a class head above `head` positives, tail below `tail`, else medium."""
    return np.where(positives > head, "head", np.where(positives < tail, "tail", "medium"))
