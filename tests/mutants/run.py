"""Run the tests of each rule against each of its mutants.

One process imports the libraries, and nothing of the project, and forks for each mutant; the fork finds the changed
source in place of the file. So a mutant costs its tests and little else, no file is changed, and two run side by side.
"""

import gc
import importlib
import importlib.abc
import importlib.util
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from tests.mutants.mutate import ROOT, Mutant
from tests.mutants.rules import Rule
from tests.servers.warm import LIBRARIES

LONGEST_S = 60.0
"""A mutant that takes this much longer than its rule unharmed counts as seen: something waits for ever."""


@dataclass(frozen=True)
class Judged:
    """What became of a mutant: "killed", "survived" or "hung"."""

    rule: Rule
    mutant: Mutant
    outcome: str
    seconds: float


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the changed source of one module before the file is found."""

    def __init__(self, mutant: Mutant) -> None:
        self.mutant = mutant
        self.name = mutant.file.removesuffix(".py").replace("/", ".").removesuffix(".__init__")

    def find_spec(self, name: str, path: object, target: object = None) -> ModuleSpec | None:
        """Answer for the one module."""
        if name != self.name:
            return None
        place = str(ROOT / self.mutant.file)
        inside = [str(Path(place).parent)] if place.endswith("__init__.py") else None
        return importlib.util.spec_from_file_location(
            name, place, loader=self, submodule_search_locations=inside
        )

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Let a plain module be made."""
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Run the changed source."""
        exec(compile(self.mutant.source, str(ROOT / self.mutant.file), "exec"), module.__dict__)


def warm() -> None:
    """Import what every fork needs; nothing of the project."""
    for library in (*LIBRARIES, "pytest", "torch"):
        importlib.import_module(library)
    gc.freeze()


def judge(work: Sequence[tuple[Rule, Mutant]], *, jobs: int = 2) -> Iterator[Judged]:
    """Yield what becomes of each mutant, `jobs` of them at a time, as they end."""
    waiting = list(reversed(work))
    running: dict[int, tuple[Rule, Mutant, float]] = {}
    while waiting or running:
        while waiting and len(running) < jobs:
            rule, mutant = waiting.pop()
            running[_begin(rule.tests, mutant)] = rule, mutant, time.monotonic()
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            time.sleep(0.02)
            for late, (_, _, began) in running.items():
                if time.monotonic() - began > LONGEST_S:
                    os.killpg(late, signal.SIGKILL)
            continue
        if pid in running:
            rule, mutant, began = running.pop(pid)
            yield Judged(rule, mutant, _outcome(status), time.monotonic() - began)


def unharmed(rule: Rule) -> bool:
    """Say whether the rule's tests pass as the code is; a rule that is red already would kill every mutant."""
    pid = _begin(rule.tests, None)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def _outcome(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return "survived" if code == 0 else "hung" if code == -signal.SIGKILL else "killed"


def _begin(tests: Sequence[str], mutant: Mutant | None) -> int:
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    os.setsid()
    code = 1
    try:
        with open(
            os.environ.get("MUTANTS_LOG", os.devnull), "wb"
        ) as out:  # for whoever asks why a rule is red
            os.dup2(out.fileno(), 1)
            os.dup2(out.fileno(), 2)
        for name in [name for name in sys.modules if name.partition(".")[0] in {"readerstudy", "analysis"}]:
            del sys.modules[name]
        if mutant is not None:
            sys.meta_path.insert(0, _Changed(mutant))
        import pytest

        code = pytest.main(
            ["-q", "-x", "-p", "no:randomly", "-p", "no:cacheprovider", "-p", "no:xdist", *tests]
        )
    finally:
        sys.stdout.flush()
        os._exit(int(code))
