"""Run the tests of each rule against each of its mutants.

Each of two processes collects the tests and makes the database once. For each file of tests it forks, makes the
fixtures of the file, and forks again for each mutant. That fork gives the functions of the rule their changed code and
runs the tests that take the changed line. So a mutant costs these tests and nothing else, and no file is changed. What
no file's tests see is run once more with fixtures made by the changed code. What a rule's function gives while modules
are imported stays as it was.
"""

import gc
import importlib
import multiprocessing
import os
import pickle
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any, Never

import pytest
from _pytest.runner import runtestprotocol
from django.db import connection

from readerstudy.accounts import hashing
from tests.mutants.mutate import ROOT, Mutant
from tests.mutants.rules import EQUIVALENT, Rule
from tests.servers.warm import LIBRARIES

_FAULT = 3
"""How a fork ends that met a fault of its own: that is no test that saw the mutant."""

LONGEST_S = 20.0
"""A mutant that takes this much longer than ten times its tests unharmed counts as seen: something waits for ever."""

_made: list[str] = []
"""Fixtures of a file or of all that the test that runs was the first to want."""

DATABASE = "tests/mutants/database.py"

Work = Mapping[Rule, Sequence[Mutant]]


@dataclass(frozen=True)
class Judged:
    """What became of a mutant: killed, survived, hung; red: its tests fail as the code is; fault: one of this tool."""

    rule: Rule
    mutant: Mutant
    outcome: str
    tests: int
    seconds: float


@dataclass(frozen=True)
class _Taken:
    """What one test took of a rule's file, what fixtures took that it has in common, and how long it lasted."""

    lines: frozenset[int]
    shared: frozenset[int]
    seconds: float


def judge(work: Work, *, jobs: int = 2) -> Iterator[Judged]:
    """Yield what becomes of each mutant as it ends; `jobs` rules are judged at a time, the longest first."""
    for library in (*LIBRARIES, "torch"):
        importlib.import_module(library)
    gc.freeze()
    fork = multiprocessing.get_context("fork")
    asked, told = fork.SimpleQueue(), fork.SimpleQueue()
    jobs = min(jobs, len(work))
    workers = [fork.Process(target=_worker, args=(work, asked, told)) for _ in range(jobs)]
    for rule in (*sorted(work, key=lambda rule: -len(work[rule])), *(None,) * jobs):
        asked.put(rule)
    for worker in workers:
        worker.start()
    while jobs:
        judged = told.get()
        if judged is None:
            jobs -= 1
        else:
            yield judged
    for worker in workers:
        worker.join()


def _worker(work: Work, asked: Any, told: Any) -> None:
    """Collect the tests of all rules and judge rules as long as there are any."""
    _quiet()
    files = dict.fromkeys(test for rule in work for test in rule.tests)
    try:
        pytest.main(
            ["-q", *(f"-pno:{name}" for name in ("randomly", "cacheprovider", "xdist")), DATABASE, *files],
            plugins=[_Judging(work, asked, told)],
        )
    finally:
        shutil.rmtree(os.environ["READERSTUDY_HOME"], ignore_errors=True)
        told.put(None)


class _Judging:
    """Takes the place of pytest's loop over the tests."""

    def __init__(self, work: Work, asked: Any, told: Any) -> None:
        self.work, self.asked, self.told = work, asked, told

    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> None:
        """Note the fixtures that several tests have in common."""
        if fixturedef.scope != "function":
            _made.append(fixturedef.argname)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Make the database, then judge."""
        connection.settings_dict["TEST"]["NAME"] = None  # in memory, so that each fork has its own
        first = next(item for item in session.items if item.nodeid.startswith(DATABASE))
        other = next(item for item in session.items if item.path != first.path)
        runtestprotocol(first, log=False, nextitem=other)  # with one to come, the database stays
        while (rule := self.asked.get()) is not None:
            named = {item.nodeid: item for test in rule.tests for item in session.items if _is_of(item, test)}
            items = list(named.values())
            for judged in _of_rule(rule, self.work[rule], items, first):
                self.told.put(judged)
        return True


def _is_of(item: pytest.Item, test: str) -> bool:
    return item.nodeid.startswith((f"{test}::", f"{test}/", f"{test}[")) or item.nodeid == test


def _of_rule(
    rule: Rule, found: Sequence[Mutant], items: Sequence[pytest.Item], first: pytest.Item
) -> Iterator[Judged]:
    place = str(ROOT / rule.file)
    module = importlib.import_module(
        rule.file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    )
    gc.unfreeze()  # what is frozen is not among the objects
    functions = [
        thing for thing in gc.get_objects()
        if type(thing) is FunctionType and thing.__code__.co_filename == module.__file__
    ]  # fmt: skip
    taken, ended, _ = _forked(lambda: _trace(items, first, place), 60 * LONGEST_S)
    if ended != "survived":
        yield from (Judged(rule, mutant, "red", len(items), 0.0) for mutant in found)
        return
    chosen = {mutant: _who_take(mutant, items, taken) for mutant in found}
    left = dict.fromkeys(found, 0.0)
    for path in dict.fromkeys(item.path for item in items):
        asked = {
            mutant: own for mutant in left if (own := [one for one in chosen[mutant] if one.path == path])
        }
        warm, _, _ = _forked(lambda: _warm(asked, taken, functions, first), 600 * LONGEST_S)  # noqa: B023
        for mutant, (outcome, seconds) in (warm or {}).items():
            left[mutant] += seconds
            if outcome not in {"survived", "fault"}:
                yield Judged(rule, mutant, outcome, len(chosen[mutant]), left.pop(mutant))
    for mutant, before in left.items():
        if mutant.name in EQUIVALENT:
            yield Judged(rule, mutant, "survived", len(chosen[mutant]), before)
            continue
        every = _who_take(mutant, items, taken, shared=True)
        outcome, seconds = _broken(mutant, every, taken, functions, first)
        yield Judged(rule, mutant, outcome, len(every), before + seconds)


Asked = Mapping[Mutant, Sequence[pytest.Item]]


def _warm(
    asked: Asked, taken: Mapping[str, _Taken], functions: Sequence[FunctionType], first: pytest.Item
) -> dict[Mutant, tuple[str, float]]:
    """Judge mutants by the tests of one file, whose fixtures are made once, by the code as it is."""
    every = {item.nodeid: item for items in asked.values() for item in items}
    own = sorted(every.values(), key=lambda item: (_flushes(item), taken[item.nodeid].seconds))
    if len(own) > 1 and not _flushes(own[0]):
        _passes(own[0], own[1])  # with one to come, the fixtures of the file stay
    return {mutant: _broken(mutant, items, taken, functions, first) for mutant, items in asked.items()}


def _broken(
    mutant: Mutant,
    items: Sequence[pytest.Item],
    taken: Mapping[str, _Taken],
    functions: Sequence[FunctionType],
    first: pytest.Item,
) -> tuple[str, float]:
    """Return what becomes of a mutant that these tests judge, and the seconds that took."""
    if not items:
        return "survived", 0.0
    longest = LONGEST_S + 10 * sum(taken[item.nodeid].seconds for item in items)
    _, outcome, seconds = _forked(lambda: _run_broken(mutant, functions, items, first), longest)
    return outcome, seconds


def _who_take(
    mutant: Mutant, items: Sequence[pytest.Item], taken: Mapping[str, _Taken], *, shared: bool = False
) -> list[pytest.Item]:
    """Return the tests that take the mutant's line, or its function: file by file, the quickest first.

    `shared`: also those that have a fixture in common which takes it.
    """
    for lines in ({mutant.line}, set(range(mutant.span[0], mutant.span[1] + 1))):
        chosen = [
            item for item in items
            if taken[item.nodeid].lines & lines or (shared and taken[item.nodeid].shared & lines)
        ]  # fmt: skip
        if chosen:
            break
    files = list(dict.fromkeys(item.path for item in chosen))
    return sorted(
        chosen,
        key=lambda item: (_flushes(item), files.index(item.path), taken[item.nodeid].seconds),
    )


def _flushes(item: pytest.Item) -> bool:
    """Say whether a test empties the database: it comes after those that count on what migrations made."""
    marker = item.get_closest_marker("django_db")
    return "transactional_db" in getattr(item, "fixturenames", ()) or bool(
        marker and marker.kwargs.get("transaction")
    )


def _trace(items: Sequence[pytest.Item], first: pytest.Item, place: str) -> dict[str, _Taken]:
    """Run the tests as the code is; return which lines of the file each of them takes."""
    lines: set[int] = set()

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        if frame.f_code.co_filename != place:
            return None
        lines.add(frame.f_lineno)
        return trace

    threading.settrace(trace)
    own, seconds, of_fixture = {}, {}, defaultdict(set)
    for item, following in zip(items, (*items[1:], first), strict=True):
        lines.clear()
        _made.clear()
        began = time.monotonic()
        sys.settrace(trace)
        passed = _passes(item, following)
        sys.settrace(None)
        if not passed:
            os._exit(1)
        own[item], seconds[item] = frozenset(lines), time.monotonic() - began
        for name in _made:
            of_fixture[item.path, name] |= lines
        print(f"{seconds[item]:.2f} s {item.nodeid}", flush=True)
    taken = {}
    for item in items:
        shared = {line for name in getattr(item, "fixturenames", ()) for line in of_fixture[item.path, name]}
        taken[item.nodeid] = _Taken(own[item], frozenset(shared), seconds[item])
    return taken


def _run_broken(
    mutant: Mutant, functions: Sequence[FunctionType], items: Sequence[pytest.Item], first: pytest.Item
) -> None:
    """Give the functions the mutant's code, then run the tests until one fails."""
    print(f"{mutant.function}:{mutant.line}: {mutant.change}", flush=True)
    if not any(function.__code__.co_name == mutant.function for function in functions):
        raise LookupError(
            f"expected to find the function {mutant.function} of {mutant.file}, it is not there"
        )
    codes = dict(_codes(compile(mutant.source, functions[0].__code__.co_filename, "exec")))
    for function in functions:
        code = codes.get((function.__code__.co_qualname, function.__code__.co_firstlineno))
        if code is not None and code.co_freevars == function.__code__.co_freevars:
            function.__code__ = code
    for item, following in zip(items, (*items[1:], first), strict=True):
        if not _passes(item, following):
            os._exit(1)


def _codes(code: CodeType) -> Iterator[tuple[tuple[str, int], CodeType]]:
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield (inner.co_qualname, inner.co_firstlineno), inner
            yield from _codes(inner)


def _passes(item: pytest.Item, following: pytest.Item) -> bool:
    reports = runtestprotocol(item, log=False, nextitem=following)
    failed = [report for report in reports if report.failed]
    for report in failed:
        print(report.nodeid, report.longreprtext, flush=True)
    return not failed


def _forked(do: Callable[[], Any], longest_s: float) -> tuple[Any, str, float]:
    """Return what a fork gives, what became of it, and its seconds; afterwards the site's folder is as it was."""
    began = time.monotonic()
    with _as_it_was(Path(os.environ["READERSTUDY_HOME"])):
        read, write = os.pipe()
        pid = os.fork()
        if not pid:
            _in_fork(do, write)
        os.close(write)
        late = threading.Timer(longest_s, os.killpg, (pid, signal.SIGKILL))
        late.start()
        with open(read, "rb") as pipe:
            given = pipe.read()
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        late.cancel()
    outcome = {0: "survived", 1: "killed", -signal.SIGKILL: "hung"}.get(code, "fault")
    return pickle.loads(given) if given else None, outcome, time.monotonic() - began


@contextmanager
def _as_it_was(folder: Path) -> Iterator[None]:
    with tempfile.TemporaryDirectory() as kept:
        shutil.copytree(folder, kept, dirs_exist_ok=True)
        yield
        shutil.rmtree(folder)
        shutil.copytree(kept, folder)


def _in_fork(do: Callable[[], Any], write: int) -> Never:
    code = _FAULT
    try:
        gc.freeze()
        os.setsid()
        hashing._worker.cache_clear()  # its threads do not come along
        _quiet()
        with open(write, "wb") as pipe:
            pickle.dump(do(), pipe)
        code = 0
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        sys.stderr.flush()
        os._exit(code)


def _quiet() -> None:
    """Send what is printed to MUTANTS_LOG, for anyone who asks why a rule is red."""
    with open(os.environ.get("MUTANTS_LOG", os.devnull), "ab") as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
