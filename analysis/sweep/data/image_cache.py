"""Each image decoded once: a memory-mapped file of squares, shared by all units of a host.

The cache is named after the file list (names, sizes, times of change) and the preprocessing. It is built in parallel
under a lock, written under another name and renamed, so it is whole or absent; a build that was stopped is resumed. At
256 pixels an image takes 65,536 bytes, in colour three times that.

While it is built, `KEY.u8.part` has its full size from the start; each row is written in its place. `KEY.u8.rows` gets
one line per row afterwards: the row, the SHA-256 of the source file, whether it held colour, the digest of its stored
values, and the SHA-256 of the row's pixels. After a stop a row counts only if its pixels have that digest, so that no
torn row is used.
"""

import fcntl
import json
import math
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.durable import json_bytes, publish, sha256_bytes, sha256_file, sync, write_whole
from analysis.picture.colour import in_planes
from analysis.sweep.data.pixels import Pixels, read_pixels
from analysis.sweep.errors import DataError
from analysis.sweep.spec import PreprocessSpec
from analysis.terminal import Progress

FORMAT = 2
"""Raised when a file may be decoded otherwise than before, so that no older cache is taken: 2 since padding, High Bit,
orientation and the depth of 16-bit PNG are heeded and the digests of the stored values are kept."""


Arrived = Callable[[NDArray[np.uint8]], None]


@dataclass(frozen=True)
class ImageCache:
    """Decoded images in file order.

    `file`: the memory map, uint8, images x size x size, in colour x 3. `digest`: SHA-256 of its bytes; `content`: of
    the list of source names and their own SHA-256; `coloured`: how many source files held colour; `stored`: the digest
    of the stored values of each (none in a cache of version 0.1.0); `decoded`: how many were decoded by this call (0
    when the cache was there); `colour`: what the images were read as; `odd`: the places of those that are in colour and
    read as grey, or the other way round (none in a cache of an earlier version).
    """

    file: Path
    count: int
    size: int
    digest: str
    content: str
    coloured: int
    stored: tuple[str, ...] = ()
    decoded: int = 0
    colour: str = "grey"
    odd: tuple[int, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """Of all images together."""
        return (self.count, *PreprocessSpec(size=self.size, colour=self.colour).shape)

    def pixels(self) -> NDArray[np.uint8]:
        """Map the images: uint8, images x size x size, in colour x 3, read-only."""
        return np.memmap(self.file, np.uint8, "r", shape=self.shape)


def cache_key(names: Sequence[str], files: Sequence[Path], preprocess: PreprocessSpec) -> str:
    """Name a cache after its file list and preprocessing (24 hexadecimal digits)."""
    stats = [file.stat() for file in files]
    listing = [[n, s.st_size, s.st_mtime_ns] for n, s in zip(names, stats, strict=True)]
    identity = {"format": FORMAT, "preprocess": preprocess.decoding(), "files": listing}
    return sha256(json.dumps(identity).encode()).hexdigest()[:24]


def ensure_cache(
    folder: Path,
    names: Sequence[str],
    files: Sequence[Path],
    preprocess: PreprocessSpec,
    progress: Progress = lambda *_: None,
    workers: int | None = None,
    arrived: Arrived | None = None,
) -> ImageCache:
    """Return the cache of these images, built if it is absent and verified if it is there.

    Parameters
    ----------
    progress: called as progress("decode", done, total); raising in it stops the build, which can go on later.
    workers: threads that decode (the decoders work outside the interpreter's lock); one per core by default.
    arrived: called with each image once it is decoded, in the order of the list; not at all where some are there
        already. What it is given stays true after the build.

    Raises
    ------
    DataError: an image that cannot be read, named with its place in the list; nothing is left behind.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{cache_key(names, files, preprocess)}.u8"
    with target.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # among the processes of this host, until the file is closed
        if found := open_cache(target):
            if sha256_file(target) == found.digest:
                return found
            target.with_suffix(".json").unlink()  # damaged: built again
        return _build(target, names, files, preprocess, progress, workers or os.cpu_count() or 1, arrived)


def open_cache(target: Path) -> ImageCache | None:
    """Return a finished cache without reading its pixels, or None."""
    note = target.with_suffix(".json")
    if not (target.is_file() and note.is_file()):
        return None
    said = json.loads(note.read_text())
    facts = {name: value for name, value in said.items() if name in ImageCache.__dataclass_fields__}
    cache = ImageCache(target, **facts | {name: tuple(said.get(name, ())) for name in ("stored", "odd")})
    return cache if target.stat().st_size == math.prod(cache.shape) else None


NAMED = 5
"""Images that a note names."""


def colour_notes(cache: ImageCache, names: Sequence[str]) -> list[str]:
    """Count grey images and those in colour where any is, and name the exceptions to what they were read as.

    Raises
    ------
    DataError: colour is asked for, and no image has any.
    """
    grey = cache.count - cache.coloured
    if cache.colour == "rgb" and not cache.coloured:
        raise DataError(
            f'[preprocess] colour: expected images in colour for "rgb", got {grey:,} grey; use "grey"'
        )
    if not cache.coloured:
        return []
    told = f"{grey:,} images are grey, {cache.coloured:,} in colour"
    if cache.odd:
        more = f" and {len(cache.odd) - NAMED:,} more" if len(cache.odd) > NAMED else ""
        listed = ", ".join(names[row] for row in cache.odd[:NAMED])
        fate = "made grey" if cache.colour == "grey" else "given as three equal planes"
        told += f"; {fate}: {listed}{more}"
    return [f"{told} ([preprocess] colour)"]


def _build(
    target: Path,
    names: Sequence[str],
    files: Sequence[Path],
    preprocess: PreprocessSpec,
    progress: Progress,
    workers: int,
    arrived: Arrived | None,
) -> ImageCache:
    part = PartialCache(target, len(files), preprocess.shape)
    here = len(part.rows)
    try:
        for row, pixels in decoded_rows(files, preprocess, part.missing(), workers):
            part.add(row, pixels)
            if arrived and not here:
                arrived(part.mapped[row])
            progress("decode", len(part.rows), len(files))
    except DataError:
        part.discard()  # once the file is fixed this is another cache
        raise
    finally:
        part.close()
    content = sha256()
    for row, name in enumerate(names):
        content.update(f"{name}\0{part.rows[row].source}\n".encode())
    coloured = [row for row in range(len(files)) if part.rows[row].coloured]
    odd = coloured if preprocess.colour == "grey" else sorted(set(part.rows) - set(coloured))
    digest = part.publish()
    stored = tuple(part.rows[row].stored for row in range(len(files)))
    cache = ImageCache(
        target, len(files), preprocess.size, digest, content.hexdigest(), len(coloured), stored, len(files) - here,
        preprocess.colour, tuple(odd),
    )  # fmt: skip
    note = {name: value for name, value in vars(cache).items() if name not in ("file", "decoded")}
    write_whole(target.with_suffix(".json"), json_bytes({"format": FORMAT, **note}))
    part.discard()
    return cache


AHEAD = 4
"""Images in work per thread, so that memory is bounded."""


@dataclass(frozen=True)
class Row:
    """One decoded image: the SHA-256 of its source file, whether that held colour, the digest of its stored values."""

    source: str
    coloured: bool
    stored: str


class PartialCache:
    """Rows of `count` images of this shape, uint8, on their way to `target`.

    `rows`: what is there and verified, by place in the file list. `mapped`: all of them as the file has them.
    """

    def __init__(self, target: Path, count: int, shape: tuple[int, ...]) -> None:
        self._target, self._count, self._bytes = target, count, math.prod(shape)
        self._part, self._journal = target.with_suffix(".u8.part"), target.with_suffix(".u8.rows")
        self.rows = self._found()
        self._pixels = os.open(self._part, os.O_RDWR | os.O_CREAT, 0o644)
        os.ftruncate(self._pixels, count * self._bytes)
        self.mapped: NDArray[np.uint8] = np.memmap(self._part, np.uint8, "r", shape=(count, *shape))
        self._lines = self._journal.open("a", encoding="ascii")

    def missing(self) -> list[int]:
        """Return the rows that still have to be decoded."""
        return [row for row in range(self._count) if row not in self.rows]

    def add(self, row: int, pixels: Pixels) -> None:
        """Write one row, then its line."""
        content = pixels.square.tobytes()
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
    """Decode these rows of the file list in threads, a bounded number ahead of the reader, in order; each in the shape
    that the preprocessing asks for.

    Raises
    ------
    DataError: an image that cannot be read, with its place in the list.
    """
    with ThreadPoolExecutor(workers, thread_name_prefix="decode") as pool:
        upcoming = iter(rows)

        def decode(row: int) -> tuple[int, Pixels]:
            try:
                pixels = read_pixels(files[row], preprocess)
            except DataError as error:
                raise DataError(f"image {row + 1} of {len(files)}: {error}") from error
            grey_among_coloured = pixels.square.shape != preprocess.shape
            return row, replace(pixels, square=in_planes(pixels.square)) if grey_among_coloured else pixels

        waiting = [pool.submit(decode, row) for row in islice(upcoming, AHEAD * workers)]
        try:
            while waiting:
                yield waiting.pop(0).result()
                waiting += [pool.submit(decode, row) for row in islice(upcoming, 1)]
        finally:
            pool.shutdown(cancel_futures=True)
