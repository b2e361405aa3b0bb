"""Writes ratings as VIA's CSV, one file per reader."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import pandas as pd

from analysis.endpoints import PAPER, Endpoint
from analysis.exchange.via import COLUMNS, NO, YES


def via_csv(
    ratings: pd.DataFrame,
    reader: str,
    *,
    endpoints: Sequence[Endpoint] = PAPER,
    suffix: str = "",
    extra: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Return one reader's first readings as VIA would export them.

    Parameters
    ----------
    ratings: columns of `frames.ratings_table`.
    reader: pseudonym.
    endpoints: the questions; their words are the attributes' names.
    suffix: follows the case's key in the file name, such as ".png".
    extra: attributes of every row, such as that the reader is simulated.

    Notes
    -----
    VIA has no word for cannot-assess: such a question has no attribute, as an unanswered one. Order, time and
    arm are not part of the format. Rows are sorted by file name, as VIA sorts them.
    """
    own = ratings[(ratings["reader"] == reader) & (ratings["presentation"].astype(float) == 1)]
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for _, row in own.sort_values("case").iterrows():
        attributes = dict(extra) | {
            each.question: _word(each, row[each.name]) for each in endpoints if pd.notna(row[each.name])
        }
        # A semicolon would let a spreadsheet cut the cell in two and run what follows; to JSON this is the same text.
        texts = json.dumps(attributes, ensure_ascii=False).replace(";", "\\u003b")
        writer.writerow([f"{row['case']}{suffix}", -1, texts, 0, 0, "{}", "{}"])
    return buffer.getvalue()


def _word(endpoint: Endpoint, value: float) -> str:
    return (YES if value else NO) if endpoint.kind == "binary" else f"{value:.15g}"
