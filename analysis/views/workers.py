"""The researcher's page of workers: who works on what, until when it is theirs, and how fast."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from analysis.services.fleet import fleet
from analysis.views.guards import may_view


@require_GET
@may_view
def workers(request: HttpRequest) -> HttpResponse:
    """Show every worker that holds or lately held a unit."""
    return render(request, "analysis/workers.html", {"fleet": fleet()})
