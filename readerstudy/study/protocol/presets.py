"""Questions to begin a protocol with, and what the analysis needs to know of them."""

from collections.abc import Mapping, Sequence
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

LABEL_QUESTIONS = ((PUBLISHED_QUESTIONS[0], (0,)), (THREE_LEVELS, (1, 2)))
"""Label questions, and the answers of anyone who does not fully agree."""


@dataclass(frozen=True)
class Preset:
    """Questions to begin with, all of them endpoints, and what an admin reads of them."""

    name: str
    questions: tuple[Question, ...]

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Their keys."""
        return tuple(question.key for question in self.questions)


PRESETS: Mapping[str, Preset] = {
    "published": Preset("The three questions of the published study", PUBLISHED_QUESTIONS),
    "three_levels": Preset(
        "The same, with three answers to the label question: agree all, agree mostly, disagree",
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


def with_label_follow_ups(questions: Sequence[Question]) -> tuple[Question, ...] | None:
    """Return the questions with two more after the label question, or None without it, or with one of them.

    Both are asked of anyone who does not agree fully, and together say what the reader would change.
    """
    keys = [question.key for question in questions]
    found = next(
        (
            (each.key, values) for each in questions for known, values in LABEL_QUESTIONS
            if (each.key, each.values) == (known.key, known.values)
        ),
        None,
    )  # fmt: skip
    if found is None or {"wrong_labels", "missing_labels"} & set(keys):
        return None
    after, place = After(*found), keys.index(found[0]) + 1
    more = (
        Question("wrong_labels", "Which labels are wrong?", "wrong_labels", after=after, fewest=0),
        Question("missing_labels", "Which labels are missing?", "missing_labels", after=after, fewest=0),
    )
    return (*questions[:place], *more, *questions[place:])
