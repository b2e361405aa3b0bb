"""Writes ratings as iMRMC's list-mode file, so that the FDA's program can redo the primary comparison."""

import re
from collections.abc import Sequence

import pandas as pd

from analysis.endpoints import PAPER, Endpoint

TRUTH_READER = "-1"


def imrmc_list(
    ratings: pd.DataFrame, *, endpoints: Sequence[Endpoint] = PAPER, title: str = "Reader study"
) -> str:
    """Return the text of an .imrmc file: truth rows, then one row per reader, case and question.

    Parameters
    ----------
    ratings: columns of `frames.ratings_table`; first readings are written, missing answers left out.
    endpoints: questions, each written as a modality of its own; to be analysed one at a time.
    title: first line of the file.

    Notes
    -----
    The arm takes the place of the truth (PIE = 1). Rows are reader, case, modality, score; rows of the reader
    -1 and the modality 0 give the truth. Commas and line breaks in names become underscores, since the format has
    no quotes. iMRMC does not centre its variance: in unbalanced studies its standard error differs from
    u_centred and equals u_imrmc.
    """
    first = ratings[ratings["presentation"].astype(float) == 1]
    arms = first.groupby("case")["arm"].first().astype(int)
    lines = [
        _plain(title), "",
        f"NR: {first['reader'].nunique()}", f"N0: {int((arms == 0).sum())}", f"N1: {int((arms == 1).sum())}",
        f"NM: {len(endpoints)}", "", "BEGIN DATA:",
    ]  # fmt: skip
    lines += [f"{TRUTH_READER},{_plain(case)},0,{arm}" for case, arm in arms.items()]
    for name in (endpoint.name for endpoint in endpoints):
        answered = first[first[name].notna()].sort_values(["reader", "case"])
        lines += [
            f"{_plain(reader)},{_plain(case)},{name},{value:.15g}"
            for reader, case, value in zip(answered["reader"], answered["case"], answered[name], strict=True)
        ]
    return "\n".join(lines) + "\n"


def _plain(name: object) -> str:
    return re.sub(r"[,\r\n]+", "_", str(name))
