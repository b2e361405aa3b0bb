"""The one way in for a CSV from outside: its head is measured before anything is parsed.

pandas builds an object for each column, so a heading of 100,000 names costs seconds in which nothing is learnt.
Only the heading and the first row can make a table wide: a later row that is longer is refused by the parser.
"""

import csv
import gzip
import io
import zlib
from collections import Counter
from pathlib import Path
from typing import Any, BinaryIO, cast

import pandas as pd

MAX_COLUMNS = 2_000
"""The most columns of a table from outside. The widest of ours, a label file, has about 30."""

MAX_HEAD_BYTES = 1 << 20
"""The most bytes, unpacked, of a heading and the first row together: 500 for each of 2,000 columns."""


def read_table(
    source: Path | bytes,
    *,
    error: type[Exception],
    where: str = "",
    wanted: str = "a CSV file",
    **options: Any,
) -> pd.DataFrame:
    """Read a CSV of at most `MAX_COLUMNS` columns.

    Parameters
    ----------
    source: a file, plain or .gz, or the bytes of one.
    error: the named error of the door.
    where: the file named in messages; "" where the caller names it.
    wanted: what the door expects, for messages.
    options: what pandas.read_csv takes.

    Raises
    ------
    error: no such file, damaged, no CSV, no UTF-8, too many columns, a column twice, or a head of more than
        `MAX_HEAD_BYTES`; with what was expected, what came and what to do.
    """
    place = f"{where}: " if where else ""
    try:
        with _opened(source) as stream:
            head = stream.read(MAX_HEAD_BYTES + 1)
            fault = head_fault(head)
            if not fault:
                return cast(pd.DataFrame, pd.read_csv(_from_start(stream, head), **options))
    except OSError as reason:  # a damaged .gz is one too, without an errno
        raise error(f"{place}expected {wanted}, {reason.strerror or reason} came") from reason
    except (
        ValueError,
        EOFError,
        zlib.error,
    ) as reason:  # pandas' own errors and those of the encoding are values
        raise error(f"{place}expected {wanted}, {reason} came") from reason
    raise error(f"{place}expected {wanted} with {fault}")


def _opened(source: Path | bytes) -> BinaryIO:
    if isinstance(source, bytes):
        return io.BytesIO(source)
    return cast(BinaryIO, gzip.open(source)) if source.suffix == ".gz" else source.open("rb")


def _from_start(stream: BinaryIO, head: bytes) -> BinaryIO:
    if not stream.seekable():  # a pipe gives its bytes once
        return io.BytesIO(head + stream.read())
    stream.seek(0)
    return stream


def head_fault(head: bytes) -> str:
    """Say how the first `MAX_HEAD_BYTES` + 1 bytes of a CSV should have been; "" where they are in order.

    Quoting is understood as pandas and the csv module do.
    """
    text = io.StringIO(head.decode("utf-8", errors="replace"), newline="")
    rows: list[list[str]] = []
    try:
        for cells in csv.reader(text):
            if len(cells) > 1 or "".join(cells).strip():  # pandas passes over blank lines
                rows.append(cells)
            if len(rows) == 2:
                break
    except csv.Error:
        return (
            f"cells of at most {csv.field_size_limit():,} characters in its heading and first row, a longer one "
            "came; look for a quotation mark that is not closed"
        )
    if len(head) > MAX_HEAD_BYTES and not text.read(1):
        return (
            f"a heading and a first row of together at most {MAX_HEAD_BYTES:,} bytes, more came; "
            "take out what is not needed"
        )
    for name, cells in zip(("heading", "first row"), rows, strict=False):
        if len(cells) > MAX_COLUMNS:
            return (
                f"at most {MAX_COLUMNS:,} columns, {len(cells):,} came in its {name}; "
                "take out the columns that are not needed"
            )
    names = Counter(name for name in rows[0] if name.strip()) if rows else Counter()
    twice = [name for name, times in names.items() if times > 1]
    # pandas would rename the second and read the first, whichever of them was meant.
    return f"each column once, {twice[0]!r} came again in its heading; take one of them out" if twice else ""
