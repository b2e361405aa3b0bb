"""Messages, pages, guides, docstrings and comments are in plain English: odd phrases of the past do not return.

Of Python files the test reads docstrings and comments, and outside tests/ every other string literal that is no name
or key; of all other files, every line. The patterns are few and certain; taste is left to reviewers.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.drawn import ROOT, documents

PATTERNS = {
    "write 'expected X, got Y'": re.compile(
        r"expected[^\n]*\bcame\b(?! from)|\b(?:none|nothing|another|others|more) came\b|\{\} came\b(?! from)"
    ),
    "write 'found none' or 'got X'": re.compile(r"expected[^\n.]*, there (?:is|are) none\b|' is none\b"),
    "write 'is in', 'is recorded in' or 'is shown on'": re.compile(
        r"(?<!as it )(?<!as they )\bstands?\b(?![- ](?:for|in for|alone|out|in the way|still|between)\b)", re.IGNORECASE
    ),
    "write 'reported' or 'given in words'": re.compile(r"\b(?:is|are|was|were) told (?:of|in)\b"),
    "write 'is' or 'are'": re.compile(
        r"\b(?:lies?|lay) (?:on the server|in a folder|in the site|on a network|beside|in code|in no backup)\b"
    ),
    "write 'silently' or 'without notice'": re.compile(r"\bwithout a word\b"),
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
    ("readerstudy/ops/backup/folder.csv", "doors"): "the name of a folder of every site",
}
"""File and match: why it stays."""


ROOMS = (
    ".ci", ".github", "analysis", "bench", "deploy", "examples", "readerstudy", "static", "templates", "tests",
)  # fmt: skip
KINDS = {
    ".conf", ".css", ".csv", ".example", ".html", ".ipynb", ".md", ".mjs", ".py", ".service", ".sh", ".template",
    ".timer", ".toml", ".txt", ".yaml", ".yml",
}  # fmt: skip


def said(node: ast.Constant | ast.JoinedStr) -> str:
    """Return the text of a literal, with {} in place of values."""
    parts = [node] if isinstance(node, ast.Constant) else node.values
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in parts)


def literals(source: str, *, docstrings_only: bool) -> Iterator[tuple[int, str]]:
    """Return line and text of every docstring, and of every other string literal that is not a name."""
    nodes = list(ast.walk(ast.parse(source)))
    docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    parts = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in nodes:
        text = isinstance(node, ast.JoinedStr) or (
            isinstance(node, ast.Constant) and isinstance(node.value, str)
        )
        wanted = (id(node) in docstrings or not docstrings_only) and id(node) not in parts
        if text and wanted and " " in said(node):  # without a blank it is a name or a key
            yield node.lineno, said(node)


def comments(source: str) -> Iterator[tuple[int, str]]:
    """Return first line and text of every block of comments, its lines joined."""
    block: list[tokenize.TokenInfo] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            block.append(token)
        elif token.type not in (tokenize.NL, tokenize.INDENT, tokenize.DEDENT) and block:
            yield block[0].start[0], " ".join(part.string for part in block)
            block = []


def lines(path: Path, source: str) -> Iterator[tuple[int, str]]:
    """Return line and text of everything in a file that a person may read, without names in backticks."""
    if path.suffix == ".py":
        is_test = path.is_relative_to(ROOT / "tests")
        texts = [*literals(source, docstrings_only=is_test), *comments(source)]
    else:
        texts = [*enumerate(source.splitlines(), 1)]
    yield from ((line, re.sub(r"`[^`\n]*`", "", text)) for line, text in texts)


def files() -> list[Path]:
    """Return every file of the project that people wrote, but for migrations, which may not change."""
    paths = [*ROOT.glob("*"), *(path for room in ROOMS for path in (ROOT / room).rglob("*")), *documents()]
    return sorted({path for path in paths if _is_read(path)})


def _is_read(path: Path) -> bool:
    skipped = {"migrations", "__pycache__"} & {*path.parts} or path == Path(__file__)
    is_text = path.suffix in KINDS or path.name in {"Dockerfile", "Makefile", "run"}
    return path.is_file() and is_text and not skipped


def found(text: str) -> Iterator[tuple[str, str]]:
    """Return every match in a text, with what to write instead."""
    for advice, pattern in PATTERNS.items():
        for match in pattern.finditer(text):
            yield match[0], advice


def test_no_odd_phrase() -> None:
    wrong, used = [], set()
    for path in files():
        name = path.relative_to(ROOT).as_posix()
        for line, text in lines(path, path.read_text(encoding="utf-8")):
            for match, advice in found(text):
                if (name, match) in ALLOWED:
                    used.add((name, match))
                else:
                    wrong.append(f"{name}:{line}: '{match}': {advice}")
    assert wrong == [], "\n".join(wrong)
    assert used == set(ALLOWED), "take out what is no longer needed"


@pytest.mark.parametrize(
    "phrase",
    [
        "expected 3 classes, {} came", "expected a file of the run, none came", "expected a folder, there is none",
        "the reason stands in the audit trail", "the mask is drawn anew", "ask whoever runs the server",
        "the worker's doors", "each worker rings again", "the WAL-reset bug is mended", "every chain holds",
        "the hand-over", "it exists already", "each stands once", "is told of early", "cut without a word",
        "it lies on the server",
    ],
)  # fmt: skip
def test_a_planted_phrase_is_found(phrase: str) -> None:
    assert list(found(phrase))


@pytest.mark.parametrize("room", ["analysis", "tests"])
def test_docstrings_and_comments_are_read(room: str) -> None:
    source = 'DOORS = "a door"\n"""Each `door`."""\n# Names of\n# every door.\ndef door():\n    """Open a door."""\n'
    texts = [text for _, text in lines(ROOT / room / "some.py", source) if list(found(text))]
    assert [text for text in texts if text != "a door"] == ["Open a door.", "# Names of # every door."]
    assert ("a door" in texts) == (room != "tests")


@pytest.mark.parametrize(
    "phrase",
    [
        "expected X, got Y",
        "expected a file of the database that it came from",
        "where cases came from",
        "what stands in the way",
        "recovery codes stand in for a factor",
    ],
)
def test_a_sound_phrase_is_not(phrase: str) -> None:
    assert list(found(phrase)) == []
