"""Which places on the server's disk a page may name: those inside the site's data folders, and no others."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from analysis.errors import RefusedError

OFFERED = 200
"""The most places that are shown of a folder; there can be hundreds of thousands of images."""
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
    for root in roots if text and "\0" not in text else ():
        path = Path(os.path.realpath(root / text))  # a whole path stays as it is
        if within(path, roots) and _IS[kind](path):
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


def listing(text: str, roots: Sequence[Path]) -> tuple[list[dict[str, Any]], int]:
    """Return what is in a folder inside the roots for a tree to show: folders first, a bounded number.

    Parameters
    ----------
    text: the folder; blank: the roots themselves.

    Returns
    -------
    Of each its `name`, its whole `path` and whether it is a `folder`; and how many more there are. Hidden names and
    links that lead out of the roots are left out.

    Raises
    ------
    PlaceError: no such folder inside the roots.
    """
    if not text:
        return [{"name": str(root), "path": str(root), "folder": True} for root in roots if root.is_dir()], 0
    top = inside(text, roots, kind="folder")
    try:
        with os.scandir(top) as entries:
            there = sorted((not entry.is_dir(), entry.name) for entry in entries if entry.name[0] != ".")
    except OSError as error:
        raise PlaceError(f"expected a folder that the site may read ({error.strerror})") from error
    shown = [(top / name, not file) for file, name in there[:OFFERED]]
    rows = [{"name": path.name, "path": str(path), "folder": folder}
            for path, folder in shown if within(path, roots)]  # fmt: skip
    return rows, len(there) - len(shown)


def _named(roots: Sequence[Path]) -> str:
    return "the data folder " + " or ".join(str(root) for root in roots)
