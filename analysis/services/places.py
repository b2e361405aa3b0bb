"""Which places on the server's disk a page may name: those inside the site's data folders, and no others."""

import os
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from analysis.errors import RefusedError

OFFERED = 200
"""The most places that a form offers."""
DEPTH = 3
LOOKED_AT = 5_000
"""The most entries that are looked at to find some to offer; images lie in hundred thousands."""
WILD = "*?[{"
_IS = {"file": Path.is_file, "folder": Path.is_dir, "folder or file": Path.exists}


class PlaceError(RefusedError):
    """A place that may not be named, or is missing. Outside the roots the answer is the same for all places."""


def inside(text: str, roots: Sequence[Path], *, kind: str) -> Path:
    """Return the whole path of a file or folder that a person named.

    Parameters
    ----------
    text: a path, whole or relative to one of the roots.
    roots: the site's data folders; links are followed before it is decided whether a place lies in one.
    kind: `file`, `folder` or `folder or file`.

    Raises
    ------
    PlaceError: outside the roots, or no such file or folder inside them.
    """
    for path in _candidates(text, roots):
        if _IS[kind](path):
            return path
    raise PlaceError(f"expected a {kind} inside {_named(roots)}; found nothing with this name")


def pattern_inside(text: str, roots: Sequence[Path]) -> Path:
    """Return a pattern (`*`, `{seed}`), a file or a folder of checkpoints inside the roots as a whole path.

    Raises
    ------
    PlaceError: its folder is outside the roots or not there.
    """
    parts = Path(text).parts
    fixed = next((i for i, part in enumerate(parts) if set(part) & set(WILD)), len(parts))
    if ".." in parts[fixed:]:
        raise PlaceError(f"expected a pattern inside {_named(roots)}, got one with '..'")
    if fixed == len(parts):
        return inside(text, roots, kind="folder or file")
    return inside(str(Path(*parts[:fixed])) or ".", roots, kind="folder").joinpath(*parts[fixed:])


def within(path: Path, roots: Sequence[Path]) -> bool:
    """Say whether a path lies inside one of the roots once all links are followed."""
    real = Path(os.path.realpath(path))
    return any(real.is_relative_to(os.path.realpath(root)) for root in roots)


def offered(roots: Sequence[Path], *, kind: str, suffixes: Sequence[str] = ()) -> list[str]:
    """Return some files or folders inside the roots for a form to offer: near ones first, a bounded number."""
    found: list[str] = []
    for root in roots:
        for path in islice(_walk(root), LOOKED_AT):
            good = path.is_dir() if kind == "folder" else path.suffix.lower() in suffixes and path.is_file()
            if good and within(path, roots):
                found.append(path.relative_to(root).as_posix())
            if len(found) >= OFFERED:
                return found
    return found


def _walk(root: Path) -> Iterator[Path]:
    """Give what lies in a folder, then what lies in its folders, down to DEPTH; links are not entered."""
    waiting = deque([(root, 1)])
    while waiting:
        folder, depth = waiting.popleft()
        try:
            with os.scandir(folder) as entries:
                there = sorted(entry.path for entry in islice(entries, LOOKED_AT) if entry.name[0] != ".")
        except OSError:
            continue
        for path in map(Path, there):
            yield path
            if depth < DEPTH and path.is_dir() and not path.is_symlink():
                waiting.append((path, depth + 1))


def _candidates(text: str, roots: Sequence[Path]) -> Iterator[Path]:
    if not text or "\0" in text:
        return
    for root in roots:
        path = root / text  # a whole path stays as it is
        if within(path, roots):
            yield Path(os.path.realpath(path))


def _named(roots: Sequence[Path]) -> str:
    return "the data folder " + " or ".join(str(root) for root in roots)
