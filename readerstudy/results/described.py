"""How the questions that are not tested were answered, by group of cases: counts, and five numbers for a number."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from analysis.figures.described import Described
from readerstudy.endpoints import described
from readerstudy.results.ratings import Reading
from readerstudy.study.protocol import Protocol
from readerstudy.study.questions import Question

ARMS = (1, 0)
FIVE = ("Smallest", "Lower quartile", "Median", "Upper quartile", "Largest")
COUNTED = ("text", "mark")
"""Kinds of which only is told how often anything was written or marked."""


def described_of(protocol: Protocol, readings: Iterable[Reading]) -> tuple[Described, ...]:
    """Describe the first readings' answers to every question that is not tested, in the protocol's order."""
    first = [reading for reading in readings if reading.assignment.presentation == 1]
    return tuple(_described(question, first) for question in described(protocol))


def _described(question: Question, first: Sequence[Reading]) -> Described:
    by_arm = [[_answer(question, reading) for reading in first if reading.opened.arm == arm] for arm in ARMS]
    given = [[answer["value"] for answer in answers if answer["status"] == "answered"] for answers in by_arm]
    if question.kind in COUNTED:
        given = [[value for value in values if value] for values in given]
    planned, answered = tuple(map(len, by_arm)), tuple(map(len, given))
    if question.kind == "number":
        five = [
            np.quantile(values, [0, 0.25, 0.5, 0.75, 1]).tolist() if values else [None] * 5
            for values in given
        ]
        rows = tuple((name, tuple(values[k] for values in five)) for k, name in enumerate(FIVE))
    else:
        counts = [Counter(said for value in values for said in _said(question, value)) for values in given]
        words = dict.fromkeys([*_offered(question), *sorted({*counts[0], *counts[1]})])
        rows = tuple((word, tuple(float(count[word]) for count in counts)) for word in words)
    return Described(question.text, planned, answered, rows, question.kind == "number", question.unit)


def _answer(question: Question, reading: Reading) -> Any:
    return reading.answers.get(question.key, {"status": "missing", "value": None})


def _offered(question: Question) -> list[str]:
    """Return the answers that are on offer, which count also where nobody gave them."""
    if question.kind == "yes_no":
        return ["yes", "no"]
    return [level.label for level in question.levels]


def _said(question: Question, value: Any) -> list[str]:
    """Return an answer as the words that it is counted under; several of a multiple choice or of labels."""
    if question.kind in COUNTED:
        return []
    if question.kind == "yes_no":
        return ["yes" if value else "no"]
    labels = {level.value: level.label for level in question.levels}
    return [labels.get(each, str(each)) for each in (value if isinstance(value, list) else [value])]
