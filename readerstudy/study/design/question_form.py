"""The form for one question: levels and labels are typed one a line."""

import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from django import forms

from readerstudy.study.design.protocol_forms import WRITTEN
from readerstudy.study.protocol import Protocol
from readerstudy.study.protocol import questions as asking
from readerstudy.study.protocol.presets import measure_of

KIND_NAMES: dict[asking.QuestionKind, tuple[str, str]] = {
    kind: (each["name"], each["about"]) for kind, each in WRITTEN["kinds"].items()
}
FIELDS_OF: dict[str, tuple[str, ...]] = {kind: each["fields"] for kind, each in WRITTEN["kinds"].items()}
"""What is asked for a kind, beside key, text, help, required, cannot-assess and follow-up."""

OPTIONS = ("choice", "multiple_choice")
"""Kinds whose numbers mean nothing but the key to press, so that they need not be typed."""

WORDS = ("endpoint", "short", "worse", "less", "more", "aim", "margin")
"""What is asked of a question that can be an endpoint."""

_HALF = re.compile(r"-?\d+\s*[=:]?")
_LEVEL = re.compile(r"\s*(-?\d+)\s*[=:]\s*(.+?)\s*")


FIELDS: dict[str, dict[str, Any]] = WRITTEN["fields"]
"""Of each field its kind, label and what else it takes; which a kind of question has: `FIELDS_OF` and `WORDS`."""
LIMITS: dict[str, dict[str, Any]] = {
    "key": {"regex": rf"^{asking.KEY.pattern}\Z", "max_length": 40},
    "longest": {"max_value": asking.LONGEST_TEXT},
    "shapes": {"choices": [(shape, shape) for shape in asking.SHAPES]},
    **{name: {"max_value": asking.MOST_MARKS} for name in ("fewest", "most")},
    **{name: {"max_length": asking.LONGEST_WORDS} for name in ("short", "less", "more")},
}
"""What the rules of questions say of a field."""


def _field(name: str) -> forms.Field:
    more = {"required": False, **FIELDS[name], **LIMITS.get(name, {})}
    if "widget" in more:
        attrs = dict(more["widget"])
        more["widget"] = getattr(forms, attrs.pop("kind"))(attrs=attrs)
    made: forms.Field = getattr(forms, more.pop("kind"))(**more)
    return made


class QuestionForm(forms.Form):
    """One question of one kind."""

    version = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(
        self,
        *args: Any,
        kind: asking.QuestionKind,
        protocol: Protocol,
        old: asking.Question | None,
        **extra: Any,
    ) -> None:
        """Make the fields of the kind, and offer the answers of the questions before this one."""
        super().__init__(*args, **extra)
        self.kind, self.old = kind, old
        self.taken = {question.key for question in protocol.questions} - {old.key if old else ""}
        left_out = {field for fields in FIELDS_OF.values() for field in fields} - set(FIELDS_OF[kind])
        left_out |= set(() if kind in asking.MEASURED else WORDS)
        self.fields.update({name: _field(name) for name in FIELDS if name not in left_out})
        if kind in OPTIONS:
            self.fields["levels"].label = "Options"
            told = "One a line, such as “PA”; numbered in this order. “3 = PA” sets a number."
            self.fields["levels"].help_text = told
        earlier = protocol.questions[: protocol.questions.index(old)] if old else protocol.questions
        self.fields["after"].choices = offered = _answers(earlier)  # type: ignore[attr-defined]
        if not offered:
            del self.fields["after"]

    def clean_key(self) -> str:
        """Refuse a name that another question has."""
        key: str = self.cleaned_data["key"]
        if key in self.taken:
            raise forms.ValidationError(f"Another question is named '{key}'; choose another name.")
        return key

    def clean_levels(self) -> list[dict[str, Any]]:
        """Read the levels; options may come without numbers and get those after the greatest that is written."""
        lines = _lines(self.cleaned_data["levels"])
        read = [_LEVEL.fullmatch(line) for line in lines]
        free = max([0, *(int(match[1]) for match in read if match)])
        levels = []
        for line, match in zip(lines, read, strict=True):
            if match:
                levels.append({"value": int(match[1]), "label": match[2]})
            elif self.kind in OPTIONS and not _HALF.fullmatch(line):
                free += 1
                levels.append({"value": free, "label": line})
            else:
                raise forms.ValidationError(
                    f"Expected a number, an equals sign and words, such as “1 = poor”; this line says “{line}”."
                )
        return levels

    def clean_vocabulary(self) -> list[str]:
        """Read the labels."""
        return list(dict.fromkeys(_lines(self.cleaned_data["vocabulary"])))

    def clean_after(self) -> dict[str, Any] | None:
        """Read the answers after which this question is asked: all of one question."""
        picked = [choice.rsplit("=", 1) for choice in self.cleaned_data["after"]]
        if len({key for key, _ in picked}) > 1:
            raise forms.ValidationError("Tick answers of one question only.")
        return {"question": picked[0][0], "values": [int(value) for _, value in picked]} if picked else None

    def clean(self) -> dict[str, Any]:
        """Make the question; what does not hold is told above the form."""
        values = dict(super().clean() or {})
        if self.errors:
            return values
        plain = {
            name: value
            for name, value in values.items()
            if name not in {"version", *WORDS} and value is not None
        }
        if values.get("endpoint"):
            plain["endpoint"] = _measure(values)
        plain["text"] = plain["text"].replace("\r\n", "\n").strip()
        try:
            self.question = asking.read_question({**plain, "kind": self.kind})
        except asking.ProtocolError as error:
            raise forms.ValidationError(str(error)) from error
        return values


def initial_of(question: asking.Question | None, kind: asking.QuestionKind) -> dict[str, Any]:
    """Return what the form shows of a question, or of a new one."""
    if question is None:
        scale = tuple(asking.Level(value, "") for value in range(1, 6)) if kind == "ordinal" else ()
        question = asking.Question("", "", kind, scale)
    after, words = question.after, measure_of(question)
    return {
        **asdict(question),
        **({"worse": "low"} if words is None else asdict(words)),
        "levels": "\n".join(f"{level.value} = {level.label}" for level in question.levels),
        "vocabulary": "\n".join(question.vocabulary),
        "after": [f"{after.question}={value}" for value in after.values] if after else [],
    }


def _measure(values: dict[str, Any]) -> dict[str, Any]:
    """Return the words of an endpoint; what is left blank is made of the title, and the title of the name."""
    short = values["short"] or values["key"].replace("_", " ").capitalize()
    named = short if short[1:2].isupper() else f"{short[:1].lower()}{short[1:]}"
    return {
        "short": short,
        "worse": values["worse"] or "low",
        "less": values["less"] or f"lower {named}"[: asking.LONGEST_WORDS],
        "more": values["more"] or f"higher {named}"[: asking.LONGEST_WORDS],
        "aim": values["aim"] or "superiority",
        "margin": values["margin"] or 0.0,
    }


def _answers(questions: Sequence[asking.Question]) -> list[tuple[str, str]]:
    """Offer each answer of each question that has fixed ones."""
    offered = []
    for question in questions:
        levels = [(1, "yes"), (0, "no")] if question.kind == "yes_no" else [
            (level.value, level.label) for level in question.levels
        ]  # fmt: skip
        offered += [(f"{question.key}={value}", f"{question.text} — {label}") for value, label in levels]
    return offered


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]
