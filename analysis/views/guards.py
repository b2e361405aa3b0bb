"""Who may open the researcher's pages, and what every page of a run does first."""

from collections.abc import Callable
from typing import TypeVar

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_http_methods

from analysis.models import Run
from analysis.services import mirror
from analysis.signals import run_opened

View = TypeVar("View", bound=Callable[..., HttpResponseBase])


def answers_scripts(view: View) -> View:
    """Mark a view that a page's script asks: to somebody signed out the site answers 401, not with the sign-in page."""
    setattr(view, "answers_scripts", True)  # noqa: B010  (a function has no such attribute of its own)
    return view


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
