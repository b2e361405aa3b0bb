"""What a report says about a study beside its results: protocol, readers, history, digests, untested answers.

Those answers are given by group of cases: counts, and for numbers a five-number summary.
"""

import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from analysis.figures.described import Described
from analysis.report import Background
from readerstudy.audit.models import Event
from readerstudy.cases.models import CaseSet
from readerstudy.environment import version
from readerstudy.results.models import Unblinding, UnblindingRequest
from readerstudy.results.values import EnrolledReader, Reading, unblinding_of
from readerstudy.study.design.locking import locked_document
from readerstudy.study.duties import needs_two
from readerstudy.study.models import DisplayCheck, Study
from readerstudy.study.protocol import Protocol
from readerstudy.study.protocol.questions import Question

WORDS: dict[str, str] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
KINDS = {"yes_no": "yes, no"}
ARMS = (1, 0)
FIVE = ("Smallest", "Lower quartile", "Median", "Upper quartile", "Largest")
COUNTED = ("text", "mark")
"""Kinds of which only is told how often anything was written or marked."""


def background_of(
    study: Study, readings: list[Reading], readers: Sequence[EnrolledReader], using: str
) -> Background:
    """Return the background of an unblinded study's report."""
    protocol = study.protocol
    # What a replaced reader left is planned again for the one who came.
    left = {each.replaces for each in readers}
    planned = [each for each in readings if each.revisions or each.reader not in left]
    unblinding = unblinding_of(study, using)
    case_set = CaseSet.objects.using(using).filter(study=study.key).first()
    digests = {
        "Protocol": study.protocol_sha256,
        "Case set": study.cases_sha256,
        "Key": unblinding.key_sha256,
    }
    dates = {
        "Protocol locked": study.locked_at,
        "Reading closed": study.closed_at,
        "Key opened": study.unblinded_at,
    }
    course = [(name, f"{at:%Y-%m-%d %H:%M} UTC") for name, at in dates.items() if at is not None]
    return Background(
        title=study.title,
        questions=tuple(question_of(question) for question in protocol["questions"]),
        protocol=tuple((name, value) for name, value in design_of(protocol) if value),
        course=(*course, ("Key opened by", opening_told(study, unblinding, using))),
        origin=(
            *digests.items(),
            ("Sweep", study.run_id),
            ("Cases", str(case_set.case_count) if case_set else ""),
        ),
        codes=frozenset({*digests, "Sweep"}),
        readers=tuple(readers),
        estimand=protocol.get("estimand", ""),
        remarks=(*unblinded_remarks(study, using), *_operator_remarks(study, unblinding)),
        synthetic_images=study.synthetic_images,
        described=described_of(Protocol.from_json(protocol), planned),
        locked=True,
        deviations=tuple(_deviations(study, planned, readers, using)),
    )


def _deviations(
    study: Study, readings: Sequence[Reading], readers: Sequence[EnrolledReader], using: str
) -> Iterator[tuple[str, str, str]]:
    """Yield what differed from the locked protocol: about what, what was planned, what happened."""
    planned, first = study.protocol["planned_readers"], sum(not each.replaces for each in readers)
    if planned != first:
        yield "Readers", str(planned), WORDS["enrolled"].format(first)
    again = [each for each in readings if each.presentation > 1]
    if lost := sum(not each.revisions for each in again):
        yield "Hidden repeats", str(len(again)), f"{lost} were not read"
    if late := sum(each.deferred for each in again):
        yield "Order of the repeats", "each at its drawn place", WORDS["late"].format(late)
    checks = DisplayCheck.objects.using(using).filter(study=study.pk)
    warned = study.protocol.get("display_check") == "warn"  # "block" lets nobody read on
    if warned and (failed := checks.filter(passed=False).count()):
        yield "Display check", "a warning", WORDS["failed"].format(failed, checks.count())
    then = locked_document(study).get("software", {}).get("readerstudy") if study.locked_file else None
    if then not in (None, version()):
        yield "Software", f"version {then}", f"version {version()} computed the results"


def unblinded_remarks(study: Study, using: str) -> tuple[str, ...]:
    """Say which admins could see where cases came from, at the lock and at the close, and what they asked for."""
    locked = locked_document(study).get("study_admins", []) if study.locked_file else []
    then = {each["actor"] for each in locked if each["unblinded"]}
    events = Event.objects.using(using).filter(study=study.key)
    closed = events.filter(kind="study.closed").order_by("-sequence").first()
    later = set(closed.values.get("unblinded_admins", [])) if closed else set()
    if not then | later:
        return ()
    asked = [event.values["step"] for event in events.filter(kind="study.step_approved").order_by("sequence")]
    steps = WORDS["steps"].format(", ".join(asked)) if asked else ""
    return (WORDS["unblinded"].format(len(then), len(locked), len(later)) + steps,)


def opening_told(study: Study, unblinding: Unblinding, using: str) -> str:
    """Return who opened the key, at whose request, and why."""
    who = "the operator, on the server" if unblinding.opened_by is None else str(unblinding.opened_by)
    asked = UnblindingRequest.objects.using(using).filter(study=study).select_related("asked_by").first()
    if asked is not None and unblinding.opened_by not in {None, asked.asked_by}:
        who += f", as {asked.asked_by} had asked"
    return f"{who}: {unblinding.reason}"


def _operator_remarks(study: Study, unblinding: Unblinding) -> Iterator[str]:
    """Say so where two study admins were to open the key and the operator did."""
    if needs_two(study) and unblinding.opened_by is None:
        yield WORDS["operator"].format(unblinding.reason)


def question_of(question: dict[str, Any]) -> tuple[str, str]:
    """Return a question of a protocol and its answers, in words."""
    levels = ", ".join(f"{level['value']} {level['label']}" for level in question.get("levels", ()))
    return question["text"], levels or KINDS.get(question["kind"], question["kind"].replace("_", " "))


def design_of(protocol: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the rules of a protocol that are not those of its analysis, in words; blank where it has none."""
    repeats = protocol.get("repeat_fraction", 0)
    return [
        ("Design", protocol["design"]),
        ("Planned readers", str(protocol["planned_readers"])),
        ("Hidden repeats", f"{100 * repeats:.0f} % of a reader's cases" if repeats else "none"),
        ("Shown to readers", ", ".join(["labels", *protocol["shown"]])),
        ("First window", protocol["window_rule"]),
        ("Going back", protocol.get("back", "none")),
        ("Display check", protocol.get("display_check", "none")),
        ("Subgroups", ", ".join(protocol.get("subgroups", ()))),
        ("Exclusion", protocol.get("exclusion", "")),
        ("Stopping", protocol.get("stopping", "")),
        ("Replacement", protocol.get("replacement", "")),
        ("Blinding", WORDS["blinding"]),
    ]


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
    is_number = question.kind == "number"
    return Described(question.text, planned, answered, rows, is_number, question.unit, question.guess)


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
