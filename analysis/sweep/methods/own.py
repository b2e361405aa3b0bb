"""Methods of the user's own package, by entry points of the group `readerstudy.methods`.

Loading one imports its module, so only modules that the site's settings list are loaded
(`analysis.sweep.networks.factories`), and a run records the digest of the module's source.
"""

import inspect
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from analysis.durable import sha256_file
from analysis.sweep.errors import CheckpointError, SpecError
from analysis.sweep.methods.masks import MaskMethod
from analysis.sweep.methods.registry import METHODS, Method, StateMethod, refuse_levels
from analysis.sweep.networks.factories import allowed, listed_module

GROUP = "readerstudy.methods"
MEMBERS = ("name", "meaning", "levels")


def find_method(name: str) -> Method | StateMethod:
    """Return a method of this folder, else one of an installed package.

    Raises
    ------
    SpecError: there is none of this name; the known ones are named.
    HostError: its module is not listed on this host, or fails.
    CheckpointError: the entry point leads to no method, or to one of another name.
    """
    entry = None if name in METHODS else _entry(name)
    if entry is None:
        return METHODS.find(name)
    found: Any = getattr(listed_module(f"method {name}", entry.module), entry.attr, None)
    if any(not hasattr(found, member) for member in MEMBERS) or getattr(found, "name", "") != name:
        raise CheckpointError(f"method {name}: expected a method of this name at {entry.value}, got none")
    method: Method | StateMethod = found
    return method


def masking(name: str, level: float) -> MaskMethod:
    """Return a method that removes weights, at a level that it has; raise SpecError for another."""
    method = find_method(name)
    refuse_levels(method, (level,), "[train] level")
    if not isinstance(method, MaskMethod):
        raise SpecError(f"[train] method: expected one that removes weights, got {name!r}")
    return method


def method_digest(name: str) -> str:
    """Return the SHA-256 of the source file of a package's method; "" for one of this folder."""
    entry = None if name in METHODS or not name else _entry(name)
    if entry is None:
        return ""
    return sha256_file(Path(inspect.getfile(listed_module(f"method {name}", entry.module))))


def method_choices() -> list[tuple[str, str]]:
    """Return the name and meaning of every method that may be used on this host."""
    own = [one.name for one in entry_points(group=GROUP) if allowed(one.module) and one.name not in METHODS]
    return [(name, find_method(name).meaning) for name in (*METHODS, *sorted(own))]


def _entry(name: str) -> EntryPoint | None:
    return next(iter(entry_points(group=GROUP, name=name)), None)
