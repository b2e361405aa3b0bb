"""The reading room's pages and its small JSON interface; every view guards, calls one service, answers."""

import json
import uuid
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from readerstudy.accounts.access import or_404, signed_in
from readerstudy.accounts.middleware import answers_scripts, page
from readerstudy.cases.selectors import frame_response
from readerstudy.study.markdown import render as render_markdown
from readerstudy.study.models import Assignment, PracticeReading, Reader, Study
from readerstudy.study.phases import PhaseError
from readerstudy.study.protocol import Protocol, ProtocolError
from readerstudy.study.reading import answering, visits
from readerstudy.study.reading.reading_json import case_json, state_json, texts
from readerstudy.study.reading.stages import visit_of
from readerstudy.study.visibility import reader_for

ANSWER_FIELDS = {"idempotency_key", "revision", "answers", "comment", "times", "display"}


@page("GET")
def reading(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the reading room of one study; the page asks for its state itself."""
    study = reader_for(signed_in(request), slug).study
    return reading_page(request, study, reverse("study:state", kwargs={"slug": slug}))


def reading_page(
    request: HttpRequest, study: Study, state_url: str, *, preview: bool = False
) -> HttpResponse:
    """Return the page on which cases are read; its script asks for the state at `state_url`."""
    context = {
        "study": study,
        "state_url": state_url,
        "preview": preview,
        "texts": texts(Protocol.from_json(study.protocol)),
    }
    return render(request, "study/reading.html", context)


@answers_scripts
@page("GET")
def state(request: HttpRequest, slug: str) -> JsonResponse:
    """Tell the reader's page the stage of the visit, the current case and the one to fetch ahead."""
    return JsonResponse(state_json(reader_for(signed_in(request), slug)))


@answers_scripts
@require_GET
def frame(request: HttpRequest, slug: str, public_id: uuid.UUID) -> HttpResponse:
    """Deliver the pixels of the current case, the next, or one to go back to, and of no other."""
    case = or_404(answering.servable(reader_for(signed_in(request), slug), public_id))
    return frame_response(case, request)


@answers_scripts
@page("GET")
def case(request: HttpRequest, slug: str, public_id: uuid.UUID) -> JsonResponse:
    """Show a read case again, where the protocol lets a reader go back to it."""
    reader = reader_for(signed_in(request), slug)
    visit = visit_of(reader)
    assignment = or_404(answering.returnable(reader, visit).get(public_id))
    return JsonResponse(case_json(assignment, reader, visit))


@answers_scripts
@require_POST
def answers(request: HttpRequest, slug: str, public_id: uuid.UUID) -> JsonResponse:
    """Save one case's answers: 200 saved, 400 no answers, 404 not yours, 409 stale; 503 as everywhere, try again."""
    reader = reader_for(signed_in(request), slug)
    return told(lambda: _save(request, reader, public_id))


def _step(act: Callable[[Reader, HttpRequest], object]) -> Callable[[HttpRequest, str], JsonResponse]:
    """Make a view of what a reader does beside answering; it answers with the state that the page then shows."""

    @answers_scripts
    @require_POST
    @wraps(act)
    def view(request: HttpRequest, slug: str) -> JsonResponse:
        reader = reader_for(signed_in(request), slug)

        def acted() -> dict[str, Any]:
            act(reader, request)
            return {"state": state_json(reader_for(reader.person, slug))}

        return told(acted)

    return view


@_step
def consent(reader: Reader, request: HttpRequest) -> None:
    """Note the reader's consent."""
    visits.give_consent(reader=reader, accepted=posted_object(request).get("accepted"))


@_step
def confirm_terms(reader: Reader, request: HttpRequest) -> None:
    """Note that the reader confirms the terms of use, by their digests."""
    posted = posted_object(request)
    visits.confirm_terms(reader=reader, accepted=posted.get("accepted"), digests=posted.get("sha256"))


@_step
def begin(reader: Reader, request: HttpRequest) -> None:
    """Note that the instructions are read."""
    visits.begin(reader=reader)


@_step
def display(reader: Reader, request: HttpRequest) -> None:
    """Keep a display check; 422 where the protocol blocks on a display that does not pass."""
    visits.check_display(reader=reader, values=posted_object(request))


@_step
def keys(reader: Reader, request: HttpRequest) -> None:
    """Keep the reader's key map."""
    visits.keep_keys(reader=reader, keys=posted_object(request))


@_step
def pause(reader: Reader, request: HttpRequest) -> None:
    """Note that the reader pauses."""
    visits.pause(reader=reader)


def _save(request: HttpRequest, reader: Reader, public_id: uuid.UUID) -> dict[str, Any]:
    values = _posted(request)
    practising = (
        reader.study.practice_key is not None and reader.practice.filter(public_id=public_id).exists()
    )
    if not practising:
        answering.save_answers(reader=reader, public_id=public_id, **values)
        return {"saved": True, "state": state_json(reader)}
    for name in ("revision", "display"):
        values.pop(name)
    row = visits.save_practice(reader=reader, public_id=public_id, **values)
    note = Protocol.from_json(reader.study.protocol).note_of(row.case.key)
    return {"saved": True, "feedback": render_markdown(note), "state": state_json(reader)}


REFUSALS: dict[type[Exception], int] = {
    ProtocolError: 400, PhaseError: 403, answering.VisitError: 403, answering.StaleRevisionError: 409,
    visits.DisplayRefusedError: 422,
}  # fmt: skip
"""What services refuse a reader in words, and the status of the answer."""


def told(act: Callable[[], dict[str, Any]]) -> JsonResponse:
    """Turn what a service refuses into a status and words for the page."""
    try:
        return JsonResponse(act())
    except (Assignment.DoesNotExist, PracticeReading.DoesNotExist):
        raise Http404 from None
    except tuple(REFUSALS) as error:
        return JsonResponse({"error": str(error), **vars(error)}, status=REFUSALS[type(error)])


def _posted(request: HttpRequest) -> dict[str, Any]:
    values = posted_object(request)
    if set(values) | {"marks"} != ANSWER_FIELDS | {"marks"}:
        raise ProtocolError(f"expected the fields {', '.join(sorted(ANSWER_FIELDS))} and, if drawn, marks")
    if type(values["revision"]) is not int:
        raise ProtocolError("revision: expected a whole number")
    if not isinstance(values.get("marks", []), list):
        raise ProtocolError("marks: expected a list")
    try:
        values["idempotency_key"] = uuid.UUID(values["idempotency_key"])
    except (ValueError, AttributeError, TypeError) as error:
        raise ProtocolError(f"expected an idempotency key, a UUID: {error}") from error
    return values


def posted_object(request: HttpRequest) -> dict[str, Any]:
    """Return the JSON object of a request's body.

    Raises
    ------
    ProtocolError: something else, or characters that no database keeps (NUL, half of a pair).
    """
    try:
        values = json.loads(request.body)
        _check_characters(values)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"expected JSON: {error}") from error
    if not isinstance(values, dict):
        raise ProtocolError("expected a JSON object")
    return values


def _check_characters(value: Any) -> None:
    if isinstance(value, str):
        value.encode()  # refuses half of a pair
        if "\0" in value:
            raise ValueError("a text holds the character NUL")
    elif isinstance(value, dict):
        for name, each in value.items():
            _check_characters(name)
            _check_characters(each)
    elif isinstance(value, list):
        for each in value:
            _check_characters(each)
