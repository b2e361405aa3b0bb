"""A register of things by name, filled by the files of a folder: methods of compression, layouts of label files."""

import importlib
import pkgutil
from collections.abc import Iterable
from typing import Any, TypeVar

from analysis.sweep.errors import SpecError

Kind = TypeVar("Kind")


class Registry(dict[str, Kind]):
    """Names and what they stand for. `key`: where a specification gives such a name, for messages."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key

    def register(self, one: Any) -> Kind:
        """Make something known by its `name`."""
        return self.setdefault(one.name, one)

    def find(self, name: str) -> Kind:
        """Return what is registered; raise SpecError with the known names otherwise."""
        if name not in self:
            raise SpecError(f"{self.key}: expected one of {', '.join(sorted(self))}, got {name!r}")
        return self[name]


def import_files(package: str, path: Iterable[str]) -> None:
    """Import every file of a folder, so that each registers what it holds."""
    for module in pkgutil.iter_modules(path):
        importlib.import_module(f"{package}.{module.name}")
