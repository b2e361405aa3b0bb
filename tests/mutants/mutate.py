"""The mutants of a function: cosmic-ray's small changes, and each statement that refuses or records left out."""

import ast
import marshal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import parso
from cosmic_ray.ast import ast_nodes
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


Span = tuple[str, int, int]
"""Name of a function, first and last line of its body."""


@dataclass(frozen=True)
class Mutant:
    """One changed source; `change` is its line before and after, `span` first and last line of the function's body."""

    file: str
    function: str
    line: int
    change: str
    source: str
    span: tuple[int, int]

    @property
    def name(self) -> str:
        """How a list of equivalents names it."""
        return f"{self.file} {self.function}: {self.change}"


def mutants(file: str, functions: tuple[str, ...] = ()) -> Iterator[Mutant]:
    """Yield every mutant of the named functions of a file, or of all of them, in the order of the lines."""
    source = (ROOT / file).read_text(encoding="utf-8")
    spans = [span for span in _functions(source) if not functions or span[0] in functions]
    found, as_it_is = {}, _compiled(source)
    for changed in (*_by_cosmic_ray(source, spans), *_left_out(source)):
        line, change = _difference(source, changed)
        span = _around(line, spans)
        if span and _compiled(changed) not in {None, as_it_is}:
            name, *body = span
            found[line, change] = Mutant(file, name, line, change, changed, (body[0], body[1]))
    yield from (found[key] for key in sorted(found))


def _functions(source: str) -> list[Span]:
    """Return name, first and last line of each function; the innermost first, without decorators and docstring."""
    spans = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            if body:
                spans.append((node.name, body[0].lineno, node.end_lineno or 0))
    return sorted(spans, key=lambda span: span[2] - span[1])


def _around(line: int, spans: Sequence[Span]) -> Span | None:
    return next((span for span in spans if span[1] <= line <= span[2]), None)


def _compiled(source: str) -> bytes | None:
    """Return what runs: where it is the same, an annotation or a comment was changed; None where nothing can run."""
    try:
        return marshal.dumps(compile(source, "mutant", "exec"))
    except SyntaxError:
        return None


def _by_cosmic_ray(source: str, spans: Sequence[Span]) -> Iterator[str]:
    nodes = list(ast_nodes(parso.parse(source)))
    for name in OPERATORS:
        operator = get_operator(f"core/{name}")()
        places = [place for node in nodes for place in operator.mutation_positions(node)]
        for number, ((line, _), _) in enumerate(places):
            if _around(line, spans):
                changed = mutate_code(source, operator, number)
                if changed is not None and changed != source:
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
