"""The protocol: what is asked, what is shown, in which words. Pure values; locked by their digest."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

QuestionKind = Literal["yes_no", "ordinal"]
WINDOW_RULES = ("full", "dicom", "percentile")
SHOWN_FIELDS = ("view", "sex", "age")


class ProtocolError(ValueError):
    """A protocol or an answer does not hold what it should."""


@dataclass(frozen=True)
class Level:
    """One step of an ordinal scale."""

    value: int
    label: str


@dataclass(frozen=True)
class Question:
    """One question; `key` is its name in exports. A yes/no question has the values 1 (yes) and 0 (no)."""

    key: str
    text: str
    kind: QuestionKind
    levels: tuple[Level, ...] = ()
    allow_cannot_assess: bool = True

    @property
    def values(self) -> frozenset[int]:
        """The values that count as an answer."""
        return frozenset({0, 1}) if self.kind == "yes_no" else frozenset(level.value for level in self.levels)


def _scale(*labels: str) -> tuple[Level, ...]:
    return tuple(Level(value, label) for value, label in enumerate(labels, 1))


PUBLISHED_QUESTIONS = (
    Question("agree", "Do you fully agree with the label?", "yes_no"),
    Question(
        "quality", "How would you rate the image quality?", "ordinal",
        _scale("poor", "fair", "average", "good", "excellent"),
    ),
    Question(
        "difficulty", "How difficult would you consider it to properly diagnose this image?", "ordinal",
        _scale("very easy", "easy", "average", "difficult", "very difficult"),
    ),
)  # fmt: skip
"""The three questions of the published reader study, word for word."""


@dataclass(frozen=True)
class Protocol:
    """Everything that is frozen when a study is locked.

    `shown` names the fields of a case that readers see, for all cases or none. `window_rule` says how the
    first display window is set: full range, the file's own window, or percentiles.
    """

    instructions: str = ""
    questions: tuple[Question, ...] = PUBLISHED_QUESTIONS
    shown: tuple[str, ...] = ()
    window_rule: str = "dicom"
    design: str = "fully crossed"
    planned_readers: int = 1
    endpoints: tuple[str, ...] = ("agree", "quality", "difficulty")
    alpha: float = 0.05
    multiplicity: str = "holm"
    statuses: tuple[str, ...] = field(default=("answered", "cannot_assess", "technical"))

    def as_json(self) -> dict[str, Any]:
        """Return plain values for a JSON column."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return plain

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Protocol":
        """Read what `as_json` wrote.

        Raises
        ------
        ProtocolError: an unknown or missing field, window rule or shown field.
        """
        try:
            plain = dict(values)
            questions = tuple(
                Question(**{**question, "levels": tuple(Level(**level) for level in question["levels"])})
                for question in plain.pop("questions")
            )
            lists = {name: tuple(value) for name, value in plain.items() if isinstance(value, list)}
            protocol = cls(questions=questions, **{**plain, **lists})
        except (KeyError, TypeError) as error:
            raise ProtocolError(f"the protocol cannot be read: {error}") from error
        protocol.check()
        return protocol

    def check(self) -> None:
        """Refuse a protocol that cannot be read by it.

        Raises
        ------
        ProtocolError: what is wrong and what was expected.
        """
        if self.window_rule not in WINDOW_RULES:
            raise ProtocolError(
                f"expected a window rule of {', '.join(WINDOW_RULES)}, {self.window_rule!r} came"
            )
        unknown = set(self.shown) - set(SHOWN_FIELDS)
        if unknown:
            raise ProtocolError(f"expected shown fields of {', '.join(SHOWN_FIELDS)}, {sorted(unknown)} came")
        keys = [question.key for question in self.questions]
        if not keys or len(set(keys)) != len(keys):
            raise ProtocolError(f"expected at least one question, each with its own key; {keys} came")

    def check_answers(self, answers: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Return one {status, value} for each question.

        A blank is never an answer: every question carries a value or a typed reason why there is none.

        Raises
        ------
        ProtocolError: a question left out, an unknown one, a status or value that is not on offer.
        """
        keys = {question.key for question in self.questions}
        if not isinstance(answers, Mapping) or set(answers) != keys:
            came = sorted(answers) if isinstance(answers, Mapping) else type(answers).__name__
            raise ProtocolError(f"expected an answer to each of {sorted(keys)}, {came} came")
        return {
            question.key: self._check_answer(question, answers[question.key]) for question in self.questions
        }

    def _check_answer(self, question: Question, answer: Any) -> dict[str, Any]:
        if not isinstance(answer, Mapping) or set(answer) != {"status", "value"}:
            raise ProtocolError(f"{question.key}: expected a status and a value")
        status, value = answer["status"], answer["value"]
        if status not in self.statuses:
            raise ProtocolError(
                f"{question.key}: expected a status of {', '.join(self.statuses)}, {status!r} came"
            )
        if status == "cannot_assess" and not question.allow_cannot_assess:
            raise ProtocolError(f"{question.key}: this question must be answered")
        if status != "answered":
            if value is not None:
                raise ProtocolError(f"{question.key}: expected no value with the status {status}")
        elif type(value) is not int or value not in question.values:
            raise ProtocolError(f"{question.key}: expected one of {sorted(question.values)}, {value!r} came")
        return {"status": status, "value": value}


def canonical(values: Mapping[str, Any]) -> bytes:
    """Return the canonical JSON of a document: sorted keys, no spaces, UTF-8, one newline at the end."""
    return (json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n").encode()


def digest(values: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical(values)).hexdigest()
