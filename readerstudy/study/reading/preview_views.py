"""The preview of a draft: the reading page with addresses that store nothing. For the study's admins."""

from collections.abc import Callable, Mapping
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from readerstudy.accounts.access import signed_in
from readerstudy.accounts.middleware import answers_scripts
from readerstudy.cases.selectors import frame_response, masked_response
from readerstudy.study.design.terms import waiting
from readerstudy.study.models import Study
from readerstudy.study.phases import Phase
from readerstudy.study.protocol import Protocol, ProtocolError
from readerstudy.study.reading import preview
from readerstudy.study.reading.reading_json import texts
from readerstudy.study.reading.views import posted_object
from readerstudy.study.reading.visits import DisplayRefusedError
from readerstudy.study.visibility import study_of_admin


def _draft(request: HttpRequest, slug: str, place: int = 0) -> Study:
    study = study_of_admin(request, slug)
    if study.phase != Phase.DRAFT or place >= len(preview.steps_of(study)):
        raise Http404
    return study


@never_cache
@require_GET
def page(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the reading page of a draft, to an admin who has confirmed the terms of its cases as a reader does."""
    study = _draft(request, slug)
    if waiting(study, signed_in(request)):
        return redirect("study:terms", slug=slug)
    context = {
        "study": study,
        "state_url": reverse("study:preview_state", kwargs={"slug": slug, "place": 0}),
        "preview": True,
        "texts": texts(Protocol.from_json(study.protocol)),
    }
    return render(request, "study/reading.html", context)


@answers_scripts
@never_cache
@require_GET
def state(request: HttpRequest, slug: str, place: int) -> JsonResponse:
    """Tell the page one step."""
    return JsonResponse(preview.preview_state(_draft(request, slug, place), place))


@answers_scripts
@require_GET
def frame(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """Deliver the pixels of a case that the preview shows, or of the drawn pattern."""
    study = _draft(request, slug)
    if name == preview.PATTERN:
        return masked_response(preview.pattern())
    case = preview.shown_case(study, name)
    if case is None:
        raise Http404
    return frame_response(case, signed_in(request))


@answers_scripts
@require_POST
def answers(request: HttpRequest, slug: str, place: int) -> JsonResponse:
    """Check answers, store nothing, go on."""
    study = _draft(request, slug, place)
    return _told(request, lambda posted: preview.try_answers(study, place, posted))


@answers_scripts
@require_POST
def go(request: HttpRequest, slug: str, place: int) -> JsonResponse:
    """Go on from consent, terms, instructions or the display check."""
    study = _draft(request, slug, place)
    return _told(request, lambda posted: preview.try_step(study, place, posted))


@answers_scripts
@require_POST
def stay(request: HttpRequest, slug: str, place: int) -> JsonResponse:
    """Answer a pause or a key map with the same step."""
    study = _draft(request, slug, place)
    return _told(request, lambda posted: {"state": preview.preview_state(study, place)})


def _told(request: HttpRequest, act: Callable[[Mapping[str, Any]], dict[str, Any]]) -> JsonResponse:
    try:
        return JsonResponse(act(posted_object(request)))
    except ProtocolError as error:
        return JsonResponse({"error": str(error)}, status=400)
    except DisplayRefusedError as error:
        return JsonResponse({"error": str(error)}, status=422)
