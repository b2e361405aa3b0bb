"""Read one file of predictions, by its ending. Every limit follows from what the label file lets us expect."""

import importlib
import importlib.util
import io
import tokenize
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.imports.errors import PredictionsError
from analysis.imports.pickled import LABEL, Predictions, read_pickle
from analysis.tablefile import read_table

SPARE_BYTES = 1 << 20
SCORE_BYTES = 40
"""The most bytes of one score in any format (a number written out in a CSV file)."""
NAME_BYTES = 300
"""The most bytes of one image name."""


def read_predictions(
    path: Path, *, images: int, classes: Sequence[str], id_column: str
) -> tuple[Predictions, bytes]:
    """Read one file and return what it holds, and its bytes.

    Parameters
    ----------
    path: .pkl, .npy, .csv or .parquet.
    images: the expected number of rows.
    classes: the expected columns.
    id_column: the column that may name the images.

    Raises
    ------
    PredictionsError: with the file, what was expected and what was found.
    """
    label = len("|".join(classes).encode())
    limit = SPARE_BYTES + images * (len(classes) * SCORE_BYTES + label + NAME_BYTES)
    try:
        content = _content(path, limit)
        return _READERS[path.suffix](content, images, classes, id_column), content
    except PredictionsError as error:
        raise PredictionsError(f"{path}: {error}") from error
    except OSError as error:
        raise PredictionsError(
            f"{path}: expected a file to read, got the error '{error.strerror}'"
        ) from error


def _content(path: Path, limit: int) -> bytes:
    with path.open("rb") as stream:
        content = stream.read(limit + 1)
    if len(content) > limit:
        raise PredictionsError(f"expected at most {limit} bytes for a table of this size, got more")
    return content


def _pickle(content: bytes, images: int, classes: Sequence[str], id_column: str) -> Predictions:
    return read_pickle(content, images=images, id_column=id_column)


def _npy(content: bytes, images: int, classes: Sequence[str], id_column: str) -> Predictions:
    """Read the header first: the size that it claims is compared with the bytes that are there."""
    stream = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(stream)
        header = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, columns_first, dtype = header(stream)
    except (ValueError, SyntaxError, RecursionError, tokenize.TokenError) as error:
        raise PredictionsError(f"expected an array of numpy, got the error '{error}'") from error
    raw = content[stream.tell() :]
    size = images * len(classes) * dtype.itemsize
    if shape != (images, len(classes)) or dtype.kind != "f" or len(raw) != size:
        raise PredictionsError(
            f"expected floats {images} x {len(classes)} (images x classes), got {dtype} {shape} in {len(raw)} bytes"
        )
    return Predictions(np.frombuffer(raw, dtype).reshape(shape, order="F" if columns_first else "C"))


def _csv(content: bytes, images: int, classes: Sequence[str], id_column: str) -> Predictions:
    texts = dict.fromkeys((LABEL, id_column), str)
    frame = read_table(content, error=PredictionsError, dtype=texts, keep_default_na=False)
    return _from_frame(frame, id_column)


def _parquet(content: bytes, images: int, classes: Sequence[str], id_column: str) -> Predictions:
    if importlib.util.find_spec("pyarrow") is None:
        raise PredictionsError(
            "expected pyarrow, which reads Parquet and is not installed; run pip install pyarrow or export .csv"
        )
    parquet = importlib.import_module("pyarrow.parquet")
    arrow = importlib.import_module("pyarrow")
    try:
        file = parquet.ParquetFile(io.BytesIO(content))
        if file.metadata.num_rows != images or file.metadata.num_columns > len(classes) + 3:
            raise PredictionsError(
                f"expected {images} rows of scores for {len(classes)} classes, got {file.metadata.num_rows} rows of "
                f"{file.metadata.num_columns} columns"
            )
        frame = file.read().to_pandas(ignore_metadata=True)  # an index is a column like others
    except (arrow.ArrowException, OSError) as error:
        raise PredictionsError(f"expected a Parquet file, got the error '{error}'") from error
    return _from_frame(frame, id_column)


def _from_frame(frame: pd.DataFrame, id_column: str) -> Predictions:
    named = {
        name: frame.pop(name).astype(str).tolist() for name in (LABEL, id_column) if name in frame.columns
    }
    for name in frame.columns:
        if frame[name].dtype.kind not in "fi":
            texts = [*frame[name].astype(str).fillna(""), ""]  # the last for a table without rows
            row = int(pd.to_numeric(pd.Series(texts), errors="coerce").isna().to_numpy().argmax())
            raise PredictionsError(
                f"row {row + 1}, column {str(name)!r}: expected a number such as 0.5, got {texts[row][:80]!r}; if "
                f"the column holds the names of the images, name it by --id-column"
            )
    columns = tuple(str(name) for name in frame.columns)
    return Predictions(frame.to_numpy(np.float64), columns, named.get(LABEL), named.get(id_column))


_READERS: Mapping[str, Callable[[bytes, int, Sequence[str], str], Predictions]] = {
    ".pkl": _pickle,
    ".npy": _npy,
    ".csv": _csv,
    ".parquet": _parquet,
}

SUFFIXES = tuple(_READERS)
"""The endings that are read."""
