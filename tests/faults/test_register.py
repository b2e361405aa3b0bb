"""Each of the 40 faults has its tests, and the tests that the register names are there."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.register import FAULTS

TESTS = Path(__file__).resolve().parents[1]


def names() -> Iterator[str]:
    for path in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                yield node.name


@pytest.fixture(scope="module")
def known() -> set[str]:
    return set(names())


def test_all_forty_are_in_the_register() -> None:
    assert sorted(FAULTS) == list(range(1, 41))
    assert all(tests for _, tests in FAULTS.values())


@pytest.mark.parametrize("number", FAULTS)
def test_its_tests_are_there(number: int, known: set[str]) -> None:
    assert [name for name in FAULTS[number][1] if name not in known] == []
