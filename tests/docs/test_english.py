"""Messages, pages and guides are in plain English: the turns of phrase that crept in before do not come back.

Looked at are the string literals of the code (not its docstrings, names or keys), the text of templates and scripts,
and the documents. The patterns are few and certain; taste is left to whoever reviews.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.drawn import ROOT, documents

PATTERNS = {
    "write 'expected X, got Y'": re.compile(
        r"expected[^\n]*\bcame\b(?! from)|\b(?:none|nothing|another|others|more) came\b|\{\} came\b(?! from)"
    ),
    "write 'found none' or 'got X'": re.compile(r"expected[^\n.]*, there (?:is|are) none\b|' is none\b"),
    "write 'is in', 'is recorded in' or 'is shown on'": re.compile(r"\bstands? (?:in|on|beside|at) (?!for\b)"),
    "write 'again'": re.compile(r"\banew\b"),
    "write 'anyone who' or name the person": re.compile(r"\bwhoever\b", re.IGNORECASE),
    "write 'page', 'input', 'command' or 'sign-in'": re.compile(r"\bdoors?\b", re.IGNORECASE),
    "write 'notify' or 'send a message'": re.compile(r"\b(?:doorbell|rings again)\b"),
    "write 'fix' or 'repair'": re.compile(r"\bmend(?:s|ed)?\b"),
    "write 'passes' or 'is intact'": re.compile(r"\b(?:chain|trail|check|command)s? (?:does not hold|holds)\b(?! \w)"),
    "write 'handover'": re.compile(r"\bhand-over\b", re.IGNORECASE),
    "write 'already exists'": re.compile(r"\bexists already\b"),
}  # fmt: skip
"""Each pattern with what to write instead."""

ALLOWED = {
    ("templates/analysis/handover.html", "hand-over"): "the anchor of a chapter, Select and hand over",
    ("docs/architecture.md", "doorbell"): "the name of a module, in the diagram of imports",
}
"""File and match: why it stays."""


def said(node: ast.Constant | ast.JoinedStr) -> str:
    """Return the text of a literal, with {} in place of values."""
    parts = [node] if isinstance(node, ast.Constant) else node.values
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in parts)


def literals(source: str) -> Iterator[tuple[int, str]]:
    """Return line and text of every message: string literals that are no docstring and no name."""
    tree = ast.parse(source)
    nodes = list(ast.walk(tree))
    skipped = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    skipped |= {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in nodes:
        text = isinstance(node, ast.JoinedStr) or (
            isinstance(node, ast.Constant) and isinstance(node.value, str)
        )
        if text and id(node) not in skipped and " " in said(node):  # without a blank it is a name or a key
            yield node.lineno, said(node)


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """Return line and text of everything in a file that a person may read."""
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        yield from literals(source)
    else:
        said_there = re.sub(r"`[^`\n]*`", "", source) if path.suffix == ".md" else source
        yield from enumerate(said_there.splitlines(), 1)


def files() -> list[Path]:
    code = [*(ROOT / "analysis").rglob("*.py"), *(ROOT / "readerstudy").rglob("*.py")]
    texts = [
        path
        for room in ("analysis", "readerstudy")
        for kind in ("*.toml", "*.txt")
        for path in (ROOT / room).rglob(kind)
    ]
    pages = [*(ROOT / "templates").rglob("*.html"), *(ROOT / "static").rglob("*.mjs"), *texts]
    return sorted({*(path for path in code if "migrations" not in path.parts), *pages, *documents()})


def found(text: str) -> Iterator[tuple[str, str]]:
    """Return every match in a text, with what to write instead."""
    for advice, pattern in PATTERNS.items():
        for match in pattern.finditer(text):
            yield match[0], advice


def test_no_odd_phrase() -> None:
    wrong, used = [], set()
    for path in files():
        name = path.relative_to(ROOT).as_posix()
        for line, text in lines(path):
            for match, advice in found(text):
                if (name, match) in ALLOWED:
                    used.add((name, match))
                else:
                    wrong.append(f"{name}:{line}: '{match}': {advice}")
    assert wrong == []
    assert used == set(ALLOWED), "take out what is no longer needed"


@pytest.mark.parametrize(
    "phrase",
    [
        "expected 3 classes, {} came", "expected a file of the run, none came", "expected a folder, there is none",
        "the reason stands in the audit trail", "the mask is drawn anew", "ask whoever runs the server",
        "the worker's doors", "each worker rings again", "the WAL-reset bug is mended", "every chain holds",
        "the hand-over", "it exists already",
    ],
)  # fmt: skip
def test_a_planted_phrase_is_found(phrase: str) -> None:
    assert list(found(phrase))


@pytest.mark.parametrize(
    "phrase",
    [
        "expected X, got Y",
        "expected a file of the database that it came from",
        "where cases came from",
        "findings_door",
        "recovery codes stand in for a factor",
    ],
)
def test_a_sound_phrase_is_not(phrase: str) -> None:
    assert list(found(phrase)) == []
