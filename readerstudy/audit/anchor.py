"""The anchor: a file outside the database that repeats the head of every chain, one line per committed event.

Whoever can write the database alone can cut the end of a chain; the anchor still knows what was there.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import UUID

SITE = "site"


@dataclass(frozen=True)
class Line:
    """The chain (a study's key, or `site`), the event's number in it, and its keyed hash."""

    chain: str
    sequence: int
    digest: str


def name_of(study: UUID | None) -> str:
    """Return what the anchor calls a chain."""
    return SITE if study is None else str(study)


def append(path: Path, line: Line) -> None:
    """Add a line in one write, so that processes side by side do not mix theirs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, (json.dumps(asdict(line)) + "\n").encode())
    finally:
        os.close(file)


def read(path: Path) -> Iterator[Line]:
    """Yield the lines of an anchor that are whole; none where there is no file."""
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        for text in file:
            try:
                values = json.loads(text)
                yield Line(str(values["chain"]), int(values["sequence"]), str(values["digest"]))
            except (ValueError, KeyError, TypeError):
                continue
