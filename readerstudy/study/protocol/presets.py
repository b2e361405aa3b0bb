"""Questions to begin a protocol with, and what the analysis needs to know of them."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from readerstudy.study.protocol.questions import Measure, Question, read_question

_WRITTEN: dict[str, Any] = tomllib.loads(Path(__file__).with_name("presets.toml").read_text("utf-8"))


def _question(key: str) -> Question:
    written = _WRITTEN["questions"][key]
    levels = [{"value": n, "label": label} for n, label in enumerate(written.get("levels", ()), 1)]
    return read_question({**written, "key": key, "levels": levels})


@dataclass(frozen=True)
class Preset:
    """Questions to begin with, each that can be one an endpoint, and what an admin reads of them."""

    name: str
    questions: tuple[Question, ...]

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Their keys."""
        return tuple(question.key for question in self.questions if question.endpoint)


PRESETS: Mapping[str, Preset] = {
    key: Preset(each["name"], tuple(map(_question, each["questions"])))
    for key, each in _WRITTEN["presets"].items()
}
"""What a new study can begin with."""
PUBLISHED_QUESTIONS = PRESETS["published"].questions
"""The three questions of the published reader study, word for word."""
ABOUT_LABELS = tuple((_question(key), tuple(values)) for key, values in _WRITTEN["about_labels"].items())
"""Questions on the labels as a whole, and the answers of anyone who does not fully agree."""


def measure_of(question: Question) -> Measure | None:
    """Return what the analysis needs to know of a question, or None where it cannot be an endpoint.

    A protocol that was written before questions said it has the published ones: these are known by key and answers.
    """
    if question.endpoint is not None:
        return question.endpoint
    asked = (question.key, question.kind, question.values, question.required, question.after)
    return next(
        (
            each.endpoint for each in PUBLISHED_QUESTIONS
            if asked == (each.key, each.kind, each.values, each.required, each.after)
        ),
        None,
    )  # fmt: skip
