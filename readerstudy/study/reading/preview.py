"""A draft as its readers will see it, step by step. Nothing is stored: the step is in the address."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import numpy as np
from django.urls import reverse

from readerstudy.cases.frame import FORMAT, encode_frame
from readerstudy.cases.models import Case
from readerstudy.cases.selectors import frame_json
from readerstudy.study.design.signoff import cases_to_check
from readerstudy.study.design.terms import sets_of, terms_json
from readerstudy.study.markdown import render
from readerstudy.study.models import Study
from readerstudy.study.protocol import Protocol
from readerstudy.study.protocol.answers import check_marks
from readerstudy.study.reading.measured import (
    comment_of,
    display_check_of,
    display_is_fit,
    display_of,
    times_of,
)
from readerstudy.study.reading.reading_json import case_facts, frame_of_state
from readerstudy.study.reading.stages import Stage
from readerstudy.study.reading.visits import DisplayRefusedError

SHOWN_CASES = 3
PATTERN = "pattern"
"""Name of the drawn image that is used while no cases are loaded."""

ROWS, COLUMNS = 640, 512


@dataclass(frozen=True)
class Step:
    """One step of the preview: a stage, and its case (None: the pattern) where it has one."""

    stage: Stage
    case: Case | None = None
    number: int = 0
    total: int = 0


def steps_of(study: Study) -> list[Step]:
    """Return the steps of a draft: what comes before, practice, a few cases, the end."""
    protocol = Protocol.from_json(study.protocol)
    steps = []
    if protocol.consent.strip():
        steps.append(Step(Stage.CONSENT))
    if any(each.terms for each in sets_of(study)):
        steps.append(Step(Stage.TERMS))
    if protocol.instructions.strip():
        steps.append(Step(Stage.INSTRUCTIONS))
    if protocol.display_check != "none":
        steps.append(Step(Stage.DISPLAY))
    practice = _cases(study.practice_key) if study.practice_key else []
    steps += [Step(Stage.PRACTICE, case, n, len(practice)) for n, case in enumerate(practice, 1)]
    cases: list[Case | None] = [*_cases(study.key)] or [None]
    steps += [Step(Stage.READING, case, n, len(cases)) for n, case in enumerate(cases, 1)]
    return [*steps, Step(Stage.DONE, None, len(cases), len(cases))]


def _cases(key: Any) -> list[Case]:
    return list(Case.objects.filter(study=key).select_related("frame").order_by("key")[:SHOWN_CASES])


def preview_state(study: Study, place: int) -> dict[str, Any]:
    """Return the state of one step, in the form that the reading room sends."""
    protocol = Protocol.from_json(study.protocol)
    steps = steps_of(study)
    place = min(place, len(steps) - 1)
    step = steps[place]
    has_case = step.stage in {Stage.PRACTICE, Stage.READING}
    following = steps[place + 1] if has_case and steps[place + 1].stage is step.stage else None
    urls = {name: _address(study, "preview_go", place) for name in ("consent", "terms", "begin", "display")}
    return {
        **frame_of_state(step.stage, protocol, preview=True),
        "terms": _terms(study) if step.stage is Stage.TERMS else [],
        "position": step.number,
        "total": step.total,
        "case": _case_json(study, protocol, step, place) if has_case else None,
        "next": None if following is None else _frame(study, following),
        "back": None,
        "session": {"number": 1, "read": step.number, "limit": protocol.session_cases or None, "until": None},
        "display_checked": step.stage is not Stage.DISPLAY,
        "keys": {},
        "urls": {
            **urls,
            "state": _address(study, "preview_state", place),
            "keys": _address(study, "preview_stay", place),
            "pause": _address(study, "preview_stay", place),
        },
    }


def try_answers(study: Study, place: int, posted: Mapping[str, Any]) -> dict[str, Any]:
    """Check answers as a reader's are checked, store nothing, and return the next step.

    Raises
    ------
    ProtocolError: what a reader would be refused too.
    """
    protocol = Protocol.from_json(study.protocol)
    step = steps_of(study)[place]
    rows, columns = _size(step.case)
    marks = check_marks(list(posted.get("marks") or []), rows, columns)
    protocol.check_answers(posted.get("answers") or {}, marks=marks, labels=_labels(step.case))
    comment_of(posted.get("comment", ""))
    times_of(posted.get("times") or {})
    display_of(posted.get("display") or {})
    told: dict[str, Any] = {"saved": True, "state": preview_state(study, place + 1)}
    if step.stage is Stage.PRACTICE and step.case is not None:
        told["feedback"] = render(protocol.note_of(step.case.key))
    return told


def try_step(study: Study, place: int, posted: Mapping[str, Any]) -> dict[str, Any]:
    """Go on from consent, terms, instructions or the display check.

    Raises
    ------
    ProtocolError, DisplayRefusedError: what a reader would be refused too.
    """
    step = steps_of(study)[place]
    if step.stage is Stage.DISPLAY:
        found = display_check_of(posted)
        if not display_is_fit(found) and Protocol.from_json(study.protocol).display_check == "block":
            raise DisplayRefusedError(
                "With this display a reader could not begin: enlarge the window or dim the room."
            )
    return {"state": preview_state(study, place + 1)}


@cache
def pattern() -> bytes:
    """Return the drawn image's frame: a ramp with rings, 8 bit."""
    y, x = np.mgrid[0:ROWS, 0:COLUMNS]
    rings = 30 * np.cos(np.hypot(x - COLUMNS / 2, y - ROWS / 2) / 9)
    return encode_frame(np.clip(255 * y / ROWS + rings, 0, 255).astype(np.uint8), 8)


def shown_case(study: Study, name: str) -> Case | None:
    """Return a case by its key; an admin of a draft looks at each image before the lock."""
    return cases_to_check(study).filter(key=name).first()


def _terms(study: Study) -> list[dict[str, str]]:
    return terms_json(study, [each.terms for each in sets_of(study) if each.terms is not None])


def _case_json(study: Study, protocol: Protocol, step: Step, place: int) -> dict[str, Any]:
    if step.case is not None:
        facts = case_facts(step.case, protocol)
    else:
        facts = {"labels": _labels(None), "shown": {}, "questions": protocol.asked()}
    return {
        **_frame(study, step),
        **facts,
        "revision": 0,
        "answers": {},
        "comment": "",
        "marks": [],
        "practice": step.stage is Stage.PRACTICE,
        "answer_url": _address(study, "preview_answers", place),
        "back": None,
    }


def _frame(study: Study, step: Step) -> dict[str, Any]:
    name = step.case.key if step.case else PATTERN
    return {
        "id": str(uuid5(NAMESPACE_URL, f"{study.key} {name}")),
        "frame_url": reverse("study:preview_frame", kwargs={"slug": study.slug, "name": name}),
        "frame": frame_json(step.case) if step.case else _PATTERN_JSON,
    }


_PATTERN_JSON = {
    "format": FORMAT, "rows": ROWS, "columns": COLUMNS, "bits": 8, "window": [0, 255], "spacing": None,
}  # fmt: skip


def _size(case: Case | None) -> tuple[int, int]:
    return (case.frame.rows, case.frame.columns) if case else (ROWS, COLUMNS)


def _labels(case: Case | None) -> list[str]:
    return list(case.labels) if case else ["An example label"]


def _address(study: Study, view: str, place: int) -> str:
    return reverse(f"study:{view}", kwargs={"slug": study.slug, "place": place})
