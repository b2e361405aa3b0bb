"""The anchor: a file outside the database that repeats the head of every chain, two lines for each event.

Anyone who can write only the database can cut the end of a chain; the anchor still knows what was there.

A line `begun` is written before the commit and a line without a state after it. So an event that has only the first was
cut short by a crash, or taken back; an event of the database that claims this anchor and has neither is missing from
the file, which is then an older copy or was cut. The line of an epoch says which anchor the file is: a file without one
is no anchor, and no event ever creates the file.
"""

import errno
import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from readerstudy.durable import write_whole

SITE = "site"
FORMAT = 2
BEGUN, COMMITTED, COPY = "begun", "committed", "copy"
LONGEST = 4096
"""No line is nearly as long, in characters; a longer one is read in pieces, none of which is a line."""


@dataclass(frozen=True)
class Line:
    """The chain (a study's key, or `site`), the event's number in it, and its keyed hash.

    `state`: begun, committed, or copy, the last line of a backup's anchor. `anchor`: on the line of an epoch, which
    anchor this is.
    """

    chain: str
    sequence: int
    digest: str
    state: str = COMMITTED
    anchor: UUID | None = None

    def text(self) -> str:
        """Return the line as it is in the file."""
        values: dict[str, Any] = {"chain": self.chain, "sequence": self.sequence, "digest": self.digest}
        if self.state != COMMITTED:
            values["state"] = self.state
        if self.anchor is not None:
            values |= {"format": FORMAT, "anchor": str(self.anchor)}
        return json.dumps(values) + "\n"


def name_of(study: UUID | None) -> str:
    """Return what the anchor calls a chain."""
    return SITE if study is None else str(study)


def append(path: Path, line: Line, *, create: bool = False) -> None:
    """Add a line in one write, so that processes side by side do not mix theirs; a torn line before it ends.

    Raises
    ------
    OSError: no such file (unless `create`), no plain file, or no room.
    """
    if create:
        path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | (os.O_CREAT if create else 0), 0o600)
    try:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "expected a plain file as the audit anchor")
        torn = found.st_size and os.pread(file, 1, found.st_size - 1) != b"\n"
        data = ("\n" * bool(torn) + line.text()).encode()
        if os.write(file, data) != len(data):
            raise OSError(errno.ENOSPC, "no room for a line of the audit anchor")
    finally:
        os.close(file)


def read(path: Path) -> Iterator[Line | None]:
    """Yield the lines of an anchor, None for one that is torn or no line at all; nothing where there is no file."""
    if not path.is_file():
        return
    with path.open("rb") as file:
        while text := file.readline(LONGEST):
            if text.strip():
                yield _line(text)


def copy_until(source: Path, target: Path, heads: Mapping[str, Sequence[Any]]) -> bool:
    """Copy an anchor as it stood when chains ended so, for a backup; return whether there was one.

    The copy's last line keeps it from being taken for an anchor by `verify_audit`: a database and an anchor that are
    put back by hand, and agree, would show no trace of what was lost.
    """
    if identity(source) is None:
        return False
    kept = [line for line in read(source) if line and line.sequence <= heads.get(line.chain, (0,))[0]]
    _write(target, [*kept, Line(SITE, heads[SITE][0], str(heads[SITE][1]), COPY)])
    return True


def put_back(copy: Path, target: Path) -> None:
    """Make a backup's copy an anchor again, where there is none; `restore` then begins an epoch in it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    _write(target, [line for line in read(copy) if line and line.state != COPY])


def _write(path: Path, lines: Iterable[Line]) -> None:
    write_whole(path, "".join(line.text() for line in lines).encode(), mode=0o600)


def ends(path: Path) -> dict[str, tuple[int, str]]:
    """Return of each chain the last event that an anchor tells as committed, and its hash."""
    found: dict[str, tuple[int, str]] = {}
    for line in read(path):
        if line is not None and line.state == COMMITTED:
            found[line.chain] = max(found.get(line.chain, (0, "")), (line.sequence, line.digest))
    return found


def identity(path: Path) -> UUID | None:
    """Return which anchor a file is, by its first epoch; None where there is no such file, or no epoch in it.

    Asked for at every event: the place of the epoch's line is kept and only looked at again.
    """
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file:
            offset, text = _FIRST.get(path, (0, b""))
            if text and os.pread(file.fileno(), len(text), offset) == text:
                found = _line(text)
                return None if found is None else found.anchor
            offset = 0
            while text := file.readline(LONGEST):
                found = _line(text)
                if found is not None and found.anchor is not None:
                    _FIRST[path] = offset, text
                    return found.anchor
                offset += len(text)
    except OSError:
        pass
    return None


_FIRST: dict[Path, tuple[int, bytes]] = {}
"""Where the first epoch's line of a file is, and the line."""


def _line(text: bytes) -> Line | None:
    try:
        values = json.loads(text)
        chain = str(values["chain"])
        return Line(
            SITE if chain == SITE else str(UUID(chain)), int(values["sequence"]), str(values["digest"]),
            str(values.get("state", COMMITTED)), UUID(values["anchor"]) if "anchor" in values else None,
        )  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return None
