"""A folder of result tables: a JSON document and one CSV per table, written whole or not at all."""

import csv
import io
import math
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.durable import whole_folder, write_whole

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
    write_whole(path, csv_text(frame, gaps=True).encode())


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
    with whole_folder(out) as half:
        (half / "results.json").write_bytes(document.encode())
        for name, frame in tables.items():
            (half / f"{name}.csv").write_bytes(csv_text(frame, mark=mark).encode())
        if also is not None:
            also(half)


def _cell(value: Any, gaps: bool) -> str:
    if value is None or (gaps and pd.isna(value)):
        return ""
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"expected a finite number or None in a result table, got {value}")
        return repr(float(value))
    return guarded(value) if isinstance(value, str) else str(value)
