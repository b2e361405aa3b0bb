"""Recognising a sealed half by what is in a file, whatever the file is called."""

import bz2
import csv
import gzip
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

HEAD = 8192
"""Bytes from the beginning of a file, or of a file in an archive, that are looked at."""
MEMBERS = 1000
"""Files of an archive that are looked at."""
REACH = 64 * 2**20
"""Bytes of a tar archive, unpacked, that are gone through: it has no list of its files, so all before must be read."""
_UNPACK: dict[bytes, Callable[..., Any]] = {
    b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open,
}  # fmt: skip
_TAR = slice(257, 262), b"ustar"
_REPORT = re.compile(r'"kind"\s*:\s*"sealed report"')
_TELLS = {"nonce", "source", "source_sha256"}
"""Columns that are next to case and arm in a key and in no table that may be seen."""


def is_sealed(path: Path) -> bool:
    """Say whether a file is a key or a sealed report, plain, compressed, or in a zip or tar archive.

    A file that cannot be read is not known to be one, and neither is one in an archive within an archive.
    """
    try:
        return any(_told(head) for head in _heads(path))
    except (
        OSError, EOFError, RuntimeError, ValueError,
        zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError,
    ):  # fmt: skip
        return False


def _heads(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        head = file.read(HEAD)
    unpack = next((unpack for magic, unpack in _UNPACK.items() if head.startswith(magic)), None)
    if unpack is not None:
        with unpack(path) as unpacked:
            head = unpacked.read(HEAD)
    place, magic = _TAR
    if head[place] == magic:
        yield from _in_tar(path)
    elif head.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist()[:MEMBERS]:
                with archive.open(member) as unpacked:
                    yield unpacked.read(HEAD)
    else:
        yield head


def _in_tar(path: Path) -> Iterator[bytes]:
    with tarfile.open(path) as archive:
        for member in islice(archive, MEMBERS):
            unpacked = archive.extractfile(member) if member.isfile() else None
            if unpacked is not None:
                yield unpacked.read(HEAD)
            if archive.offset > REACH:
                break


def _told(head: bytes) -> bool:
    """Say whether a file that begins so gives the arms away."""
    encoding = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    text = head.decode(encoding, errors="replace")
    if _REPORT.search(text):
        return True
    first, *_ = [*text.lstrip().splitlines(), ""]
    for separator in ",;\t|":
        names = {name.strip().lower() for name in next(csv.reader([first], delimiter=separator))}
        if names.issuperset({"case", "arm"}) and not names.isdisjoint(_TELLS):
            return True
    return False
