"""A folder of result tables: a JSON document and one CSV per table, written whole or not at all."""

import json
import math
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.durable import whole_folder, write_whole

FORMULA_STARTS = ("=", "+", "-", "@")
"""What a spreadsheet takes for the beginning of a formula, also in full width."""

_BREAKS = re.compile(r"([;\t\r\n])")
"""Where a spreadsheet that was set up for another list separator cuts a cell of ours in two."""

_BEFORE = (re.compile(r"[\s']*"), re.compile(r"[\s'\"]*"))
"""What may precede a formula without hiding it: at the beginning of a cell, and after a break."""

_QUOTED = re.compile(r'[",\r\n]')
"""What a cell is quoted for; the csv module leaves a lone carriage return bare, which ends the row for its readers."""


def guarded(text: str) -> str:
    """Put an apostrophe before whatever a spreadsheet would take for a formula, also where it cuts a cell in two.

    `unguarded` takes it back.
    """
    return "".join(f"'{part}" if risky else part for part, risky in _parts(text))


def unguarded(text: str) -> str:
    """Return the text that `guarded` was given."""
    return "".join(part[1:] if risky and part[:1] == "'" else part for part, risky in _parts(text))


def _parts(text: str) -> Iterator[tuple[str, bool]]:
    """Cut a text at its breaks; yield each part with whether a cell that begins with it would begin a formula.

    A cell that begins with a tab or a line break counts. An apostrophe more or less at the beginning of a part does
    not change the answer, so that a guard can be taken back.
    """
    parts = _BREAKS.split(text)
    for place, part in enumerate(parts):
        start = _BEFORE[place > 0].sub("", part, count=1)[:1]
        before, after = ["", *parts][place], [*parts, ""][place + 1]
        hidden = not part.strip("'\"" if place else "'") and (
            after == "\t" or (not before and after in {"\r", "\n"})
        )
        yield part, hidden or unicodedata.normalize("NFKC", start).startswith(FORMULA_STARTS)


def frame_of(rows: Sequence[Mapping[str, Any]], empty: Sequence[str] = ()) -> pd.DataFrame:
    """Return rows (column to text, number or None) as a frame of objects; `empty`: the columns of no rows."""
    columns = list(dict.fromkeys(name for row in rows for name in row)) or list(empty)
    return pd.DataFrame([[row.get(name) for name in columns] for row in rows], columns=columns, dtype=object)


def restored(frame: pd.DataFrame) -> pd.DataFrame:
    """Take the guards out of a table of texts that was read from a CSV of ours."""
    table = frame.rename(columns=unguarded)
    for name, column in table.items():
        texts = column.map(lambda value: unguarded(value) if isinstance(value, str) else value)
        table[name] = texts.astype(column.dtype)  # a column of blanks alone would become one of numbers
    return table


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
    rows = [[*map(guarded, map(str, frame.columns)), *([mark] if mark else [])]]
    for row in frame.itertuples(index=False):
        rows.append([*(_cell(value, gaps) for value in row), *(["1"] if mark else [])])
    # A lone empty cell is quoted, for a blank line would be no row.
    return "".join(('""' if row == [""] else ",".join(map(_quoted, row))) + "\n" for row in rows)


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if _QUOTED.search(cell) else cell


def write_csv(path: Path, frame: pd.DataFrame) -> None:
    """Write one table with gaps to a file that appears complete or not at all."""
    write_whole(path, csv_text(frame, gaps=True).encode())


def refuse_used_folder(out: Path, error: type[Exception]) -> None:
    """Raise `error` when results would land in a file or in a folder that holds something."""
    if out.is_dir() and not any(out.iterdir()):
        return
    if out.exists():
        raise error(f"{out}: expected a new or empty folder, it already exists; choose another --out")


def results_text(document: Mapping[str, Any]) -> str:
    """Return the text of a results.json: full precision, null where not estimable.

    Raises
    ------
    ValueError: a NaN or an infinity got into a table, which is a fault of the program.
    """
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def write_table_folder(
    out: Path,
    *,
    document: Mapping[str, Any],
    tables: Mapping[str, pd.DataFrame],
    mark: str | None = None,
    also: Callable[[Path], object] = lambda folder: None,
) -> None:
    """Write results.json and one CSV per table into a folder that appears complete or not at all.

    Parameters
    ----------
    out: must not exist, or be empty (`refuse_used_folder`).
    document: content of results.json.
    tables: name to frame of plain values; None is an empty cell.
    mark: a column of ones by this name ends every table, such as "simulated".
    also: draws further files (figures) into the folder before it gets its name.

    Raises
    ------
    ValueError: a NaN or an infinity got into a table, which is a fault of the program.
    """
    with whole_folder(out) as half:
        (half / "results.json").write_bytes(results_text(document).encode())
        for name, frame in tables.items():
            (half / f"{name}.csv").write_bytes(csv_text(frame, mark=mark).encode())
        also(half)


def _cell(value: Any, gaps: bool) -> str:
    if value is None or (gaps and pd.isna(value)):
        return ""
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"expected a finite number or None in a result table, got {value}")
        return repr(float(value))
    return guarded(value) if isinstance(value, str) else str(value)
