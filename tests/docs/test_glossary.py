"""The glossary defines words that are used, and every word of our own that the guides use."""

import re

import pytest

from tests.docs.drawn import ROOT

GLOSSARY = ROOT / "docs" / "glossary.md"
GUIDES = [ROOT / "README.md", *(path for path in sorted((ROOT / "docs").glob("*.md")) if path != GLOSSARY)]
PAGES = sorted((ROOT / "templates").rglob("*.html"))

OWN = [
    "anchor cases", "audit anchor", "blind half", "case set", "control", "custody", "drill", "eligible admin",
    "ensemble", "epoch", "exemplar", "first window", "frame", "handover", "heads of the audit chains",
    "hidden repeat", "key", "lease", "ledger", "matched set", "open the key", "phantom", "phase", "PIE",
    "reading room", "run", "sealed half", "separation group", "site", "sweep", "unblinded admin", "unit", "worker",
]  # fmt: skip
"""Words that are ours, or that we use in a narrower sense than DICOM, statistics or reader studies do."""


def terms(glossary: str) -> list[str]:
    """Return the words that a glossary defines; a row may define several, with commas between."""
    rows = re.findall(r"^\| (.+?) \|", glossary, re.MULTILINE)
    return [term for row in rows if row != "Word" for term in row.split(", ")]


def is_in(term: str, text: str) -> bool:
    return re.search(rf"\b{re.escape(term)}s?\b", text, re.IGNORECASE) is not None


def unused(glossary: str) -> list[str]:
    texts = [path.read_text(encoding="utf-8") for path in [*GUIDES, *PAGES]]
    return [term for term in terms(glossary) if not any(is_in(term, text) for text in texts)]


def missing(glossary: str, guides: str) -> list[str]:
    return [word for word in OWN if is_in(word, guides) and word not in terms(glossary)]


def test_every_term_is_used_outside_the_glossary() -> None:
    assert unused(GLOSSARY.read_text(encoding="utf-8")) == []


def test_every_word_of_our_own_that_guides_use_is_defined() -> None:
    guides = "\n".join(path.read_text(encoding="utf-8") for path in GUIDES)
    assert missing(GLOSSARY.read_text(encoding="utf-8"), guides) == []
    assert [word for word in OWN if not is_in(word, guides)] == [], "take out what no guide uses"


def test_a_planted_term_that_nobody_uses_is_found() -> None:
    assert unused("| Word | Meaning |\n|---|---|\n| run, snorkel | x |\n") == ["snorkel"]


@pytest.mark.parametrize("text", ["Two hidden repeats.", "A Hidden repeat"])
def test_a_word_without_its_line_is_found(text: str) -> None:
    assert missing("| run | one sweep |\n", text) == ["hidden repeat"]
