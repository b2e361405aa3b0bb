"""A cache of decoded images while it is built: rows as they come, and a journal that says which are there.

`KEY.u8.part` has its full size from the start; each row is written in its place. `KEY.u8.rows` gets one line
per row afterwards: the row, the SHA-256 of the source file, whether it held colour, the digest of its stored values,
and the SHA-256 of the row's pixels. After a stop a row counts only if its pixels have that digest, so that nothing
torn is believed.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from analysis.durable import publish, sha256_bytes, sha256_file, sync
from analysis.sweep.data.pixels import Pixels, read_pixels
from analysis.sweep.errors import DataError
from analysis.sweep.spec import PreprocessSpec

AHEAD = 4
"""Images in work per thread, so that memory is bounded."""


@dataclass(frozen=True)
class Row:
    """One decoded image: the SHA-256 of its source file, whether that held colour, the digest of its stored values."""

    source: str
    coloured: bool
    stored: str


class PartialCache:
    """Rows of `count` images of `size` x `size` bytes on their way to `target`.

    `rows`: what is there and verified, by place in the file list.
    """

    def __init__(self, target: Path, count: int, size: int) -> None:
        self._target, self._count, self._bytes = target, count, size * size
        self._part, self._journal = target.with_suffix(".u8.part"), target.with_suffix(".u8.rows")
        self.rows = self._found()
        self._pixels = os.open(self._part, os.O_RDWR | os.O_CREAT, 0o644)
        os.ftruncate(self._pixels, count * self._bytes)
        self._lines = self._journal.open("a", encoding="ascii")

    def missing(self) -> list[int]:
        """Return the rows that still have to be decoded."""
        return [row for row in range(self._count) if row not in self.rows]

    def add(self, row: int, pixels: Pixels) -> None:
        """Write one row, then its line."""
        content = pixels.grey.tobytes()
        os.pwrite(self._pixels, content, row * self._bytes)
        self._lines.write(
            f"{row} {pixels.sha256} {int(pixels.coloured)} {pixels.stored} {sha256_bytes(content)}\n"
        )
        self._lines.flush()
        self.rows[row] = Row(pixels.sha256, pixels.coloured, pixels.stored)

    def publish(self) -> str:
        """Give the finished rows their name; return the SHA-256 of all of them."""
        sync(self._part)
        digest = sha256_file(self._part)
        publish(self._part, self._target)
        return digest

    def close(self) -> None:
        """Close both files; what was written stays."""
        os.close(self._pixels)
        self._lines.close()

    def discard(self) -> None:
        """Delete both files."""
        self._part.unlink(missing_ok=True)
        self._journal.unlink(missing_ok=True)

    def _found(self) -> dict[int, Row]:
        if not (self._part.is_file() and self._journal.is_file()):
            self.discard()
            return {}
        found = {}
        text = self._journal.read_text(encoding="ascii", errors="replace")
        whole, _, torn = text.rpartition("\n")
        with self._part.open("rb") as stream:
            for line in whole.splitlines():
                fields = line.split(" ")
                if len(fields) != 5 or not fields[0].isdigit() or int(fields[0]) >= self._count:
                    continue
                stream.seek(int(fields[0]) * self._bytes)
                if sha256_bytes(stream.read(self._bytes)) == fields[4]:
                    found[int(fields[0])] = Row(fields[1], fields[2] == "1", fields[3])
        if torn:
            self._journal.write_text(whole + "\n" if whole else "", encoding="ascii")
        return found


def decoded_rows(
    files: Sequence[Path], preprocess: PreprocessSpec, rows: Sequence[int], workers: int
) -> Iterator[tuple[int, Pixels]]:
    """Decode these rows of the file list in threads, a bounded number ahead of the reader, in order.

    Raises
    ------
    DataError: an image that cannot be read, with its place in the list.
    """
    with ThreadPoolExecutor(workers, thread_name_prefix="decode") as pool:
        upcoming = iter(rows)

        def submit(row: int) -> tuple[int, Future[Pixels]]:
            return row, pool.submit(read_pixels, files[row], preprocess)

        waiting = [submit(row) for row in islice(upcoming, AHEAD * workers)]
        try:
            while waiting:
                row, future = waiting.pop(0)
                yield row, _result(future, row, len(files))
                waiting += [submit(next_row) for next_row in islice(upcoming, 1)]
        finally:
            for _, left in waiting:
                left.cancel()


def _result(future: Future[Pixels], row: int, count: int) -> Pixels:
    try:
        return future.result()
    except DataError as error:
        raise DataError(f"image {row + 1} of {count}: {error}") from error
