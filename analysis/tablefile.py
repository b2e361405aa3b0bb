"""The one reader of CSV files from outside: the head is measured before anything is parsed.

Cells are separated by a comma, a semicolon, a tab or a bar. A line `sep=;` above the heading names the separator;
otherwise it is the one that gives heading and first row equally many cells, the comma before others. Lines above the
heading that begin with # are comments, but for a heading whose first column is named #. Headings are trimmed as names
are (`analysis.identity`).

pandas builds an object for each column, so a heading of 100,000 names costs seconds for nothing. Only the heading and
the first row can make a table wide: a later row that is longer is refused by the parser.
"""

import csv
import gzip
import io
import re
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import pandas as pd

from analysis.identity import spelled

MAX_COLUMNS = 2_000
"""The most columns of a table from outside. The widest of ours, a label file, has about 30."""

MAX_HEAD_BYTES = 1 << 20
"""The most bytes, unpacked, of a heading and the first row together: 500 for each of 2,000 columns."""


SEPARATORS = (",", ";", "\t", "|")

# Empty lines go at once with the line after them: a million one by one would cost seconds.
_LINE = re.compile(rb"[\r\n]*(?:\xef\xbb\xbf)?([^\r\n]*)(?:\r\n|\r|\n|$)")
_COMMENT = re.compile(rb"#(?![,;\t|])")
_NAMED = re.compile(rb'"?sep=(.)"?[,;\t|]*')


@dataclass(frozen=True)
class Head:
    """Where the heading of a table begins, in bytes; its separator and cells; what is wrong with it, or ""."""

    start: int
    separator: str
    heading: tuple[str, ...]
    fault: str


def read_table(
    source: Path | bytes,
    *,
    error: type[Exception],
    where: str = "",
    **options: Any,
) -> pd.DataFrame:
    """Read a CSV of at most `MAX_COLUMNS` columns, by one of `SEPARATORS`, which is kept as `attrs["separator"]`.

    Parameters
    ----------
    source: a file, plain or .gz, or the bytes of one.
    error: the named error of the caller.
    where: the file named in messages; "" where the caller names it.
    options: what pandas.read_csv takes; `dtype` and `usecols` go by the trimmed headings.

    Raises
    ------
    error: no such file, damaged, no CSV, no UTF-8, too many columns, a column twice, or a head of more than
        `MAX_HEAD_BYTES`; with what was expected, what was found and what to do.
    """
    place = f"{where}: " if where else ""
    try:
        with _opened(source) as stream:
            first = stream.read(MAX_HEAD_BYTES + 1)
            head = read_head(first)
            if not head.fault:
                return _parsed(_from(head.start, stream, first), head, options)
    except OSError as reason:  # a damaged .gz is one too, without an errno
        raise error(
            f"{place}expected a CSV file in UTF-8, got the error '{reason.strerror or reason}'"
        ) from reason
    except (ValueError, EOFError, zlib.error) as reason:
        # pandas' own errors and those of the encoding are values.
        raise error(f"{place}expected a CSV file in UTF-8, got the error '{reason}'") from reason
    raise error(f"{place}expected a CSV file in UTF-8 with {head.fault}")


def _opened(source: Path | bytes) -> BinaryIO:
    if isinstance(source, bytes):
        return io.BytesIO(source)
    return cast(BinaryIO, gzip.open(source)) if source.suffix == ".gz" else source.open("rb")


def _from(start: int, stream: BinaryIO, first: bytes) -> BinaryIO:
    if not stream.seekable():  # a pipe gives its bytes once
        return io.BytesIO(first[start:] + stream.read())
    stream.seek(start)
    return stream


def _parsed(stream: BinaryIO, head: Head, options: Mapping[str, Any]) -> pd.DataFrame:
    given = dict(options)
    if callable(wanted := given.get("usecols")):
        given["usecols"] = lambda name: wanted(spelled(name))
    if isinstance(kinds := given.get("dtype"), dict):
        given["dtype"] = {name: kinds[spelled(name)] for name in head.heading if spelled(name) in kinds}
    frame = cast(pd.DataFrame, pd.read_csv(stream, sep=head.separator, **given)).rename(columns=spelled)
    frame.attrs["separator"] = head.separator
    return frame


def read_head(first: bytes, *, comments: bool = True) -> Head:
    """Look at the first `MAX_HEAD_BYTES` + 1 bytes of a CSV. Quoting is understood as pandas and csv do.

    Without `comments` a line that begins with # is a heading.
    """
    start, named = _above(first, comments)
    if named not in ("", *SEPARATORS):
        return Head(start, ",", (), f"a comma, a semicolon, a tab or a bar after sep=, got {named!r}")
    text = first[start:].decode("utf-8", errors="replace").removeprefix("\ufeff").lstrip("\r\n")
    rows = {each: _Rows(text, each) for each in ((named,) if named else SEPARATORS)}
    separator = max(rows, key=lambda each: rows[each].fit)  # of several that fit, the first
    heading = tuple(rows[separator].cells[0]) if rows[separator].cells else ()
    return Head(start, separator, heading, rows[separator].fault(cut=len(first) > MAX_HEAD_BYTES))


def _above(first: bytes, comments: bool) -> tuple[int, str]:
    """Step over comments and a line `sep=`: where the heading begins, and the separator that is named, or ""."""
    place = start = 0
    named = ""
    while place < len(first):
        line = cast(re.Match[bytes], _LINE.match(first, place))
        text = line[1].strip(b" ")
        place = line.end()
        if found := _NAMED.fullmatch(text):
            named = found[1].decode("latin-1")
        elif text and not (comments and _COMMENT.match(text)):
            break
        start = place if text else start
    return start, named


class _Rows:
    """The heading and the first row of a text, taken apart at one separator."""

    def __init__(self, text: str, separator: str) -> None:
        stream = io.StringIO(text, newline="")
        self.cells: list[list[str]] = []
        self.broken = False
        try:
            for cells in csv.reader(stream, delimiter=separator):
                if len(cells) > 1 or "".join(cells).strip():  # pandas passes over blank lines
                    self.cells.append(cells)
                if len(self.cells) == 2:
                    break
        except csv.Error:
            self.broken = True
        self.ended = not stream.read(1)

    @property
    def fit(self) -> int:
        """2 where heading and first row have equally many cells, 1 where the heading has several, else 0."""
        widths = {len(cells) for cells in self.cells}
        if self.broken or not self.cells or len(self.cells[0]) < 2:
            return 0
        return 2 if len(widths) == 1 else 1

    def fault(self, *, cut: bool) -> str:
        """Say how the head should have been; "" where it is in order. `cut`: the text goes on."""
        if self.broken:
            return (
                f"cells of at most {csv.field_size_limit():,} characters in its heading and first row, got a longer "
                "one; look for a quotation mark that is not closed"
            )
        if cut and self.ended:
            return (
                f"a heading and a first row of together at most {MAX_HEAD_BYTES:,} bytes, got more; "
                "remove what is not needed"
            )
        for name, cells in zip(("heading", "first row"), self.cells, strict=False):
            if len(cells) > MAX_COLUMNS:
                return (
                    f"at most {MAX_COLUMNS:,} columns, got {len(cells):,} in its {name}; "
                    "remove the columns that are not needed"
                )
        names = Counter(spelled(name) for name in self.cells[0]) if self.cells else Counter()
        twice = [name for name, times in names.items() if name and times > 1]
        if twice:  # pandas would rename the second and read the first, whichever of them was meant
            return f"each column once, got {twice[0]!r} again in its heading; remove one of them"
        widths = [len(cells) for cells in self.cells]
        if widths[1:] > widths[:1]:
            # pandas would take the first cells of each row as its name and shift the others.
            return (
                f"at most as many cells in the first row as in the heading ({widths[0]}), got {widths[1]}; name every "
                "column, and end no row with a separator"
            )
        return ""
