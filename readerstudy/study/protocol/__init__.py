"""The protocol: what is asked, what is shown, in which words, in which order. Pure values; locked by their digest."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from readerstudy.study.protocol.presets import PRESETS, measure_of
from readerstudy.study.protocol.questions import Level, ProtocolError, Question, read_question

__all__ = ["Level", "Protocol", "ProtocolError", "Question", "canonical", "digest"]

CHOICES: Mapping[str, tuple[str, ...]] = {
    "window_rule": ("full", "dicom", "percentile"),
    "design": ("fully crossed", "own cases", "overlapping blocks"),
    "back": ("none", "last", "session"),
    "display_check": ("none", "warn", "block"),
    "image_small": ("warn", "block"),
    "layout": ("", "side_by_side", "stacked", "switched"),
    "multiplicity": ("holm", "fixed sequence", "none"),
    "primary_method": ("by design", "u_centred", "theta_set", "pairs"),
}
"""Fields with one value out of a few.

The lock names the primary method that the cases decide; pairs are in studies that were locked before matched sets.
"""
SEVERAL: Mapping[str, tuple[str, ...]] = {
    "shown": ("view", "sex", "age"), "subgroups": ("class_group", "n_findings"),
}  # fmt: skip
"""Fields with any number of values out of a few."""
LONGEST_MARKDOWN = 40_000


@dataclass(frozen=True)
class PracticeNote:
    """What a reader is told after a practice case: words that an admin typed, nothing that a model said."""

    case: str
    text: str


@dataclass(frozen=True)
class Protocol:
    """Everything that is frozen when a study is locked.

    `instructions`, `consent` and `ending` are markdown; a blank consent asks for none. `shown` names the fields of
    a case that readers see, for all cases or none. `window_rule` says how the first display window is set: full
    range, the file's own window, or percentiles.

    `design`: every reader reads all cases; or each reader has own cases; or the cases are dealt to
    `reading_blocks` blocks, each read by the readers of that block, and about `anchor_cases` are read by all.
    `repeat_fraction` (0 to 0.5) of a reader's cases come a second time, unannounced, at least `repeat_gap_cases`
    places and `repeat_gap_hours` hours after the first.

    A session ends after `session_cases` (0: no end); the next begins `session_hours` later at the earliest. A break
    is offered after `break_minutes` or `break_cases` (0: never). `back`: to no former case, to the last one, to all
    of this session. `display_check`: none, a warning, or no reading without it. Where the longer side of a whole image
    is shown with less than `image_least` CSS pixels (0: no limit), that is told, or by `image_small` takes no answer.
    `layout` says how the images of a case are shown where it has several; blank where it has one.

    Readings shorter than `shortest_s` or longer than `longest_s` seconds are left out of the analysis of times (0:
    none). `endpoints` are tested at `alpha`, two-sided, with `multiplicity`.
    """

    instructions: str = ""
    questions: tuple[Question, ...] = PRESETS["published"].questions
    shown: tuple[str, ...] = ()
    window_rule: str = "dicom"
    design: str = "fully crossed"
    planned_readers: int = 1
    endpoints: tuple[str, ...] = PRESETS["published"].endpoints
    alpha: float = 0.05
    multiplicity: str = "holm"
    consent: str = ""
    ending: str = ""
    practice: tuple[PracticeNote, ...] = ()
    reading_blocks: int = 3
    anchor_cases: int = 0
    repeat_fraction: float = 0.0
    repeat_gap_cases: int = 20
    repeat_gap_hours: float = 0.0
    session_cases: int = 0
    session_hours: float = 0.0
    break_minutes: int = 0
    break_cases: int = 0
    back: str = "none"
    display_check: str = "none"
    image_least: int = 0
    image_small: str = "warn"
    layout: str = ""
    shortest_s: float = 0.0
    longest_s: float = 0.0
    primary_method: str = "by design"
    subgroups: tuple[str, ...] = ()
    estimand: str = ""
    exclusion: str = ""
    stopping: str = ""
    replacement: str = (
        "A replacement reads the withdrawn reader's cases in a fresh order; what was read before stays."
    )

    def as_json(self) -> dict[str, Any]:
        """Return plain values for a JSON column."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        for question in plain["questions"]:
            if not question["guess"]:  # so that a protocol without it keeps its digest
                del question["guess"]
            if question["endpoint"] is None:
                del question["endpoint"]
            elif not question["endpoint"]["margin"]:
                del question["endpoint"]["aim"], question["endpoint"]["margin"]
        if not self.layout:
            del plain["layout"]
        return plain

    def asked(self) -> list[dict[str, Any]]:
        """Return the questions as readers get them: nothing of how they are analysed, or of what is to be shown."""
        questions = self.as_json()["questions"]
        return [
            {k: v for k, v in question.items() if k not in ("endpoint", "guess")} for question in questions
        ]

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Protocol":
        """Read what `as_json` wrote; a field that is left out has its default.

        Raises
        ------
        ProtocolError: an unknown field, or a value that cannot be one.
        """
        plain = dict(values)
        plain.pop("statuses", None)  # written before questions had kinds of their own
        unknown = set(plain) - {field.name for field in fields(cls)}
        if unknown:
            raise ProtocolError(
                f"the protocol cannot be read: it has no {', '.join(sorted(map(str, unknown)))}"
            )
        try:
            if "questions" in plain:
                plain["questions"] = tuple(read_question(question) for question in plain["questions"])
            if "practice" in plain:
                plain["practice"] = tuple(PracticeNote(**note) for note in plain["practice"])
            lists = {name: tuple(value) for name, value in plain.items() if isinstance(value, list)}
            protocol = cls(**{**plain, **lists})
            protocol.check()
        except (KeyError, TypeError, AttributeError) as error:
            raise ProtocolError(f"the protocol cannot be read: {error}") from error
        return protocol

    def check(self) -> None:
        """Refuse a protocol that cannot be read by it.

        Raises
        ------
        ProtocolError: what is wrong and what was expected.
        """
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ProtocolError(
                    f"{name}: expected one of {', '.join(allowed)}, got {getattr(self, name)!r}"
                )
        for name, allowed in SEVERAL.items():
            if set(getattr(self, name)) - set(allowed):
                raise ProtocolError(
                    f"{name}: expected some of {', '.join(allowed)}, got {sorted(getattr(self, name))}"
                )
        self._check_questions()
        self._check_endpoints()
        self._check_numbers()
        self._check_texts()

    def _check_questions(self) -> None:
        keys = [question.key for question in self.questions]
        if len(set(keys)) != len(keys):
            raise ProtocolError(f"expected questions each with its own key; got {keys}")
        earlier: dict[str, Question] = {}
        for question in self.questions:
            question.check(earlier)
            earlier[question.key] = question

    def _check_endpoints(self) -> None:
        possible = [question.key for question in self.questions if measure_of(question) is not None]
        if len(set(self.endpoints)) != len(self.endpoints) or set(self.endpoints) - set(possible):
            raise ProtocolError(
                f"expected endpoints among the questions that say how they are analysed "
                f"({', '.join(possible) or 'none'}), got {list(self.endpoints)}; other questions are described"
            )

    def _check_numbers(self) -> None:
        for name, low, high in RANGES:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
                raise ProtocolError(f"{name}: expected a number from {low} to {high}, got {value!r}")
        for name in WHOLE:
            if type(getattr(self, name)) is not int:
                raise ProtocolError(f"{name}: expected a whole number, got {getattr(self, name)!r}")
        if self.longest_s and self.longest_s <= self.shortest_s:
            raise ProtocolError("longest_s: expected more seconds than shortest_s")

    def _check_texts(self) -> None:
        for name in _TEXTS:
            value = getattr(self, name)
            if not isinstance(value, str) or len(value) > LONGEST_MARKDOWN:
                raise ProtocolError(f"{name}: expected a text of at most {LONGEST_MARKDOWN} characters")
        cases = [note.case for note in self.practice]
        if len(set(cases)) != len(cases):
            raise ProtocolError("practice: expected one note for a case")
        for note in self.practice:
            if not isinstance(note.case, str) or not isinstance(note.text, str):
                raise ProtocolError("practice: expected the key of a case and a text for each note")

    def with_note(self, case: str, text: str) -> "Protocol":
        """Return the protocol with another note for a practice case; a blank text takes the note away."""
        others = [note for note in self.practice if note.case != case]
        notes = [*others, PracticeNote(case, text)] if text.strip() else others
        return replace(self, practice=tuple(sorted(notes, key=lambda note: note.case)))

    def repeats_of(self, cases: int) -> int:
        """Return how many of a reader's cases come a second time."""
        return round(self.repeat_fraction * cases)

    def note_of(self, case: str) -> str:
        """Return the note of a practice case, or nothing."""
        return next((note.text for note in self.practice if note.case == case), "")


RANGES: tuple[tuple[str, float, float], ...] = (
    ("planned_readers", 1, 500),
    ("alpha", 0.0001, 0.5),
    ("reading_blocks", 2, 100),
    ("anchor_cases", 0, 10_000),
    ("repeat_fraction", 0, 0.5),
    ("repeat_gap_cases", 1, 10_000),
    ("repeat_gap_hours", 0, 10_000),
    ("session_cases", 0, 10_000),
    ("session_hours", 0, 10_000),
    ("break_minutes", 0, 1_000),
    ("break_cases", 0, 10_000),
    ("image_least", 0, 4_000),
    ("shortest_s", 0, 86_400),
    ("longest_s", 0, 86_400),
)
WHOLE = frozenset(field.name for field in fields(Protocol) if field.type is int)
_TEXTS = tuple(field.name for field in fields(Protocol) if field.type is str and field.name not in CHOICES)


def canonical(values: Mapping[str, Any]) -> bytes:
    """Return the canonical JSON of a document: sorted keys, no spaces, UTF-8, one newline at the end."""
    return (json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n").encode()


def digest(values: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical(values)).hexdigest()
