"""The findings of one run: tables of plain values, written whole or not at all."""

import csv
import json
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from analysis import frames
from analysis.findings.errors import FindingsError

Row = dict[str, Any]

TABLES = (
    "overall", "significance", "curves", "classes", "frequency", "pairs", "relations", "representation",
)  # fmt: skip
SYNTHETIC = "SYNTHETIC: these images are not of patients"


@dataclass(frozen=True)
class Findings:
    """All tables of one run, each a list of rows (column to text, number or None).

    `run` tells what was analysed and with which choices; `answers` holds a sentence per question; `synthetic`
    marks images that are not of patients.
    """

    run: Row
    tables: Mapping[str, Sequence[Row]]
    answers: Mapping[str, str]
    synthetic: bool

    def frames(self) -> dict[str, pd.DataFrame]:
        """Return every table as a frame of objects, by name; what is not estimable is None."""
        return {name: _frame(self.tables[name]) for name in TABLES}

    def as_dict(self) -> Row:
        """Return everything as plain values in file order."""
        head: Row = {"format": frames.FORMAT, "kind": "findings", "synthetic": self.synthetic}
        if self.synthetic:
            head["warning"] = SYNTHETIC
        tables = {name: list(self.tables[name]) for name in TABLES}
        return {**head, "run": self.run, "answers": dict(self.answers), **tables}

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
        FindingsError: the folder holds something already.
        """
        refuse_used_folder(out)
        out.parent.mkdir(parents=True, exist_ok=True)
        half = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
        try:
            half.chmod(0o755)
            _write_text(half / "results.json", self.to_json())
            for name, frame in self.frames().items():
                _write_csv(half / f"{name}.csv", frame, self.synthetic)
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


def refuse_used_folder(out: Path) -> None:
    """Raise FindingsError when results would land in a file or in a folder that holds something."""
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise FindingsError(f"{out}: expected a new or empty folder, it exists already; choose another --out")


def _frame(rows: Sequence[Row]) -> pd.DataFrame:
    columns = list(dict.fromkeys(name for row in rows for name in row)) or ["note"]
    return pd.DataFrame([[row.get(name) for name in columns] for row in rows], columns=columns, dtype=object)


def _write_text(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _write_csv(path: Path, frame: pd.DataFrame, synthetic: bool) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*frame.columns, *(["synthetic"] if synthetic else [])])
        for row in frame.itertuples(index=False):
            writer.writerow([*(_cell(value) for value in row), *(["1"] if synthetic else [])])
        file.flush()
        os.fsync(file.fileno())


def _cell(value: object) -> str:
    """Write a value at full precision; a class name that a spreadsheet would take for a formula gets a quote."""
    if value is None:
        return ""
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"expected a finite number or None in a result table, got {value}")
        return repr(value)
    text = str(value)
    return (
        f"'{text}" if isinstance(value, str) and text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
    )


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
