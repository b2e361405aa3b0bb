"""The findings of one run: tables of plain values, written whole or not at all."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from analysis import frames
from analysis.findings.precision import FindingsError
from analysis.tablefolder import frame_of, refuse_used_folder, write_table_folder

Row = dict[str, Any]

TABLES = (
    "overall", "significance", "curves", "classes", "frequency", "pairs", "relations", "representation",
    "validity", "experts", "stability", "overlap", "suspects", "relabelling", "suspected",
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
        return {name: frame_of(self.tables[name], ["note"]) for name in TABLES}

    def as_dict(self) -> Row:
        """Return everything as plain values in file order."""
        head: Row = {"format": frames.FORMAT, "kind": "findings", "synthetic": self.synthetic}
        if self.synthetic:
            head["warning"] = SYNTHETIC
        tables = {name: list(self.tables[name]) for name in TABLES}
        return {**head, "run": self.run, "answers": dict(self.answers), **tables}

    def write(self, out: Path, also: Callable[[Path], object] = lambda folder: None) -> None:
        """Write results.json and one CSV per table into a new folder.

        Parameters
        ----------
        out: must not exist, or be empty; it appears complete or not at all.
        also: draws further files (figures) into the folder before it gets its name.

        Raises
        ------
        FindingsError: the folder holds something already.
        """
        refuse_used_folder(out, FindingsError)
        mark = "synthetic" if self.synthetic else None
        write_table_folder(out, document=self.as_dict(), tables=self.frames(), mark=mark, also=also)
