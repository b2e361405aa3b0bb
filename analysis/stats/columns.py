"""What every column of the result tables means: for the data dictionary of an export and for the documentation."""

import csv
from pathlib import Path

from analysis.stats.results import TABLES

COLUMNS: dict[str, dict[str, str]] = {table: {} for table in TABLES}
"""Result table to column to meaning, as columns.csv has them; a row there may speak of several tables."""

with Path(__file__).with_suffix(".csv").open(encoding="utf-8", newline="") as _file:
    for _row in csv.DictReader(_file):
        for _table in _row["tables"].split():
            COLUMNS[_table][_row["column"]] = _row["meaning"]
