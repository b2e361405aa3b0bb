"""Columns of a table: kind, allowed values, and a check that names the first row that breaks them."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from analysis.errors import RefusedError
from analysis.vocabulary import decimal

Kind = Literal["text", "integer", "number", "binary"]


class FrameError(RefusedError):
    """A table does not hold what it should: the message names the file, the row, the wanted and the found."""


@dataclass(frozen=True)
class Column:
    """One column: its name, kind, meaning, and what it may hold.

    `low` and `high` are inclusive; `allowed` lists the only texts, `levels` the only numbers; `blank` says whether
    a cell may be empty; `optional` says whether the whole column may be absent.
    """

    name: str
    kind: Kind
    meaning: str
    low: float | None = None
    high: float | None = None
    allowed: tuple[str, ...] = ()
    levels: tuple[int, ...] = ()
    blank: bool = False
    optional: bool = False


def check_column(values: pd.Series, column: Column, where: str) -> None:
    """Check the cells of a column.

    Raises
    ------
    FrameError: the first blank where none may be, or value that is not allowed, with its row.
    """
    blank = values.isna() | (values.astype(str).str.strip() == "")
    if blank.any() and not column.blank:
        raise _error(where, blank, column, _wanted(column), "a blank")
    present = values[~blank]
    if column.allowed:
        _refuse(~present.astype(str).isin(column.allowed), present, column, where)
    if column.kind == "text":
        return
    numbers = as_numbers(present)
    bad = ~np.isfinite(numbers)
    if column.kind == "binary":
        bad |= ~np.isin(numbers, [0, 1])
    if column.kind == "integer":
        bad |= numbers != np.floor(numbers)
    if column.low is not None:
        bad |= numbers < column.low
    if column.high is not None:
        bad |= numbers > column.high
    if column.levels:
        bad |= ~np.isin(numbers, column.levels)
    _refuse(pd.Series(bad, index=present.index), present, column, where)


def as_numbers(values: pd.Series) -> "np.ndarray[Any, np.dtype[np.float64]]":
    """Return cells as numbers, NaN for those that are none."""
    try:
        return np.asarray(pd.to_numeric(values, errors="coerce"), dtype=float)
    except OverflowError:  # a whole number of hundreds of digits, which is none of ours
        return np.array([_as_number(value) for value in values])


def _as_number(value: Any) -> float:
    try:
        return float(value)
    except (ValueError, TypeError, OverflowError):
        return float("nan")


def _refuse(bad: "pd.Series[bool]", values: pd.Series, column: Column, where: str) -> None:
    if bad.any():
        found = values[bad].tolist()[0]
        comma = column.kind != "text" and "," in str(found) and decimal(str(found)) is not None
        hint = "; write a decimal point" if comma else ""
        raise _error(where, bad, column, _wanted(column), f"{found!r}{hint}")


def _error(where: str, bad: pd.Series, column: Column, wanted: str, found: str) -> FrameError:
    row = bad.index[np.flatnonzero(bad.to_numpy())[0]]
    place = f"row {row + 1}" if isinstance(row, int | np.integer) else f"row {row!r}"
    return FrameError(f"{where}, {place}, column '{column.name}': expected {wanted}, got {found}")


def _wanted(column: Column) -> str:
    if column.allowed:
        return "one of " + ", ".join(column.allowed)
    if column.kind == "binary":
        return "0 or 1"
    if column.levels and len(column.levels) < column.levels[-1] - column.levels[0] + 1:
        return "one of " + ", ".join(map(str, column.levels))
    end = "on" if column.high is None else f"to {column.high}"
    limits = "" if column.low is None else f" from {column.low} {end}"
    return {"text": "a text", "integer": "a whole number", "number": "a finite number"}[column.kind] + limits


@dataclass(frozen=True)
class Table:
    """A named table; `key` lists the columns that together are unique.

    `named` lists the columns that name readers, cases and so on, `paths` those that name images: their cells are
    compared by the rules of `analysis.identity`.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        """Column names in file order, the optional ones included."""
        return [column.name for column in self.columns]
