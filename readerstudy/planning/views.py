"""The planning page of a study: how many readers, how many cases; its form asks for the design, the difference looked
for and the variances assumed.
"""

from collections import Counter
from typing import Any, ClassVar

from django import forms
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from analysis.endpoints import PAPER, Endpoint
from analysis.figures.theme import render as rendered
from analysis.stats import StatsError
from analysis.stats.plan import MULTIPLICITY
from analysis.stats.planning import DESIGNS, Plan
from readerstudy.accounts.access import or_404, signed_in
from readerstudy.accounts.models import User
from readerstudy.cases.models import Case
from readerstudy.endpoints import tested
from readerstudy.planning import power
from readerstudy.planning.power import OPTIONS, Assumptions, Outlook, outlook, pictures, with_simulation
from readerstudy.study.design.estimand import SETS, method_of
from readerstudy.study.models import Role, Study
from readerstudy.study.protocol import Protocol, digest
from readerstudy.study.visibility import has_role, member_page, studies_of

KEPT_S = 3600
"""How long a simulation is kept for the same assumptions, in seconds."""


PLAN = ("design", "readers", "cases", "blocks", "anchors", "ratio", "correlation")


def _field(name: str) -> forms.Field:
    """Return the field of a number, as the options have it."""
    each = OPTIONS[name]
    kind = forms.IntegerField if isinstance(each["low"], int) else forms.FloatField
    return kind(min_value=each["low"], max_value=each["high"])


class PlanForm(forms.Form):
    """A plan and its assumptions; every field has a value from the protocol or from published work."""

    GROUPS: ClassVar[dict[str, tuple[str, ...]]] = {
        "The plan": PLAN,
        "What it should find": ("endpoint", "effect", "alpha", "multiplicity", "wanted"),
        "What is assumed": ("reader", "case", "rest", "reader_by_arm"),
        "Method": ("simulate",),
    }

    def __init__(self, *args: Any, protocol: Protocol, **more: Any) -> None:
        """Offer the protocol's endpoints."""
        super().__init__(*args, **more)
        self.known = {each.name: each for each in offered(protocol)}
        special = {
            "design": forms.ChoiceField(choices=[(name, name.capitalize()) for name in DESIGNS]),
            "endpoint": forms.ChoiceField(choices=[(e.name, e.question) for e in self.known.values()]),
            "multiplicity": forms.ChoiceField(choices=[(name, name.capitalize()) for name in MULTIPLICITY]),
            "simulate": forms.BooleanField(required=False),
        }
        for name in (name for names in self.GROUPS.values() for name in names):
            self.fields[name] = field = special.get(name) or _field(name)
            field.label, field.help_text = OPTIONS[name]["label"], OPTIONS[name]["help"]

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
        values = {n: self.cleaned_data[n] for n in Assumptions.__dataclass_fields__ if n != "tested"}
        values |= {"endpoint": self.known[values["endpoint"]], "tested": tuple(self.known.values())}
        return Assumptions(**values)


def offered(protocol: Protocol) -> tuple[Endpoint, ...]:
    """Return the endpoints that can be planned for: the protocol's, or the published ones where it has none yet."""
    return tested(protocol) or PAPER


def initial_of(protocol: Protocol, cases: int, ratio: int = 0) -> dict[str, Any]:
    """Return what the form shows first: the protocol's plan, and the calibration's variances."""
    endpoint = offered(protocol)[0 if protocol.multiplicity == "fixed sequence" else -1]
    usual = {name: each["usual"] for name, each in OPTIONS.items() if "usual" in each}
    return {
        **usual,
        "effect": 0.0 if endpoint.margin else usual["effect"],
        "ratio": ratio,
        "design": protocol.design,
        "readers": max(2, protocol.planned_readers),
        "cases": min(400, max(6, cases)),
        "blocks": protocol.reading_blocks,
        "anchors": min(protocol.anchor_cases, cases),
        "endpoint": endpoint.name,
        "alpha": protocol.alpha,
        "multiplicity": protocol.multiplicity,
        "simulate": False,
    }


@member_page("GET")
def plan(request: HttpRequest, study: Study) -> HttpResponse:
    """Show power against readers and cases, with the assumptions behind it."""
    form, found, error = _answered(request, study)
    context = {
        "study": study,
        "form": form,
        "found": found,
        "error": error,
        "pilots": _pilots(signed_in(request)),
        "pilot": request.GET.get("pilot", ""),
        "query": request.GET.urlencode() if request.GET else "",
    }
    if found:
        assumed = form.assumed()
        meaning, shares = power.effect_in_answers(assumed, found.theta, sets=found.plan.ratio > 0)
        context |= {
            "wanted": assumed.wanted,
            "result": power.result_in_words(found, assumed),
            "several": power.several_in_words(assumed),
            "smallest": power.smallest_in_words(found, assumed.wanted),
            "meaning": meaning,
            "shares": shares,
            "spread": power.spread_in_words(assumed),
        }
    return render(request, "planning/plan.html", context)


@member_page("GET")
def figure(request: HttpRequest, study: Study, name: str) -> HttpResponse:
    """Draw the curves, or what changed assumptions do, from the same values."""
    form, found, _ = _answered(request, study)
    drawn = pictures(found, form.cleaned_data["wanted"]) if found else {}
    return HttpResponse(rendered(or_404(drawn.get(name))), content_type="image/svg+xml")


def _pilots(person: User) -> list[Study]:
    """Return the studies whose variances a person may plan with: those whose results are open to them."""
    return [each for each in studies_of(person) if each.unblinded_at and has_role(person, each, *Role)]


def _answered(request: HttpRequest, study: Study) -> tuple[PlanForm, Outlook | None, str]:
    protocol = Protocol.from_json(study.protocol)
    initial = initial_of(protocol, _cases_of_a_reader(study, protocol), _ratio_of(study, protocol))
    form = PlanForm({**initial, **request.GET.dict()}, protocol=protocol)
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
