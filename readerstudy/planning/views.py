"""The planning page of a study: how many readers, how many cases."""

from typing import Any

from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from analysis.stats import StatsError
from readerstudy.accounts.access import signed_in
from readerstudy.cases.models import Case
from readerstudy.planning.forms import PlanForm, initial_of
from readerstudy.planning.power import Outlook, outlook, picture, with_simulation
from readerstudy.planning.words import effect_in_answers, result_in_words, spread_in_words
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
    assumed = form.assumed() if found else None
    context = {
        "study": study,
        "form": form,
        "found": found,
        "error": error,
        "wanted": assumed.wanted if assumed else None,
        "result": result_in_words(found, assumed) if found and assumed else "",
        "reading": effect_in_answers(assumed, found.theta) if found and assumed else None,
        "spread": spread_in_words(assumed) if assumed else "",
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
    form = PlanForm(request.GET or initial, protocol=protocol)
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
