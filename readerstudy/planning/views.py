"""The planning page of a study: how many readers, how many cases; its form asks for the design, the difference looked
for and the variances assumed.
"""

from collections import Counter
from typing import Any, ClassVar

from django import forms
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from analysis.endpoints import PAPER, Endpoint
from analysis.stats import StatsError
from analysis.stats.planning import DESIGNS, Plan
from readerstudy.accounts.access import signed_in
from readerstudy.cases.models import Case
from readerstudy.endpoints import tested
from readerstudy.planning import words
from readerstudy.planning.power import Assumptions, Outlook, outlook, picture, with_simulation
from readerstudy.study.design.estimand import SETS, method_of
from readerstudy.study.models import Role, Study
from readerstudy.study.protocol import Protocol, digest
from readerstudy.study.visibility import study_for_role

KEPT_S = 3600
"""How long a simulation is kept for the same assumptions, in seconds."""


def _number(name: str, label: str, low: float, high: float) -> forms.FloatField:
    return forms.FloatField(min_value=low, max_value=high, label=label, help_text=words.EXPLAINED[name])


def _count(name: str, label: str, low: int, high: int) -> forms.IntegerField:
    return forms.IntegerField(min_value=low, max_value=high, label=label, help_text=words.EXPLAINED[name])


PLAN = ("design", "readers", "cases", "blocks", "anchors", "ratio", "correlation")


class PlanForm(forms.Form):
    """A plan and its assumptions; every field has a value from the protocol or from published work."""

    GROUPS: ClassVar[dict[str, tuple[str, ...]]] = {
        "The plan": PLAN,
        "What it should find": ("endpoint", "effect", "alpha", "wanted"),
        "What is assumed": ("reader", "case", "rest", "reader_by_arm"),
        "Method": ("simulate",),
    }

    design = forms.ChoiceField(
        choices=[(name, name.capitalize()) for name in DESIGNS],
        label="Design",
        help_text=words.EXPLAINED["design"],
    )
    readers = _count("readers", "Readers", 2, 60)
    cases = _count("cases", "Cases of one reader", 4, 400)
    blocks = _count("blocks", "Blocks of readers", 2, 20)
    anchors = _count("anchors", "Anchor cases", 0, 400)
    ratio = _count("ratio", "Comparison images in a matched set", 0, 10)
    correlation = _number("correlation", "Likeness within a set", 0, 1)
    endpoint = forms.ChoiceField(label="Endpoint", help_text=words.EXPLAINED["endpoint"])
    effect = _number("effect", "Difference to find", -3, 3)
    alpha = _number("alpha", "Level alpha", 0.0001, 0.5)
    wanted = _number("wanted", "Power wanted", 0.5, 0.99)
    reader = _number("reader", "Variance of readers", 0, 5)
    case = _number("case", "Variance of cases", 0, 5)
    rest = _number("rest", "Residual variance", 0.05, 5)
    reader_by_arm = _number("reader_by_arm", "Variance of readers' differences", 0, 5)
    simulate = forms.BooleanField(
        required=False, label="Simulate this plan too (some seconds)", help_text=words.EXPLAINED["simulate"]
    )

    def __init__(self, *args: Any, protocol: Protocol, **more: Any) -> None:
        """Offer the protocol's endpoints, and explain the level by them."""
        super().__init__(*args, **more)
        self.known = {each.name: each for each in offered(protocol)}
        choices = [(each.name, each.question) for each in self.known.values()]
        self.fields["endpoint"].choices = choices  # type: ignore[attr-defined]
        self.fields["alpha"].help_text = words.alpha_in_words(protocol)

    def groups(self) -> list[tuple[str, list[forms.BoundField]]]:
        """Return the groups with their fields."""
        return [(title, [self[name] for name in names]) for title, names in self.GROUPS.items()]

    def clean(self) -> dict[str, Any]:
        """Refuse more anchors than cases."""
        values = dict(super().clean() or {})
        if values.get("anchors", 0) > values.get("cases", 0):
            raise forms.ValidationError("Expected no more anchor cases than a reader has cases.")
        return values

    def plan(self) -> Plan:
        """Return the plan."""
        return Plan(**{name: self.cleaned_data[name] for name in PLAN})

    def assumed(self) -> Assumptions:
        """Return the assumptions."""
        values = {name: self.cleaned_data[name] for name in Assumptions.__dataclass_fields__}
        return Assumptions(**{**values, "endpoint": self.known[values["endpoint"]]})


def offered(protocol: Protocol) -> tuple[Endpoint, ...]:
    """Return the endpoints that can be planned for: the protocol's, or the published ones where it has none yet."""
    return tested(protocol) or PAPER


def initial_of(protocol: Protocol, cases: int, ratio: int = 0) -> dict[str, Any]:
    """Return what the form shows first: the protocol's plan, and the calibration's variances."""
    assumed = Assumptions()
    steps = max(1, len(protocol.endpoints)) if protocol.multiplicity == "holm" else 1
    endpoint = offered(protocol)[0 if protocol.multiplicity == "fixed sequence" else -1]
    return {
        **{name: getattr(assumed, name) for name in Assumptions.__dataclass_fields__},
        "effect": 0.0 if endpoint.margin else assumed.effect,
        "ratio": ratio,
        "correlation": Plan.correlation,
        "design": protocol.design,
        "readers": max(2, protocol.planned_readers),
        "cases": min(400, max(4, cases)),
        "blocks": protocol.reading_blocks,
        "anchors": min(protocol.anchor_cases, cases),
        "endpoint": endpoint.name,
        "alpha": round(protocol.alpha / steps, 4),
        "simulate": False,
    }


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
        "result": words.result_in_words(found, assumed) if found and assumed else "",
        "reading": words.effect_in_answers(assumed, found.theta, sets=found.plan.ratio > 0)
        if found and assumed
        else None,
        "spread": words.spread_in_words(assumed) if assumed else "",
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
    initial = initial_of(protocol, _cases_of_a_reader(study, protocol), _ratio_of(study, protocol))
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


def _ratio_of(study: Study, protocol: Protocol) -> int:
    """Return how many images for comparison the matched sets have, most of them; 0 where they are not compared so."""
    if method_of(study, protocol) != SETS:
        return 0
    groups = Counter(Case.objects.filter(study=study.key).values_list("separation_group", flat=True))
    return max(1, Counter(groups.values()).most_common(1)[0][0] - 1) if groups else 1


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
