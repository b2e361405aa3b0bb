"""What each case will be called, where it will be read and what will be shown of it."""

from collections.abc import Sequence

import pandas as pd

from analysis import frames
from analysis.caseset.blocks import assign_blocks
from analysis.caseset.errors import CaseSetError
from analysis.caseset.keys import case_key, separation_group

PERSONAL = ("view", "sex", "age")
"""What a protocol may show of the patient, for all cases or for none."""


def plan_cases(
    selection: pd.DataFrame, *, shown: Sequence[str], block_size: int, nonce: bytes
) -> pd.DataFrame:
    """Name the cases of a selection and put them into blocks; return one row per case, sorted by case.

    Returns
    -------
    A frame with case, source, labels, n_labels, block, separation_group, arm, pair, score, class_group,
    n_findings and the shown columns.

    Raises
    ------
    CaseSetError: nothing selected, a shown column that is unknown, absent or blank.
    FrameError: a row that frames.SELECTION does not allow.
    """
    frames.check_table(selection, frames.SELECTION)
    if selection.empty:
        raise CaseSetError("expected at least one selected image, got none")
    rows = selection.rename(columns={"image": "source"}).reset_index(drop=True)
    rows["source"] = rows["source"].astype(str)
    rows["labels"] = [_normal(text, row) for row, text in enumerate(rows["labels"], start=1)]
    rows["n_labels"] = rows["labels"].str.count(";") + 1
    rows["case"] = [case_key(nonce, source) for source in rows["source"]]
    names = rows.groupby("pair")["source"].agg(lambda sources: separation_group(nonce, sources))
    rows["separation_group"] = rows["pair"].map(names)
    rows["block"] = assign_blocks(
        list(rows["case"]),
        list(rows["separation_group"]),
        list(rows["arm"]),
        block_size=block_size,
        nonce=nonce,
    )
    for name in shown:
        rows[name] = _shown(rows, name)
    return rows.sort_values("case", ignore_index=True)


def _normal(text: object, row: int) -> str:
    """Write labels in one way: single spaces, joined by '; '."""
    labels = [" ".join(part.split()) for part in str(text).split(";")]
    if not all(labels):
        raise CaseSetError(
            f"selection, row {row}, column 'labels': expected labels joined by '; ', got {text!r}"
        )
    return "; ".join(labels)


def _shown(rows: pd.DataFrame, name: str) -> pd.Series:
    if name not in PERSONAL:
        raise CaseSetError(f"expected to show some of {', '.join(PERSONAL)}, got {name!r}")
    if name not in rows.columns:
        raise CaseSetError(f"cannot show '{name}': the selection has no such column (was metadata given?)")
    values = rows[name]
    blank = values.isna() | (values.astype(str).str.strip() == "")
    if blank.any():
        source = rows.loc[blank, "source"].iloc[0]
        raise CaseSetError(f"'{name}' is shown for all cases or none: it is blank for {source!r}")
    if name == "age":
        return pd.to_numeric(values).map(lambda age: f"{age:g}")
    return values.astype(str).str.strip()
