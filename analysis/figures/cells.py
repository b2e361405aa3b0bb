"""Reads the cells of result tables for the figures: numbers that may be absent."""

from typing import Any

import pandas as pd

Record = dict[str, Any]


def records(frame: pd.DataFrame) -> list[Record]:
    """Return the rows of a frame as dictionaries; an absent number (None, NaN) becomes None."""
    rows: list[Record] = []
    for values in frame.astype(object).where(frame.notna(), None).itertuples(index=False, name=None):
        rows.append(dict(zip(frame.columns, values, strict=True)))
    return rows
