"""The reading room's pages and its small JSON interface; every view guards, calls one service, answers."""

import json
import uuid
from typing import Any, cast

from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from readerstudy.accounts.models import User
from readerstudy.cases.delivery import frame_response
from readerstudy.cases.selectors import frame_json
from readerstudy.study.models import Assignment, Reader
from readerstudy.study.phases import Phase, PhaseError
from readerstudy.study.protocol import Protocol, ProtocolError
from readerstudy.study.reading import StaleRevisionError, place_of, save_answers, servable
from readerstudy.study.visibility import reader_for

ANSWER_FIELDS = {"idempotency_key", "revision", "answers", "comment", "times", "display"}


def _person(request: HttpRequest) -> User:
    return cast(User, request.user)


@never_cache
@require_GET
def reading(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the reading room of one study; the page asks for its state itself."""
    reader = reader_for(_person(request), slug)
    return render(request, "study/reading.html", {"study": reader.study})


@never_cache
@require_GET
def state(request: HttpRequest, slug: str) -> JsonResponse:
    """Tell the reader's page the current case and the one to fetch ahead."""
    return JsonResponse(_state(reader_for(_person(request), slug)))


@require_GET
def frame(request: HttpRequest, slug: str, public_id: uuid.UUID) -> HttpResponse:
    """Deliver the pixels of the current or the next case, and of no other."""
    assignment = servable(reader_for(_person(request), slug), public_id)
    if assignment is None:
        raise Http404
    return frame_response(assignment.case)


@require_POST
def answers(request: HttpRequest, slug: str, public_id: uuid.UUID) -> JsonResponse:
    """Save one case's answers: 200 saved, 400 no answers, 404 not yours, 409 stale, 503 try again."""
    reader = reader_for(_person(request), slug)
    try:
        values = _posted(request)
        save_answers(reader=reader, public_id=public_id, **values)
        return JsonResponse({"saved": True, "state": _state(reader)})
    except ProtocolError as error:
        return JsonResponse({"error": str(error)}, status=400)
    except Assignment.DoesNotExist:
        raise Http404 from None
    except StaleRevisionError as error:
        return JsonResponse({"error": str(error), "stored": error.stored}, status=409)
    except PhaseError as error:
        return JsonResponse({"error": str(error)}, status=403)
    except OperationalError:
        return JsonResponse({"error": "the server is busy; the page tries again"}, status=503)


def _posted(request: HttpRequest) -> dict[str, Any]:
    try:
        values = json.loads(request.body)
        if not isinstance(values, dict) or set(values) != ANSWER_FIELDS:
            raise ProtocolError(f"expected the fields {', '.join(sorted(ANSWER_FIELDS))}")
        if type(values["revision"]) is not int:
            raise ProtocolError("revision: expected a whole number")
        values["idempotency_key"] = uuid.UUID(values["idempotency_key"])
    except (ValueError, AttributeError, TypeError) as error:
        raise ProtocolError(f"expected JSON with an idempotency key: {error}") from error
    return values


def _state(reader: Reader) -> dict[str, Any]:
    study = reader.study
    if study.phase != Phase.READING:
        return {"done": True, "open": False, "position": 0, "total": 0, "case": None, "next": None}
    place = place_of(reader)
    return {
        "done": place.current is None,
        "open": True,
        "position": place.position,
        "total": place.total,
        "case": None if place.current is None else _case(place.current, Protocol.from_json(study.protocol)),
        "next": None if place.following is None else _frame(place.following),
    }


def _frame(assignment: Assignment) -> dict[str, Any]:
    address = {"slug": assignment.study.slug, "public_id": assignment.public_id}
    return {
        "id": str(assignment.public_id),
        "frame_url": reverse("study:frame", kwargs=address),
        "frame": frame_json(assignment.case),
    }


def _case(assignment: Assignment, protocol: Protocol) -> dict[str, Any]:
    address = {"slug": assignment.study.slug, "public_id": assignment.public_id}
    case = assignment.case
    return {
        **_frame(assignment),
        "labels": case.labels,
        "shown": {name: getattr(case, name) for name in protocol.shown},
        "revision": assignment.revision,
        "questions": [_question(question) for question in protocol.as_json()["questions"]],
        "answer_url": reverse("study:answers", kwargs=address),
    }


def _question(question: dict[str, Any]) -> dict[str, Any]:
    return {**question, "required": True}
