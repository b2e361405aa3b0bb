"""Questions to begin a protocol with, and what the analysis needs to know of them."""

from collections.abc import Mapping
from dataclasses import dataclass

from readerstudy.study.protocol.questions import After, Level, Measure, Question


def _scale(*labels: str) -> tuple[Level, ...]:
    return tuple(Level(value, label) for value, label in enumerate(labels, 1))


_LABELS = ("less agreement with the label", "more agreement with the label")

PUBLISHED_QUESTIONS = (
    Question(
        "agree", "Do you fully agree with the label?", "yes_no",
        endpoint=Measure("Label agreement", "low", *_LABELS),
    ),
    Question(
        "quality", "How would you rate the image quality?", "ordinal",
        _scale("poor", "fair", "average", "good", "excellent"),
        endpoint=Measure("Image quality", "low", "lower image quality", "higher image quality"),
    ),
    Question(
        "difficulty", "How difficult would you consider it to properly diagnose this image?", "ordinal",
        _scale("very easy", "easy", "average", "difficult", "very difficult"),
        endpoint=Measure("Difficulty", "high", "lower difficulty", "higher difficulty"),
    ),
)  # fmt: skip
"""The three questions of the published reader study, word for word."""

THREE_LEVELS = Question(
    "labels", "How far do you agree with the labels?", "ordinal", _scale("disagree", "agree mostly", "agree all"),
    endpoint=Measure("Label agreement", "low", *_LABELS),
)  # fmt: skip
"""The label question in the three answers of REVEAL-CXR (arXiv 2601.15129)."""

FOLLOW_UPS = (
    Question("wrong_labels", "Which labels are wrong?", "wrong_labels", after=After("agree", (0,)), fewest=0),
    Question("missing_labels", "Which labels are missing?", "missing_labels", after=After("agree", (0,)), fewest=0),
)  # fmt: skip
"""Asked after the published label question of anyone who does not fully agree: what the reader would change."""


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
    "published": Preset("The three questions of the published study", PUBLISHED_QUESTIONS),
    "follow_ups": Preset(
        "The same, and after “no”: which labels are wrong, which are missing",
        (PUBLISHED_QUESTIONS[0], *FOLLOW_UPS, *PUBLISHED_QUESTIONS[1:]),
    ),
    "three_levels": Preset(
        "The published ones with three answers to the label question: agree all, agree mostly, disagree",
        (THREE_LEVELS, *PUBLISHED_QUESTIONS[1:]),
    ),
    "empty": Preset("None yet: I write my own", ()),
}
"""What a new study can begin with."""


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
