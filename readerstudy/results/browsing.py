"""The cases of an unblinded study, one by one: what each was, and what every reader answered and marked.

This shows the group of a case beside its picture. So it stays shut while another study that is not unblinded has the
same pixels, whatever case set or sweep they are from.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from statistics import fmean, median
from typing import Any

from analysis.endpoints import Groups, groups_from
from readerstudy.cases.selectors import share_pixels
from readerstudy.endpoints import endpoints_of
from readerstudy.results.values import ReadCase, Reading, readings_of, unblinding_of
from readerstudy.study.design.terms import keys_of
from readerstudy.study.models import Study
from readerstudy.study.phases import Phase
from readerstudy.study.protocol import Protocol
from readerstudy.study.protocol.questions import Question

NOT_YET = (Phase.DRAFT, Phase.LOCKED, Phase.READING, Phase.CLOSED)
"""Phases in which a study's key may still be opened."""

UNANSWERED = {
    "cannot_assess": "cannot assess", "technical": "technical problem", "left_blank": "left blank",
    "not_asked": "not asked", "missing": "not read",
}  # fmt: skip
NOT_ASSESSED = ("cannot_assess", "technical")


@dataclass(frozen=True)
class BrowsedCase:
    """A case with its readings by reader, the hidden repeats among them, and what cases can be sorted by.

    `disagreement` is the mean absolute difference of two readers' answers as a share of the question's span, 0 to 1,
    over all pairs of readers and then over the questions that are endpoints (first readings); None where no two
    readers answered one. It is the observed part of Krippendorff's alpha with linear weights, for one case.
    """

    case: ReadCase
    group: str
    readings: tuple[Reading, ...]
    disagreement: float | None

    @cached_property
    def first(self) -> list[Reading]:
        """The first readings that were saved."""
        return [each for each in self.readings if each.presentation == 1 and each.revisions]

    @cached_property
    def seconds(self) -> float | None:
        """Median time on the case over the readers."""
        times = [each.seconds for each in self.first if each.seconds is not None]
        return median(times) if times else None

    @cached_property
    def not_assessed(self) -> int:
        """How many readers could not assess something, or met a technical problem."""
        return sum(
            any(answer["status"] in NOT_ASSESSED for answer in each.answers.values()) for each in self.first
        )

    @cached_property
    def marks(self) -> int:
        """How many marks were drawn."""
        return sum(len(each.revisions[-1].marks) for each in self.first)


def why_shut(study: Study) -> str:
    """Return why the cases of an unblinded study cannot be looked through now, or ""."""
    waiting = Study.objects.filter(phase__in=NOT_YET).exclude(pk=study.pk)
    if not share_pixels([study.key], [key for each in waiting for key in keys_of(each)]):
        return ""
    return (
        "Another study that is not unblinded has, or may have, the same images. The cases can be looked through when "
        "its key is open too, or when it is archived; a draft can be deleted."
    )


def browsed(study: Study) -> list[BrowsedCase]:
    """Return the cases of an unblinded study in the order of their keys.

    Raises
    ------
    SealedError: the key is not open.
    """
    groups = groups_from(unblinding_of(study).groups)
    asked = endpoints_of(Protocol.from_json(study.protocol))
    by_case: dict[str, list[Reading]] = {}
    for reading in readings_of(study):
        by_case.setdefault(reading.case.key, []).append(reading)
    spans = {
        key: each.span(v for found in by_case.values() for v in _given(found, key))
        for key, each in asked.items()
    }
    return [
        BrowsedCase(found[0].case, group_of(found[0].case, groups), tuple(found), _disagreement(found, spans))
        for _, found in sorted(by_case.items())
    ]


def group_of(case: ReadCase, groups: Groups) -> str:
    """Return the name of a case's group."""
    return groups.one if case.arm == 1 else groups.other


def told(question: Question, answer: Mapping[str, Any] | None) -> str:
    """Return an answer in words; free text and typed labels as they were written."""
    status = answer["status"] if answer else "missing"
    if answer is None or status != "answered":
        return UNANSWERED.get(status, status)
    value = answer["value"]
    if question.kind == "yes_no":
        return "yes" if value else "no"
    if question.kind == "mark":
        return f"{value} mark{'' if value == 1 else 's'}"
    labels = {level.value: level.label for level in question.levels}
    if isinstance(value, list):
        return "; ".join(str(labels.get(each, each)) for each in value) or "none"
    if question.kind == "number":
        return f"{value:.15g} {question.unit}".strip()
    return labels.get(value, str(value))


ORDERS: Mapping[str, tuple[str, Callable[[BrowsedCase], Any]]] = {
    "key": ("Case", lambda each: each.case.key),
    "disagreement": ("Most disagreement", lambda each: -(each.disagreement or 0)),
    "time": ("Longest time", lambda each: -(each.seconds or 0)),
    "not_assessed": ("Most often not assessed", lambda each: -each.not_assessed),
    "score": ("Lowest agreement of the networks", lambda each: (each.case.score is None, each.case.score)),
}
"""By what cases can be sorted; those that are alike stay in the order of their keys."""


def chosen(cases: Iterable[BrowsedCase], *, group: str, words: str, order: str) -> list[BrowsedCase]:
    """Return the cases of a group (blank: both) whose key, class group or labels hold some words, in an order."""
    wanted = words.strip().lower()
    found = [
        each for each in cases
        if (not group or each.group == group)
        and any(wanted in text.lower() for text in (each.case.key, each.case.class_group, *each.case.labels))
    ]  # fmt: skip
    return sorted(found, key=ORDERS[order][1])


def _given(readings: Iterable[Reading], question: str) -> list[float]:
    """Return the answers to a question, of first readings."""
    answers = [each.answers.get(question, {}) for each in readings if each.presentation == 1]
    return [float(answer["value"]) for answer in answers if answer.get("status") == "answered"]


def _disagreement(readings: Iterable[Reading], spans: Mapping[str, float]) -> float | None:
    apart = []
    for question, span in spans.items():
        pairs = [abs(one - other) / span for one, other in combinations(_given(readings, question), 2)]
        apart += [fmean(pairs)] if pairs else []
    return fmean(apart) if apart else None
