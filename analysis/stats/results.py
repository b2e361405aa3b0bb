"""The results of one study: tables of plain values, written whole or not at all."""

import csv
import json
import math
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from analysis.stats.errors import StatsError
from analysis.stats.rows import Row

FORMAT = 1
TABLES = (
    "comparisons",
    "agreement",
    "intra_reader",
    "missing",
    "reading_time",
    "multiplicity",
    "paper_compatible",
    "subgroups",
    "answers",
    "endpoints",
)
SIMULATED = "SIMULATED: these ratings were made by a computer, no radiologist gave them"

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Results:
    """All tables of one study.

    Each table is a list of rows (column to text, number or None). `study` describes what was analysed;
    `simulated` marks ratings that no reader gave.
    """

    study: Row
    comparisons: list[Row]
    agreement: list[Row]
    intra_reader: list[Row]
    missing: list[Row]
    reading_time: list[Row]
    multiplicity: list[Row]
    paper_compatible: list[Row]
    subgroups: list[Row]
    answers: list[Row]
    endpoints: list[Row]
    simulated: bool = False

    def frame(self, table: str) -> pd.DataFrame:
        """Return one table as a frame; what is not estimable is None."""
        rows = getattr(self, table)
        columns = list(dict.fromkeys(name for row in rows for name in row))
        return pd.DataFrame(
            [[row.get(name) for name in columns] for row in rows], columns=columns, dtype=object
        )

    def frames(self) -> dict[str, pd.DataFrame]:
        """Return every table as a frame, by name."""
        return {name: self.frame(name) for name in TABLES}

    def comparison(self, endpoint: str, method: str) -> Row:
        """Return the first row of a question and method.

        Raises
        ------
        StatsError: there is none.
        """
        for row in self.comparisons:
            if row["endpoint"] == endpoint and row["method"] == method:
                return row
        raise StatsError(f"expected a comparison of {endpoint} by {method}, the results hold none")

    def as_dict(self) -> dict[str, object]:
        """Return everything as plain values in file order."""
        head: dict[str, object] = {"format": FORMAT, "simulated": self.simulated}
        if self.simulated:
            head["warning"] = SIMULATED
        return {**head, "study": self.study, **{name: getattr(self, name) for name in TABLES}}

    def to_json(self) -> str:
        """Write results.json: full precision, null where not estimable.

        Raises
        ------
        ValueError: a NaN or an infinity got into a table, which is a fault of the program.
        """
        return json.dumps(self.as_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    def write(self, out: Path, also: Callable[[Path], None] | None = None) -> None:
        """Write results.json and one CSV per table into a new folder.

        Parameters
        ----------
        out: must not exist, or be empty; it appears complete or not at all.
        also: draws further files (figures) into the folder before it gets its name.

        Raises
        ------
        StatsError: the folder holds something already.
        """
        refuse_used_folder(out)
        out.parent.mkdir(parents=True, exist_ok=True)
        half = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
        try:
            half.chmod(0o755)
            _write_text(half / "results.json", self.to_json())
            for name in TABLES:
                _write_csv(half / f"{name}.csv", self.frame(name), self.simulated)
            if also is not None:
                also(half)
            if out.exists():
                out.rmdir()
            half.rename(out)
        except BaseException:
            shutil.rmtree(half, ignore_errors=True)
            raise
        _sync_folder(out.parent)


def refuse_used_folder(out: Path) -> None:
    """Raise StatsError when results would land in a file or in a folder that holds something."""
    if out.is_dir() and not any(out.iterdir()):
        return
    if out.exists():
        raise StatsError(f"{out}: expected a new or empty folder, it exists already; choose another --out")


def _write_text(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _write_csv(path: Path, frame: pd.DataFrame, simulated: bool) -> None:
    # An empty table keeps a header, so that every file can be read.
    columns = [
        *(frame.columns if len(frame.columns) else ["endpoint"]),
        *(["simulated"] if simulated else []),
    ]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for row in frame.itertuples(index=False):
            writer.writerow([*(_cell(value) for value in row), *(["1"] if simulated else [])])
        file.flush()
        os.fsync(file.fileno())


def _cell(value: object) -> str:
    """Write a value at full precision; a text that a spreadsheet would take for a formula gets a quote."""
    if value is None:
        return ""
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"expected a finite number or None in a result table, got {value}")
        return repr(value)
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA_STARTS) else text


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
