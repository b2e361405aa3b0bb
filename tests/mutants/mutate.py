"""The mutants of a function: cosmic-ray's small changes, and each statement that refuses or records left out."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator

ROOT = Path(__file__).resolve().parents[2]

OPERATORS = (
    "AddNot", "NumberReplacer", "ReplaceAndWithOr", "ReplaceBreakWithContinue", "ReplaceFalseWithTrue",
    "ReplaceOrWithAnd", "ReplaceTrueWithFalse", "ZeroIterationForLoop",
    "ReplaceBinaryOperator_Add_Sub", "ReplaceBinaryOperator_Div_Mul", "ReplaceBinaryOperator_Mod_Mul",
    "ReplaceBinaryOperator_Mul_Div", "ReplaceBinaryOperator_Sub_Add", "ReplaceBinaryOperator_BitAnd_BitOr",
    "ReplaceBinaryOperator_BitOr_BitAnd",
    "ReplaceComparisonOperator_Eq_NotEq", "ReplaceComparisonOperator_NotEq_Eq",
    "ReplaceComparisonOperator_Lt_LtE", "ReplaceComparisonOperator_LtE_Lt", "ReplaceComparisonOperator_Gt_GtE",
    "ReplaceComparisonOperator_GtE_Gt", "ReplaceComparisonOperator_Is_IsNot", "ReplaceComparisonOperator_IsNot_Is",
)  # fmt: skip
"""Of cosmic-ray's 213 those that change what is decided. Its other comparisons and arithmetic are killed by the same
tests; removing a decorator takes away a transaction, which the drills under kills judge."""


@dataclass(frozen=True)
class Mutant:
    """One changed source; `change` is its line before and after."""

    file: str
    function: str
    line: int
    change: str
    source: str

    @property
    def name(self) -> str:
        """How a list of equivalents names it."""
        return f"{self.file} {self.function}: {self.change}"


def mutants(file: str, functions: tuple[str, ...] = ()) -> Iterator[Mutant]:
    """Yield every mutant of the named functions of a file, or of all of them, in the order of the lines."""
    source = (ROOT / file).read_text(encoding="utf-8")
    spans = _functions(source)
    found = {}
    for changed in (*_by_cosmic_ray(source), *_left_out(source)):
        line, change = _difference(source, changed)
        name = next((name for name, first, last in spans if first <= line <= last), "")
        if name and (not functions or name in functions) and not change.startswith(("@", "def ", '"""')):
            found[line, change] = Mutant(file, name, line, change, changed)
    yield from (found[key] for key in sorted(found))


def _functions(source: str) -> list[tuple[str, int, int]]:
    """Return name, first and last line of each function; the innermost first, without decorators and docstring."""
    spans = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            if body:
                spans.append((node.name, body[0].lineno, node.end_lineno or 0))
    return sorted(spans, key=lambda span: span[2] - span[1])


def _by_cosmic_ray(source: str) -> Iterator[str]:
    for name in OPERATORS:
        operator = get_operator(f"core/{name}")()
        for place in count():
            changed = mutate_code(source, operator, place)
            if changed is None:
                break
            if changed != source:
                yield changed


def _left_out(source: str) -> Iterator[str]:
    """Replace each call or raise that is a statement of its own by `pass`: a refusal or a record that is forgotten."""
    lines = source.splitlines(keepends=True)
    for node in ast.walk(ast.parse(source)):
        called = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
        if called or isinstance(node, ast.Raise):
            end = node.end_lineno or node.lineno
            gone = " " * node.col_offset + "pass\n" + "\n" * (end - node.lineno)
            yield "".join([*lines[: node.lineno - 1], gone, *lines[end:]])


def _difference(before: str, after: str) -> tuple[int, str]:
    old, new = before.splitlines(), after.splitlines()
    line = next((n for n, (one, two) in enumerate(zip(old, new, strict=False), 1) if one != two), len(old))
    return line, f"{old[line - 1].strip()} -> {new[line - 1].strip()}"
