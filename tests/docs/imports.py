"""The pictures of imports in docs/: an arrow from each folder to what it needs most directly.

`python -m tests.docs.imports` prints how many folders, imports and circles there are.
"""

from collections.abc import Iterable, Mapping

import grimp
from grimp import ImportGraph

PACKAGES = ("analysis", "readerstudy")
OPENED = ("analysis.sweep", "readerstudy.study", "readerstudy.ops")
"""Folders that are shown by their own folders, in pictures of their own."""

Arrows = Mapping[str, frozenset[str]]


def graph() -> ImportGraph:
    """Return the imports of both packages."""
    return grimp.build_graph(*PACKAGES)


def arrows(found: ImportGraph, inside: str) -> Arrows:
    """Return for each folder or module of a package which others of it are imported, the indirect ones too."""
    children = {
        name for name in found.find_children(inside) if not name.endswith((".migrations", ".management"))
    }
    where = {module: child for child in children for module in (child, *found.find_descendants(child))}
    return {
        child: frozenset(
            where[needed]
            for module in (child, *found.find_descendants(child))
            if "migrations" not in module
            for needed in found.find_modules_directly_imported_by(module)
            if needed in where and where[needed] != child
        )
        for child in sorted(children)
    }


def circles(of: Arrows) -> list[tuple[str, str]]:
    """Return the pairs that reach each other."""
    reached = {name: _reached(of, name) for name in of}
    return [
        (one, two) for one in of for two in of if one < two and two in reached[one] and one in reached[two]
    ]


def direct(of: Arrows) -> Iterable[tuple[str, str]]:
    """Yield the arrows that no longer way replaces, so that the picture can be read."""
    for name, needed in of.items():
        for one in sorted(needed):
            if not any(one in _reached(of, other) for other in needed - {one}):
                yield name, one


def _reached(of: Arrows, start: str) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for name in of[waiting.pop()] - seen:
            seen.add(name)
            waiting.append(name)
    return seen


def picture(found: ImportGraph, inside: str) -> str:
    """Return the imports of a package as a diagram; what needs nothing and is needed by nothing is left out."""
    short = len(inside) + 1
    lines = ["```mermaid", "flowchart TB"]
    lines += [f"    {one[short:]} --> {two[short:]}" for one, two in direct(arrows(found, inside))]
    return "\n".join([*lines, "```"]) + "\n"


def pictures(*names: str) -> str:
    """Return the picture of each of these packages or folders."""
    found = graph()
    return "\n".join(f"`{name}`:\n\n{picture(found, name)}" for name in names)


if __name__ == "__main__":
    found = graph()
    for name in (*PACKAGES, *OPENED):
        of = arrows(found, name)
        print(
            f"{name}: {len(of)} folders and modules, {sum(map(len, of.values()))} arrows, "
            f"{len(list(direct(of)))} drawn, circles {len(circles(of))} {circles(of) or ''}"
        )
