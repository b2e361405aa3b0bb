"""No word in the reading side's code, templates or scripts names what a case came from."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOLD = {"pie", "prune", "pruned", "pruning", "sparsity", "exemplar", "arm", "control"}
ALLOWED = {
    "aria-controls": "the attribute that names what a button opens",
    "Cache-Control": "the HTTP header",
    "AbortController": "the browser's class",
    "never_cache": "Django's decorator",
}
PLACES = (
    "readerstudy/study",
    "readerstudy/cases",
    "templates/study",
    "templates/accounts",
    "templates/parts",
    "templates/base.html",
    "static/js",
    "static/css",
)
WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_][A-Za-z0-9]+)*")
CAMEL = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def files() -> Iterator[Path]:
    for place in PLACES:
        path = ROOT / place
        yield from (
            [path]
            if path.is_file()
            else (
                each
                for each in path.rglob("*")
                if each.suffix in {".py", ".html", ".mjs", ".js", ".css", ".toml", ".txt"}
            )
        )


def told(text: str) -> set[str]:
    """Return the forbidden words of a text: identifiers split at case, hyphen, underscore; whole words."""
    for allowed in ALLOWED:
        text = text.replace(allowed, " ")
    tokens = {token.lower() for word in WORD.findall(text) for token in CAMEL.findall(word)}
    return tokens & TOLD


@pytest.mark.parametrize("path", sorted(files()), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_telling_word(path: Path) -> None:
    assert told(path.read_text(encoding="utf-8")) == set()


@pytest.mark.parametrize(
    "planted", ["isPie", "data-arm='1'", "case_control", "prunedScore", "ARM", "sparsity_0"]
)
def test_scan_finds_planted_word(planted: str) -> None:
    assert told(planted)


@pytest.mark.parametrize(
    "innocent", ["aria-controls", "charm", "Cache-Control", "controller", "alarm", "pier"]
)
def test_scan_lets_innocent_words_through(innocent: str) -> None:
    assert not told(innocent)
