"""Import what a GPU host without the web project has, and nothing else.

`python -m tests.sweep.standing_alone MODULE ARGUMENTS...` runs a module while every other installed library
refuses to be imported. A module that is itself an installed library (`pytest`) may be imported, with what it needs.
"""

import importlib.metadata
import re
import runpy
import sys

ALLOWED = ("torch", "torchvision", "numpy", "numba", "pandas", "pillow")
"""The distributions that the sweep and its GPU bench need."""


def needed(names) -> set[str]:
    """Return these distributions and all that they themselves need, in normal form."""
    found: set[str] = set()
    left = [_normal(name) for name in names]
    while left:
        name = left.pop()
        if name in found:
            continue
        found.add(name)
        try:
            wanted = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        plain = (line for line in wanted if "extra ==" not in line)
        left += [_normal(re.match(r"[\w.-]+", line).group()) for line in plain]
    return found


def refused_modules(*more: str) -> set[str]:
    """Return the top-level modules of every other installed distribution; `more`: distributions that are good too."""
    good = needed((*ALLOWED, *more))
    owners = importlib.metadata.packages_distributions()
    return {module for module, names in owners.items() if not good & {_normal(name) for name in names}}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


class Refusal:
    """A finder that does not find what is neither ours nor allowed, as if it were not installed."""

    def __init__(self, finder, refused: set[str]) -> None:
        self.finder, self.refused = finder, refused

    def find_spec(self, fullname, path=None, target=None):
        if fullname.partition(".")[0] in self.refused:
            return None
        return self.finder.find_spec(fullname, path, target)

    def __getattr__(self, name):
        return getattr(self.finder, name)  # the versions of what is there are found by it too


if __name__ == "__main__":
    refused = refused_modules(sys.argv[1].partition(".")[0])
    sys.meta_path[:] = [Refusal(finder, refused) for finder in sys.meta_path]
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
