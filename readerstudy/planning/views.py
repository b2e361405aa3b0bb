"""The planning page of a study: how many readers, how many cases."""

from typing import Any

from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from analysis.stats import StatsError
from readerstudy.accounts.signed_in import signed_in
from readerstudy.cases.models import Case
from readerstudy.planning.forms import PlanForm, initial_of
from readerstudy.planning.power import Outlook, outlook, picture, with_simulation
from readerstudy.study.models import Role, Study
from readerstudy.study.protocol import Protocol, digest
from readerstudy.study.visibility import study_for_role

KEPT_S = 3600
"""How long a simulation is kept for the same assumptions, in seconds."""


@never_cache
@require_GET
def plan(request: HttpRequest, slug: str) -> HttpResponse:
    """Show power against readers and cases, with the assumptions behind it."""
    study = _study(request, slug)
    form, found, error = _answered(request, study)
    context = {
        "study": study,
        "form": form,
        "found": found,
        "error": error,
        "wanted": form.cleaned_data["wanted"] if found else None,
        "query": request.GET.urlencode() if request.GET else "",
    }
    return render(request, "planning/plan.html", context)


@never_cache
@require_GET
def figure(request: HttpRequest, slug: str) -> HttpResponse:
    """Draw the curves of the same assumptions."""
    form, found, _ = _answered(request, _study(request, slug))
    if found is None:
        return HttpResponse(status=400)
    return HttpResponse(picture(found, form.cleaned_data["wanted"]), content_type="image/svg+xml")


def _study(request: HttpRequest, slug: str) -> Study:
    return study_for_role(signed_in(request), slug, Role.STUDY_ADMIN, Role.RESEARCHER, Role.STATISTICIAN)


def _answered(request: HttpRequest, study: Study) -> tuple[PlanForm, Outlook | None, str]:
    protocol = Protocol.from_json(study.protocol)
    initial = initial_of(protocol, _cases_of_a_reader(study, protocol))
    form = PlanForm(request.GET or initial)
    if not form.is_valid():
        return form, None, ""
    try:
        return form, _computed(form), ""
    except StatsError as error:
        return form, None, str(error)


def _computed(form: PlanForm) -> Outlook:
    """Compute once for the same values; the page and its picture ask one after the other."""
    values: dict[str, Any] = {name: form.cleaned_data[name] for name in form.fields}
    key = f"plan:{digest(values)}"
    found: Outlook | None = cache.get(key)
    if found is None:
        found = outlook(form.plan(), form.assumed())
        if values["simulate"]:
            found = with_simulation(found, form.assumed())
        cache.set(key, found, KEPT_S)
    return found


def _cases_of_a_reader(study: Study, protocol: Protocol) -> int:
    loaded = Case.objects.filter(study=study.key).count()
    if not loaded:
        return 40
    if protocol.design == "own cases":
        return loaded // protocol.planned_readers
    if protocol.design == "overlapping blocks":
        blocks = min(protocol.reading_blocks, protocol.planned_readers)
        return protocol.anchor_cases + (loaded - protocol.anchor_cases) // blocks
    return loaded
