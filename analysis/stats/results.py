"""The results of one study: tables of plain values, written whole or not at all."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

import pandas as pd

from analysis.stats.rows import Row, StatsError
from analysis.tablefolder import frame_of, refuse_used_folder, results_text, write_table_folder

FORMAT = 1
SIMULATED = "SIMULATED: these ratings were made by a computer, no radiologist gave them"


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
    order: list[Row]
    multiplicity: list[Row]
    paper_compatible: list[Row]
    subgroups: list[Row]
    answers: list[Row]
    endpoints: list[Row]
    simulated: bool = False

    @property
    def not_comparable(self) -> str:
        """Why no question can be compared, or "" when one can."""
        return str(self.study.get("not_comparable", ""))

    def frame(self, table: str) -> pd.DataFrame:
        """Return one table as a frame; what is not estimable is None."""
        return frame_of(getattr(self, table))

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
        return results_text(self.as_dict())

    def write(self, out: Path, also: Callable[[Path], object] = lambda folder: None) -> None:
        """Write results.json and one CSV per table into a new folder.

        Parameters
        ----------
        out: must not exist, or be empty; it appears complete or not at all.
        also: draws further files (figures) into the folder before it gets its name.

        Raises
        ------
        StatsError: the folder holds something already.
        """
        refuse_used_folder(out, StatsError)
        # Every file has a head, so that it can be read.
        tables = {name: frame_of(getattr(self, name), ["endpoint"]) for name in TABLES}
        mark = "simulated" if self.simulated else None
        write_table_folder(out, document=self.as_dict(), tables=tables, mark=mark, also=also)


TABLES = tuple(each.name for each in fields(Results) if each.name not in ("study", "simulated"))
"""Names of the tables, in file order."""
