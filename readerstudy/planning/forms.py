"""The form of the planning page: the design, the difference looked for, the variances assumed."""

from typing import Any, ClassVar

from django import forms

from analysis.endpoints import PAPER, Endpoint
from analysis.stats.planning import DESIGNS, Plan
from readerstudy.endpoints import tested
from readerstudy.planning.power import Assumptions
from readerstudy.planning.words import EXPLAINED, alpha_in_words
from readerstudy.study.protocol import Protocol


def _number(name: str, label: str, low: float, high: float) -> forms.FloatField:
    return forms.FloatField(min_value=low, max_value=high, label=label, help_text=EXPLAINED[name])


def _count(name: str, label: str, low: int, high: int) -> forms.IntegerField:
    return forms.IntegerField(min_value=low, max_value=high, label=label, help_text=EXPLAINED[name])


class PlanForm(forms.Form):
    """A plan and its assumptions; every field has a value from the protocol or from published work."""

    GROUPS: ClassVar[dict[str, tuple[str, ...]]] = {
        "The plan": ("design", "readers", "cases", "blocks", "anchors"),
        "What it should find": ("endpoint", "effect", "alpha", "wanted"),
        "What is assumed": ("reader", "case", "rest", "reader_by_arm"),
        "Method": ("simulate",),
    }

    design = forms.ChoiceField(
        choices=[(name, name.capitalize()) for name in DESIGNS],
        label="Design",
        help_text=EXPLAINED["design"],
    )
    readers = _count("readers", "Readers", 2, 60)
    cases = _count("cases", "Cases of one reader", 4, 400)
    blocks = _count("blocks", "Blocks of readers", 2, 20)
    anchors = _count("anchors", "Anchor cases", 0, 400)
    endpoint = forms.ChoiceField(label="Endpoint", help_text=EXPLAINED["endpoint"])
    effect = _number("effect", "Difference to find", -3, 3)
    alpha = _number("alpha", "Level alpha", 0.0001, 0.5)
    wanted = _number("wanted", "Power wanted", 0.5, 0.99)
    reader = _number("reader", "Variance of readers", 0, 5)
    case = _number("case", "Variance of cases", 0, 5)
    rest = _number("rest", "Residual variance", 0.05, 5)
    reader_by_arm = _number("reader_by_arm", "Variance of readers' differences", 0, 5)
    simulate = forms.BooleanField(
        required=False, label="Simulate this plan too (some seconds)", help_text=EXPLAINED["simulate"]
    )

    def __init__(self, *args: Any, protocol: Protocol, **more: Any) -> None:
        """Offer the protocol's endpoints, and explain the level by them."""
        super().__init__(*args, **more)
        self.known = {each.name: each for each in offered(protocol)}
        choices = [(each.name, each.question) for each in self.known.values()]
        self.fields["endpoint"].choices = choices  # type: ignore[attr-defined]
        self.fields["alpha"].help_text = alpha_in_words(protocol)

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
        return Plan(
            **{name: self.cleaned_data[name] for name in ("design", "readers", "cases", "blocks", "anchors")}
        )

    def assumed(self) -> Assumptions:
        """Return the assumptions."""
        values = {name: self.cleaned_data[name] for name in Assumptions.__dataclass_fields__}
        return Assumptions(**{**values, "endpoint": self.known[values["endpoint"]]})


def offered(protocol: Protocol) -> tuple[Endpoint, ...]:
    """Return the endpoints that can be planned for: the protocol's, or the published ones where it has none yet."""
    return tested(protocol) or PAPER


def initial_of(protocol: Protocol, cases: int) -> dict[str, Any]:
    """Return what the form shows first: the protocol's plan, and the calibration's variances."""
    assumed = Assumptions()
    steps = max(1, len(protocol.endpoints)) if protocol.multiplicity == "holm" else 1
    return {
        **{name: getattr(assumed, name) for name in Assumptions.__dataclass_fields__},
        "design": protocol.design,
        "readers": max(2, protocol.planned_readers),
        "cases": min(400, max(4, cases)),
        "blocks": protocol.reading_blocks,
        "anchors": min(protocol.anchor_cases, cases),
        "endpoint": offered(protocol)[-1].name,
        "alpha": round(protocol.alpha / steps, 4),
        "simulate": False,
    }
