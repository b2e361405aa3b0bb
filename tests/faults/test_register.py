"""Each of the 40 faults has its tests, and the tests that the register names are there."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.register import FAULTS

TESTS = Path(__file__).resolve().parents[1]


def each_test() -> Iterator[tuple[str, tuple[Path, str]]]:
    for path in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                yield node.name, (path, ast.unparse(node))


@pytest.fixture(scope="module")
def known() -> dict[str, tuple[Path, str]]:
    """Return file and text of every test."""
    return dict(each_test())


def test_all_forty_are_in_the_register() -> None:
    assert sorted(FAULTS) == list(range(1, 41))
    assert all(tests for _, tests in FAULTS.values())


@pytest.mark.parametrize("number", FAULTS)
def test_its_tests_are_there(number: int, known: dict[str, tuple[Path, str]]) -> None:
    assert [name for name in FAULTS[number][1] if name not in known] == []


def test_what_differs_on_postgresql_runs_there(known: dict[str, tuple[Path, str]]) -> None:
    """A test that asks which database it has proves half of what it says where it runs on SQLite alone."""
    makefile = (TESTS.parent / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")
    listed = re.search(r"^ON_POSTGRESQL := (.*)$", makefile, re.MULTILINE)[1].split()
    named = [known[name] for _, names in FAULTS.values() for name in names]
    asking = {path.relative_to(TESTS.parent) for path, text in named if "connection.vendor" in text}
    assert len(asking) >= 2
    assert [path for path in asking if not any(path.is_relative_to(place) for place in listed)] == []
