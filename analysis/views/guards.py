"""Who may open the researcher's pages, and what every page of a run does first."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_http_methods

from analysis.errors import RefusedError
from analysis.models import Run
from analysis.services import boxes, mirror
from analysis.signals import run_opened

View = TypeVar("View", bound=Callable[..., HttpResponseBase])
Found = TypeVar("Found")


def or_404(found: Found | None) -> Found:
    """Return what was found; 404 where it is None or False."""
    if found is None or found is False:
        raise Http404
    return found


def answers_scripts(view: View) -> View:
    """Mark a view that a page's script asks: to somebody signed out the site answers 401, not with the sign-in page,
    and to everybody a refusal in its own words with 409.
    """

    @wraps(view)
    def answer(*args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(*args, **kwargs)
        except RefusedError as error:
            return HttpResponse(str(error), status=409, content_type="text/plain")

    setattr(answer, "answers_scripts", True)  # noqa: B010  (a function has no such attribute of its own)
    return cast(View, answer)


def page(*methods: str, change: bool = False) -> Callable[[View], View]:
    """Return what makes a view a researcher's page: its methods (GET by default), and whether it needs the right
    to change sweeps rather than to see them.
    """
    allowed = permission_required(f"analysis.{'change' if change else 'view'}_run", raise_exception=True)
    return lambda view: require_http_methods(methods or ("GET",))(allowed(view))


def find_run(run_id: str) -> Run:
    """Return a run by its name, or by the one under which it was asked for; 404 when there is none."""
    found = Run.objects.filter(run_id=run_id).first()
    found = found or get_object_or_404(Run, requested_as=run_id)
    return found.same_as or found


def opened(request: HttpRequest, run_id: str) -> Run:
    """Return a run and tell the access log who looks at it."""
    run = find_run(run_id)
    run_opened.send(sender=Run, run_id=run.run_id, person=request.user)
    return mirror.at_hand(run)


def box_of(request: HttpRequest, root: Path, token: str) -> tuple[Path, dict[str, Any]]:
    """Return the folder that this person fills and its notes; 404 where they have none of this token."""
    return or_404(boxes.find(root, token, request.user.pk))
