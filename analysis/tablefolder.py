"""A folder of result tables: a JSON document and one CSV per table, written whole or not at all."""

import csv
import io
import math
import os
import shutil
import tempfile
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

FORMULA_STARTS = ("=", "+", "-", "@")
"""What a spreadsheet takes for the beginning of a formula, after blanks, also in full width."""


def guarded(text: str) -> str:
    """Put an apostrophe before a text that a spreadsheet would take for a formula."""
    return f"'{text}" if unicodedata.normalize("NFKC", text.lstrip()).startswith(FORMULA_STARTS) else text


def csv_text(frame: pd.DataFrame, *, mark: str | None = None, gaps: bool = False) -> str:
    """Return a frame as CSV: numbers at full precision, texts guarded against formulas.

    Parameters
    ----------
    frame: plain values; None is an empty cell.
    mark: a column of ones by this name ends the table, such as "simulated".
    gaps: NaN and NA are empty cells too, as in ratings; otherwise they are faults.

    Raises
    ------
    ValueError: a NaN (without `gaps`) or an infinity, which is a fault of the program.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([*frame.columns, *([mark] if mark else [])])
    for row in frame.itertuples(index=False):
        writer.writerow([*(_cell(value, gaps) for value in row), *(["1"] if mark else [])])
    return buffer.getvalue()


def write_csv(path: Path, frame: pd.DataFrame) -> None:
    """Write one table with gaps to a file that appears complete or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.part")
    try:
        _write(half, csv_text(frame, gaps=True))
        half.rename(path)
    finally:
        half.unlink(missing_ok=True)
    _sync_folder(path.parent)


def refuse_used_folder(out: Path, error: type[Exception]) -> None:
    """Raise `error` when results would land in a file or in a folder that holds something."""
    if out.is_dir() and not any(out.iterdir()):
        return
    if out.exists():
        raise error(f"{out}: expected a new or empty folder, it exists already; choose another --out")


def write_table_folder(
    out: Path,
    *,
    document: str,
    tables: Mapping[str, pd.DataFrame],
    mark: str | None = None,
    also: Callable[[Path], None] | None = None,
) -> None:
    """Write results.json and one CSV per table into a folder that appears complete or not at all.

    Parameters
    ----------
    out: must not exist, or be empty (`refuse_used_folder`).
    document: text of results.json.
    tables: name to frame of plain values; None is an empty cell.
    mark: a column of ones by this name ends every table, such as "simulated".
    also: draws further files (figures) into the folder before it gets its name.

    Raises
    ------
    ValueError: a NaN or an infinity got into a table, which is a fault of the program.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    half = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        half.chmod(0o755)
        _write(half / "results.json", document)
        for name, frame in tables.items():
            _write(half / f"{name}.csv", csv_text(frame, mark=mark))
        if also is not None:
            also(half)
        _sync_folder(half)
        if out.exists():
            out.rmdir()
        half.rename(out)
    except BaseException:
        shutil.rmtree(half, ignore_errors=True)
        raise
    _sync_folder(out.parent)


def _write(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _cell(value: Any, gaps: bool) -> str:
    if value is None or (gaps and pd.isna(value)):
        return ""
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"expected a finite number or None in a result table, got {value}")
        return repr(float(value))
    return guarded(value) if isinstance(value, str) else str(value)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
