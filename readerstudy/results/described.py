"""How the questions that are not tested were answered, by group of cases: counts, and five numbers for a number."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from analysis.figures.described import Described
from readerstudy.results.values import Reading
from readerstudy.study.protocol import Protocol
from readerstudy.study.protocol.questions import Question

ARMS = (1, 0)
FIVE = ("Smallest", "Lower quartile", "Median", "Upper quartile", "Largest")
COUNTED = ("text", "mark")
"""Kinds of which only is told how often anything was written or marked."""


def described_of(protocol: Protocol, readings: Iterable[Reading]) -> tuple[Described, ...]:
    """Describe the first readings' answers to every question that is not tested, in the protocol's order."""
    first = [reading for reading in readings if reading.presentation == 1]
    return tuple(_described(each, first) for each in protocol.questions if each.key not in protocol.endpoints)


def _described(question: Question, first: Sequence[Reading]) -> Described:
    by_arm = [[each.answers.get(question.key, {}) for each in first if each.case.arm == arm] for arm in ARMS]
    given = [
        [
            answer["value"]
            for answer in answers
            if answer.get("status") == "answered" and _counts(question, answer)
        ]
        for answers in by_arm
    ]
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


def _counts(question: Question, answer: Mapping[str, Any]) -> bool:
    return question.kind not in COUNTED or bool(answer["value"])


def _offered(question: Question) -> list[str]:
    """Return the answers that are on offer, which count also where nobody gave them."""
    if question.kind == "yes_no":
        return ["yes", "no"]
    return [level.label for level in question.levels]


def _said(question: Question, value: Any) -> list[str]:
    """Return an answer as the words that it is counted under; several of a multiple choice or of labels.

    A label that somebody typed is not told: it may hold anything.
    """
    if question.kind in COUNTED:
        return []
    if question.kind == "yes_no":
        return ["yes" if value else "no"]
    if question.kind == "missing_labels":
        return [each if each in question.vocabulary else "Another label" for each in value]
    labels = {level.value: level.label for level in question.levels}
    return [labels.get(each, str(each)) for each in (value if isinstance(value, list) else [value])]
