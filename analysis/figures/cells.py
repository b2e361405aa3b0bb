"""Reads the cells of result tables for the figures: numbers that may be absent, p-values in words."""

from typing import Any

import pandas as pd

Record = dict[str, Any]


def records(frame: pd.DataFrame) -> list[Record]:
    """Return the rows of a frame as dictionaries; an absent number (None, NaN) becomes None."""
    rows: list[Record] = []
    for values in frame.astype(object).where(frame.notna(), None).itertuples(index=False, name=None):
        rows.append(dict(zip(frame.columns, values, strict=True)))
    return rows


def p_words(p: float | None) -> str:
    """Write a p-value: three decimals, "<0.001" below, a dash where there is none."""
    if p is None:
        return "–"
    return "<0.001" if p < 0.001 else f"{p:.3f}"
