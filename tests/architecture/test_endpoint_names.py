"""A question is data: nothing names one of the published questions outside the presets that define them."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from analysis.endpoints import PAPER
from readerstudy.endpoints import endpoints_of
from readerstudy.study.protocol import Protocol

ROOT = Path(__file__).resolve().parents[2]
PLACES = ("analysis", "readerstudy", "templates", "static/js")
SUFFIXES = {".py", ".html", ".js", ".mjs", ".csv", ".json", ".toml"}
PRESETS = {"analysis/endpoints.json", "readerstudy/study/protocol/presets.toml"}
NAMES = "|".join(endpoint.name for endpoint in PAPER)
NAMED = re.compile(
    rf"""["'](?:{NAMES})(?:_\w+)?["']|\b(?:{NAMES})_(?:status|cannot_assess|worst_rank)\b|\b(?:{NAMES.upper()})\b"""
)


def named(text: str) -> list[str]:
    return NAMED.findall(text)


def files() -> Iterator[Path]:
    for place in PLACES:
        yield from (path for path in (ROOT / place).rglob("*") if path.suffix in SUFFIXES)


def test_no_question_is_named_outside_its_preset() -> None:
    found = {str(path.relative_to(ROOT)): named(path.read_text(encoding="utf-8")) for path in files()}
    assert len(found) > 400
    elsewhere = {
        name: words for name, words in found.items() if words and not name.startswith("analysis/phantoms/")
    }
    assert set(elsewhere) == PRESETS


@pytest.mark.parametrize(
    "planted", ['row["agree"]', "'quality'", "QUALITY = 1", "difficulty_status", '"quality_worst_rank"']
)
def test_a_planted_name_is_seen(planted: str) -> None:
    assert named(planted)


@pytest.mark.parametrize(
    "innocent", ["readers agree", "image quality", "DISAGREE", '"agreement"', '"low_quality"']
)
def test_other_words_are_let_through(innocent: str) -> None:
    assert not named(innocent)


def test_both_presets_of_the_published_questions_are_one() -> None:
    assert tuple(endpoints_of(Protocol()).values()) == PAPER
