"""A draft as its readers will see it, step by step, for the study's admins: the reading page with other addresses.

Nothing is stored: the step is in the address.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, wraps
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import numpy as np
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse

from readerstudy.accounts.access import or_404, signed_in
from readerstudy.accounts.middleware import answers_scripts
from readerstudy.cases.frame import FORMAT, encode_frame
from readerstudy.cases.models import Case, Frame
from readerstudy.cases.selectors import cases_of, frame_response, images_json, masked_response
from readerstudy.study.design.terms import keys_of, sets_of, terms_json, waiting
from readerstudy.study.markdown import render as render_markdown
from readerstudy.study.models import Study
from readerstudy.study.protocol import Protocol, ProtocolError
from readerstudy.study.reading import answering, measured
from readerstudy.study.reading.reading_json import frame_of_state, sheet_of_case
from readerstudy.study.reading.stages import Stage
from readerstudy.study.reading.views import posted_object, reading_page, told
from readerstudy.study.reading.visits import DisplayRefusedError
from readerstudy.study.visibility import View, admin_page

SHOWN_CASES = 3
PATTERN = "pattern"
"""Name of the drawn image that is used while no cases are loaded."""

ROWS, COLUMNS = 640, 512


@dataclass(frozen=True)
class Step:
    """One step of the preview: a stage, and its case where it has one."""

    stage: Stage
    case: Case | None = None
    number: int = 0
    total: int = 0


def steps_of(study: Study) -> list[Step]:
    """Return the steps of a draft: what comes before, practice, a few cases, the end."""
    protocol = Protocol.from_json(study.protocol)
    before = (
        (Stage.CONSENT, protocol.consent.strip()),
        (Stage.TERMS, any(each.terms for each in sets_of(study))),
        (Stage.INSTRUCTIONS, protocol.instructions.strip()),
        (Stage.DISPLAY, protocol.display_check != "none"),
    )
    steps = [Step(stage) for stage, asked in before if asked]
    practice = _cases(study.practice_key) if study.practice_key else []
    steps += [Step(Stage.PRACTICE, case, n, len(practice)) for n, case in enumerate(practice, 1)]
    cases = _cases(study.key) or [_pattern_case()]
    steps += [Step(Stage.READING, case, n, len(cases)) for n, case in enumerate(cases, 1)]
    return [*steps, Step(Stage.DONE, None, len(cases), len(cases))]


def _cases(key: Any) -> list[Case]:
    return list(cases_of(key)[:SHOWN_CASES])


def preview_state(study: Study, place: int) -> dict[str, Any]:
    """Return the state of one step, in the form that the reading room sends."""
    protocol = Protocol.from_json(study.protocol)
    steps = steps_of(study)
    place = min(place, len(steps) - 1)
    step = steps[place]
    following = steps[place + 1].case if step.case and steps[place + 1].stage is step.stage else None
    terms = [each.terms for each in sets_of(study) if each.terms is not None]
    urls = {name: _address(study, "preview_go", place) for name in ("consent", "terms", "begin", "display")}
    return {
        **frame_of_state(step.stage, protocol, preview=True),
        "terms": terms_json(study, terms) if step.stage is Stage.TERMS else [],
        "position": step.number,
        "total": step.total,
        "case": _case_json(study, protocol, step, place),
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
    if step.case is None:
        raise ProtocolError("expected no answers at this step")
    answering.sheet_of(
        protocol, step.case, posted.get("answers") or {}, posted.get("marks") or [], posted.get("comment", "")
    )
    measured.times_of(posted.get("times") or {})
    measured.display_of(posted.get("display") or {})
    answer: dict[str, Any] = {"saved": True, "state": preview_state(study, place + 1)}
    if step.stage is Stage.PRACTICE:
        answer["feedback"] = render_markdown(protocol.note_of(step.case.key))
    return answer


def try_step(study: Study, place: int, posted: Mapping[str, Any]) -> dict[str, Any]:
    """Go on from consent, terms, instructions or the display check.

    Raises
    ------
    ProtocolError, DisplayRefusedError: what a reader would be refused too.
    """
    step = steps_of(study)[place]
    if step.stage is Stage.DISPLAY:
        found = measured.display_check_of(posted)
        if not measured.display_is_fit(found) and Protocol.from_json(study.protocol).display_check == "block":
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


def _case_json(study: Study, protocol: Protocol, step: Step, place: int) -> dict[str, Any] | None:
    if step.case is None:
        return None
    url = _address(study, "preview_answers", place)
    sheet = sheet_of_case(step.case, protocol, url, step.stage is Stage.PRACTICE)
    return {**_frame(study, step.case), **sheet, **answering.UNREAD, "back": None}


def _frame(study: Study, case: Case) -> dict[str, Any]:
    url = reverse("study:preview_frame", kwargs={"slug": study.slug, "name": case.key})
    return images_json(case, str(uuid5(NAMESPACE_URL, f"{study.key} {case.key}")), url)


def _pattern_case() -> Case:
    case = Case(key=PATTERN, labels=["An example label"])
    case.images = [Frame(format=FORMAT, rows=ROWS, columns=COLUMNS, bits=8, window_low=0, window_high=255)]
    return case


def _address(study: Study, view: str, place: int) -> str:
    return reverse(f"study:{view}", kwargs={"slug": study.slug, "place": place})


@admin_page("GET", draft=True)
def page(request: HttpRequest, study: Study) -> HttpResponse:
    """Show the reading page of a draft, to an admin who has confirmed the terms of its cases as a reader does."""
    if waiting(study, signed_in(request)):
        return redirect("study:terms", slug=study.slug)
    return reading_page(request, study, _address(study, "preview_state", 0), preview=True)


@answers_scripts
@admin_page("GET", draft=True)
def frame(request: HttpRequest, study: Study, name: str) -> HttpResponse:
    """Deliver the pixels of a case that the preview shows, or of the drawn pattern."""
    if name == PATTERN:
        return masked_response(pattern())
    # Each image of each case is looked at before the lock.
    return frame_response(get_object_or_404(Case, study__in=keys_of(study), key=name), request)


Act = Callable[[Study, int, HttpRequest], dict[str, Any]]


def _step(method: str) -> Callable[[Act], View]:
    """Make an address of one step of a draft, which answers scripts."""

    def made(act: Act) -> View:
        @answers_scripts
        @admin_page(method, draft=True)
        @wraps(act)
        def view(request: HttpRequest, study: Study, place: int) -> JsonResponse:
            or_404(place < len(steps_of(study)))
            return told(lambda: act(study, place, request))

        return view

    return made


@_step("GET")
def state(study: Study, place: int, request: HttpRequest) -> dict[str, Any]:
    """Tell the page one step."""
    return preview_state(study, place)


@_step("POST")
def answers(study: Study, place: int, request: HttpRequest) -> dict[str, Any]:
    """Check answers, store nothing, go on."""
    return try_answers(study, place, posted_object(request))


@_step("POST")
def go(study: Study, place: int, request: HttpRequest) -> dict[str, Any]:
    """Go on from consent, terms, instructions or the display check."""
    return try_step(study, place, posted_object(request))


@_step("POST")
def stay(study: Study, place: int, request: HttpRequest) -> dict[str, Any]:
    """Answer a pause or a key map with the same step."""
    posted_object(request)
    return {"state": preview_state(study, place)}
