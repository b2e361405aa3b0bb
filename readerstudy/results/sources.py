"""What a number depends on beside its data: the source files behind an import, and all that is installed.

The digest of kept results and the export share it, so that neither can forget a module that the other knows.
"""

import ast
import platform
from functools import cache
from importlib import metadata
from pathlib import Path

import analysis


def sources(*modules: str) -> dict[str, Path]:
    """Return the files of the analysis that importing `modules` can ever load, by their name in the package's parent.

    Imports within functions count too. They are read from the files' text, so nothing is loaded that is not needed.
    """
    found: dict[str, Path] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        path = _file(name)
        if path is None or path in found.values():
            continue
        # A module's definitions may stand in a file beside it.
        for each in (path, path.with_suffix(".csv"), path.with_suffix(".json")):
            if each.is_file():
                found[f"analysis/{each.relative_to(_root())}"] = each
        waiting += [name.rpartition(".")[0], *_imported(path.read_bytes())]
    return dict(sorted(found.items()))


@cache
def environment() -> str:
    """Return Python's version, the kind of machine and every installed package with its version, a line each.

    Looked up once: a process computes with what it has loaded, whatever is installed meanwhile.
    """
    packages = sorted({f"{each.name}=={each.version}" for each in metadata.distributions()}, key=str.lower)
    machine = f"{platform.system()} {platform.machine()}"
    return "\n".join([f"Python {platform.python_version()}", machine, *packages, ""])


def _root() -> Path:
    return Path(analysis.__path__[0])


def _file(module: str) -> Path | None:
    package, *parts = module.split(".")
    place = _root().joinpath(*parts)
    candidates = (place / "__init__.py", place.with_suffix(".py")) if package == "analysis" else ()
    return next((path for path in candidates if path.is_file()), None)


@cache
def _imported(text: bytes) -> tuple[str, ...]:
    found: list[str] = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found += (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:  # the name may be a module or something in one
            found += (node.module, *(f"{node.module}.{each.name}" for each in node.names))
    return tuple(found)
