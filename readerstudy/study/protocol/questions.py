"""What a question can be, and what a protocol must say about it. Pure values.

Own code: most rules tie fields to each other and have words of their own. Pydantic 2.14 in `read_question` saved 17 of
193 lines, said some refusals in its own words, and importing this module took 0.49 s instead of 0.22 s.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from readerstudy.refusals import RefusedError

QuestionKind = Literal[
    "yes_no",
    "ordinal",
    "choice",
    "multiple_choice",
    "number",
    "text",
    "mark",
    "wrong_labels",
    "missing_labels",
]
KINDS: tuple[QuestionKind, ...] = get_args(QuestionKind)
SHAPES = ("rectangle", "ellipse", "arrow", "length", "point")
"""What can be drawn on an image; a point has one place, the others two."""

MEASURED: Mapping[str, str] = {"yes_no": "binary", "ordinal": "ordinal", "number": "number"}
"""Kinds of question that can be an endpoint, and what the analysis calls them."""

ENDINGS = ("_status", "_cannot_assess", "_worst_rank")
"""Endings that exports keep for columns beside a question's own."""

AIMS = ("superiority", "non-inferiority", "equivalence")
"""What an endpoint may be to show; all but the first need a margin."""

LONGEST_TEXT = 4_000
LONGEST_WORDS = 60
MOST_LEVELS = 20
MOST_MARKS = 50
KEY = re.compile(r"[a-z][a-z0-9_]{0,39}")


class ProtocolError(RefusedError, ValueError):
    """A protocol or an answer does not hold what it should."""


@dataclass(frozen=True)
class Level:
    """One step of a scale, or one option of a choice: a whole number and its words."""

    value: int
    label: str


@dataclass(frozen=True)
class After:
    """When a follow-up is asked: an earlier question was answered with one of these values.

    Of a multiple choice: its answer holds one of them.
    """

    question: str
    values: tuple[int, ...]


@dataclass(frozen=True)
class Measure:
    """What the analysis needs to know of a question beside its answers, so that it can be an endpoint.

    `short` is its title; `worse` says which end is unfavourable; `less` and `more` are what lower and higher answers
    mean, such as "lower image quality". `aim` is what is tested: superiority, that the two groups of cases differ; or
    non-inferiority or equivalence with a `margin`, in points, in the unit of a number, or for yes or no as a share.
    """

    short: str
    worse: Literal["low", "high"] = "low"
    less: str = ""
    more: str = ""
    aim: str = "superiority"
    margin: float = 0.0


@dataclass(frozen=True)
class Question:
    """One question; `key` is its name in exports. A yes/no question has the values 1 (yes) and 0 (no).

    Only some fields speak for a kind: `levels` for scales and choices; `guess` for choices; `minimum`, `maximum`,
    `whole` and `unit` for numbers; `longest` (characters) for texts and added labels; `shapes` for marks; `fewest` and
    `most` for marks, multiple choices and labels; `vocabulary` and `other` (free additions) for missing labels.
    `endpoint` is set where the question can be analysed as one.

    With `guess` readers guess of which group a case is: the first option stands for the group of interest, the second
    for the other, a third for not being able to tell.
    """

    key: str
    text: str
    kind: QuestionKind
    levels: tuple[Level, ...] = ()
    allow_cannot_assess: bool = True
    required: bool = True
    help: str = ""
    after: After | None = None
    minimum: float | None = None
    maximum: float | None = None
    whole: bool = False
    unit: str = ""
    longest: int = 2_000
    shapes: tuple[str, ...] = ("rectangle", "ellipse", "arrow", "point")
    fewest: int = 1
    most: int = 10
    vocabulary: tuple[str, ...] = ()
    other: bool = True
    endpoint: Measure | None = None
    guess: bool = False

    @property
    def values(self) -> frozenset[int]:
        """The values that count as an answer."""
        return frozenset({0, 1}) if self.kind == "yes_no" else frozenset(level.value for level in self.levels)

    def check(self, earlier: Mapping[str, "Question"]) -> None:
        """Refuse a question that cannot be asked.

        Parameters
        ----------
        earlier: the questions before this one, by key.

        Raises
        ------
        ProtocolError: what is wrong and what was expected.
        """
        if not KEY.fullmatch(self.key):
            raise ProtocolError(
                f"expected a question's key of small letters, digits and underscores (at most 40), "
                f"beginning with a letter, got {self.key!r}"
            )
        if not self.text.strip():
            raise ProtocolError(f"{self.key}: expected a question, got a blank text")
        if self.kind not in KINDS:
            raise ProtocolError(f"{self.key}: expected a kind of {', '.join(KINDS)}, got {self.kind!r}")
        self._check_levels()
        self._check_limits()
        if self.after is not None:
            self._check_after(self.after, earlier)
        if self.endpoint is not None:
            self._check_endpoint(self.endpoint)

    def _check_levels(self) -> None:
        if self.kind not in {"ordinal", "choice", "multiple_choice"}:
            if self.levels or self.guess:
                raise ProtocolError(f"{self.key}: the kind {self.kind} has no levels and guesses no group")
            return
        if not 2 <= len(self.levels) <= MOST_LEVELS or len(self.values) != len(self.levels):
            raise ProtocolError(
                f"{self.key}: expected 2 to {MOST_LEVELS} levels, each with its own number, "
                f"got {[level.value for level in self.levels]}"
            )
        if any(type(level.value) is not int or not level.label.strip() for level in self.levels):
            raise ProtocolError(f"{self.key}: expected a whole number and words for each level")
        if self.guess and (self.kind != "choice" or len(self.levels) > 3 or self.after is not None):
            raise ProtocolError(
                f"{self.key}: expected a guess of the group to be a choice of two options, or of three with one for "
                f"not being able to tell, asked of every case; got {self.kind} with {len(self.levels)} options"
            )
        if self.kind == "ordinal" and list(self.levels) != sorted(self.levels, key=lambda each: each.value):
            raise ProtocolError(f"{self.key}: expected the levels of a scale in the order of their numbers")

    def _check_limits(self) -> None:
        low, high = self.minimum, self.maximum
        if low is not None and high is not None and not low < high:
            raise ProtocolError(
                f"{self.key}: expected a smallest number below the largest, got {low} and {high}"
            )
        if not 1 <= self.longest <= LONGEST_TEXT:
            raise ProtocolError(f"{self.key}: expected a longest text of 1 to {LONGEST_TEXT} characters")
        if not 0 <= self.fewest <= self.most <= MOST_MARKS or self.most < 1:
            raise ProtocolError(
                f"{self.key}: expected 0 <= fewest <= most <= {MOST_MARKS}, got {self.fewest} and {self.most}"
            )
        if self.kind == "mark" and (not self.shapes or set(self.shapes) - set(SHAPES)):
            raise ProtocolError(f"{self.key}: expected shapes out of {', '.join(SHAPES)}, got {self.shapes}")
        if self.kind == "missing_labels" and not (self.vocabulary or self.other):
            raise ProtocolError(f"{self.key}: expected a list of labels, or leave to add others")

    def _check_after(self, after: After, earlier: Mapping[str, "Question"]) -> None:
        before = earlier.get(after.question)
        if before is None:
            raise ProtocolError(
                f"{self.key}: it follows '{after.question}', which is not an earlier question"
            )
        if not after.values or not set(after.values) <= before.values:
            raise ProtocolError(
                f"{self.key}: it follows '{after.question}' answered with {list(after.values)}; "
                f"expected some of {sorted(before.values)}"
            )

    def _check_endpoint(self, words: Measure) -> None:
        always_measured = self.kind in MEASURED and self.required and self.after is None
        if not always_measured or self.key.endswith(ENDINGS):
            raise ProtocolError(
                f"{self.key}: expected an endpoint to be yes or no, a scale or a number, to be asked of every case, to "
                f"be required, and to have a name that ends with none of {', '.join(ENDINGS)}"
            )
        texts = (words.short, words.less, words.more)
        if words.worse not in {"low", "high"} or not all(
            isinstance(text, str) and 0 < len(text.strip()) <= LONGEST_WORDS for text in texts
        ):
            raise ProtocolError(
                f"{self.key}: expected as endpoint a title and words for both directions, of at most {LONGEST_WORDS} "
                f"characters, and worse low or high; got {words}"
            )
        self._check_margin(words.aim, words.margin)

    def _check_margin(self, aim: Any, margin: Any) -> None:
        values = self.values or {self.minimum, self.maximum}
        width = math.inf if None in values else max(values) - min(values)  # type: ignore[type-var, operator]
        number = type(margin) in (int, float) and 0 <= margin < width
        if aim not in AIMS or not number or (aim == AIMS[0]) != (margin == 0):
            raise ProtocolError(
                f"{self.key}: expected {AIMS[0]} without a margin, or {' or '.join(AIMS[1:])} with a margin above 0 "
                f"and below the width of the scale, {width:g}; got {aim} with {margin}"
            )


def read_question(plain: Mapping[str, Any]) -> Question:
    """Make a question of plain values, as they come from JSON or TOML.

    Raises
    ------
    ProtocolError: an unknown or missing field, or a value of another type.
    """
    known = {field.name: field.type for field in fields(Question)}
    unknown = set(plain) - set(known)
    if unknown or not {"key", "text", "kind"} <= set(plain):
        raise ProtocolError(
            f"expected a question with key, text, kind and any of {', '.join(sorted(known))}; "
            f"got {', '.join(sorted(map(str, plain)))}"
        )
    values: dict[str, Any] = dict(plain)
    try:
        values["levels"] = tuple(Level(**level) for level in values.get("levels", ()))
        after = values.get("after")
        values["after"] = None if after is None else After(str(after["question"]), tuple(after["values"]))
        endpoint = values.get("endpoint")
        values["endpoint"] = None if endpoint is None else Measure(**endpoint)
        for name in ("shapes", "vocabulary"):
            values[name] = tuple(values.get(name, getattr(Question, name)))
    except (KeyError, TypeError) as error:
        raise ProtocolError(
            f"{plain['key']}: levels, follow-up or endpoint cannot be read: {error}"
        ) from error
    question = Question(**values)
    _check_types(question)
    return question


_TYPES: dict[str, tuple[type, ...]] = {
    "key": (str,), "text": (str,), "kind": (str,), "help": (str,), "unit": (str,),
    "allow_cannot_assess": (bool,), "required": (bool,), "whole": (bool,), "other": (bool,), "guess": (bool,),
    "minimum": (int, float, type(None)), "maximum": (int, float, type(None)),
    "longest": (int,), "fewest": (int,), "most": (int,),
}  # fmt: skip


def _check_types(question: Question) -> None:
    for name, types in _TYPES.items():
        value = getattr(question, name)
        if not isinstance(value, types) or (bool not in types and isinstance(value, bool)):
            raise ProtocolError(f"{question.key}: {name} cannot be {value!r}")
    if not all(isinstance(text, str) and text.strip() for text in question.vocabulary):
        raise ProtocolError(f"{question.key}: expected texts in the list of labels")
