"""Reads and checks tidy ratings before anything is computed from them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.columns import FrameError, as_numbers
from analysis.endpoints import PAPER, Endpoint
from analysis.frames import RATINGS, check_table, ratings_table, without_repeats
from analysis.identity import spelled
from analysis.stats.rows import StatsError
from analysis.tablefile import read_table
from analysis.tablefolder import restored

_TEXT = ("reader", "case", "pair", "batch", "patient")
_NUMBERS = ("arm", "presentation", "position", "time_s")

MAY_BE_ABSENT = ("pair", "batch", "position", "time_s", "patient")
"""Columns that the comparisons can do without; an absent one counts as blank throughout."""


@dataclass(frozen=True)
class Checked:
    """Ratings that passed `check`.

    `first` holds presentation 1 only (every comparison uses it); `repeats` holds the later presentations;
    both have text identifiers, float answers with NaN for missing, and a status column for each question.
    `simulated` says that at least one rating is marked as made by a program.
    """

    first: pd.DataFrame
    repeats: pd.DataFrame
    lacking_an_arm: tuple[str, ...]
    simulated: bool = False


def read_ratings(path: Path) -> pd.DataFrame:
    """Read a ratings CSV; identifiers stay text, so that cases "1.1" and "1.10" remain two cases,
    and apostrophes that guard against formulas are taken out.

    Raises
    ------
    StatsError: the file is absent, is not UTF-8, is not a CSV or is wider than any table of ours.
    """
    table = read_table(
        path, error=StatsError, where=str(path), dtype=str, keep_default_na=False, na_values=[""], encoding="utf-8-sig"
    )  # fmt: skip
    return restored(table)


def check(ratings: pd.DataFrame, where: str = RATINGS.name, endpoints: Sequence[Endpoint] = PAPER) -> Checked:
    """Check tidy ratings and split them into first readings and repeats.

    Parameters
    ----------
    ratings: one row per reader, case and presentation, columns of `frames.ratings_table`; blank = missing.
    where: the file named in messages.
    endpoints: the questions; answers to others are not looked at.

    Returns
    -------
    Checked: sorted by reader and case, so that the order of rows changes no result. Readers whose answers to
    no question cover both arms are listed in `lacking_an_arm`; each comparison drops them.

    Raises
    ------
    FrameError: a column is absent, a value is not allowed, a reading comes twice (repeats left in as first
        readings), a status contradicts its answer.
    StatsError: no rows, or repeats alone; a case carries both arms, two matched sets or two patients.
    """
    given = without_repeats(ratings.reset_index(drop=True), RATINGS)
    given = given.assign(**{name: np.nan for name in MAY_BE_ABSENT if name not in given.columns})
    tidy = _typed(check_table(given, ratings_table(endpoints), where), endpoints)
    if tidy.empty:
        raise StatsError(f"{where}: expected at least one rating, got a table without rows")
    for column in ("arm", "pair", "patient"):
        _check_one_per_case(tidy, column, where)
    for endpoint in endpoints:
        tidy[endpoint.status] = _status(tidy, endpoint.name, where)
    tidy = tidy.sort_values(["reader", "case", "presentation"], kind="stable").reset_index(drop=True)
    is_first = tidy["presentation"] == 1
    if not is_first.any():
        raise StatsError(f"{where}: expected first readings (presentation 1), got repeats alone")
    first = tidy[is_first].reset_index(drop=True)
    lacking = [str(name) for name, own in first.groupby("reader") if not _covers_both_arms(own, endpoints)]
    simulated = "simulated" in given.columns and bool((given["simulated"] == "yes").any())
    return Checked(first, tidy[~is_first].reset_index(drop=True), tuple(lacking), simulated)


def _typed(frame: pd.DataFrame, endpoints: Sequence[Endpoint]) -> pd.DataFrame:
    columns: dict[str, pd.Series] = {}
    for name in (*_TEXT, *(endpoint.status for endpoint in endpoints)):
        if name in frame.columns:
            columns[name] = frame[name].map(_text).astype(object)
    for name in (*_NUMBERS, *(endpoint.name for endpoint in endpoints)):
        columns[name] = pd.Series(as_numbers(frame[name]), frame.index)
    return pd.DataFrame(columns)


def _text(value: object) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)) or value is pd.NA:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # a column of numbers with a blank was read as float: 1.0 means the label 1
    return spelled(value)


def _check_one_per_case(tidy: pd.DataFrame, column: str, where: str) -> None:
    counts = tidy.groupby("case")[column].nunique()
    if (counts > 1).any():
        case = counts.index[int(np.argmax(counts.to_numpy() > 1))]
        found = sorted({_text(value) for value in tidy.loc[tidy["case"] == case, column]})
        raise StatsError(
            f"{where}, case '{case}', column '{column}': expected one value for all readings of a case, "
            f"got {' and '.join(repr(value) for value in found)}; correct the key or rename the case"
        )


def _status(tidy: pd.DataFrame, name: str, where: str) -> pd.Series:
    answered = tidy[name].notna()
    if f"{name}_status" not in tidy.columns:
        return pd.Series(np.where(answered, "answered", "missing"), index=tidy.index, dtype=object)
    status: pd.Series = tidy[f"{name}_status"]
    wrong = (status == "answered") != answered
    if wrong.any():
        row = int(np.flatnonzero(wrong.to_numpy())[0])
        found = "a blank" if not answered.iloc[row] else f"{tidy[name].iloc[row]:g}"
        raise FrameError(
            f"{where}, row {row + 1}, column '{name}': expected an answer exactly where {name}_status is "
            f"'answered'; got status '{status.iloc[row]}' with {found}"
        )
    return status


def _covers_both_arms(own: pd.DataFrame, endpoints: Sequence[Endpoint]) -> bool:
    return any(own.loc[own[endpoint.name].notna(), "arm"].nunique() == 2 for endpoint in endpoints)
