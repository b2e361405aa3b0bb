"""The form of the planning page: the design, the difference looked for, the variances assumed."""

from typing import Any

from django import forms

from analysis.stats.planning import DESIGNS, Plan
from readerstudy.planning.power import Assumptions
from readerstudy.study.protocol import PUBLISHED_QUESTIONS, Protocol

BLOCKS_ONLY = "Overlapping blocks only."


def _number(label: str, low: float, high: float, help_text: str = "") -> forms.FloatField:
    return forms.FloatField(min_value=low, max_value=high, label=label, help_text=help_text)


class PlanForm(forms.Form):
    """A plan and its assumptions; every field has a value from the protocol or from published work."""

    design = forms.ChoiceField(choices=[(name, name.capitalize()) for name in DESIGNS], label="Design")
    readers = forms.IntegerField(min_value=2, max_value=60, label="Readers")
    cases = forms.IntegerField(
        min_value=4, max_value=400, label="Cases of one reader", help_text="Half of each kind."
    )
    blocks = forms.IntegerField(min_value=2, max_value=20, label="Blocks of readers", help_text=BLOCKS_ONLY)
    anchors = forms.IntegerField(min_value=0, max_value=400, label="Anchor cases", help_text=BLOCKS_ONLY)
    endpoint = forms.ChoiceField(
        choices=[(question.key, question.text) for question in PUBLISHED_QUESTIONS], label="Endpoint"
    )
    effect = _number(
        "Difference to find", -3, 3, "On the latent scale, where cases and readers together vary by about 1."
    )
    alpha = _number("Level alpha", 0.0001, 0.5, "Two-sided; with Holm the level of the first step.")
    wanted = _number("Power wanted", 0.5, 0.99)
    reader = _number("Variance of readers", 0, 5, "How differently readers use the scale.")
    case = _number("Variance of cases", 0, 5, "How different cases of a kind are, for all readers alike.")
    rest = _number("Rest variance", 0.05, 5, "What is new in each single reading.")
    reader_by_arm = _number("Variance of readers' differences", 0, 5, "How much readers differ in it.")
    simulate = forms.BooleanField(required=False, label="Simulate this plan too (some seconds)")

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
        return Assumptions(**{name: self.cleaned_data[name] for name in Assumptions.__dataclass_fields__})


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
        "endpoint": protocol.endpoints[-1] if protocol.endpoints else assumed.endpoint,
        "alpha": round(protocol.alpha / steps, 4),
        "simulate": False,
    }
