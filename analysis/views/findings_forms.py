"""The forms of the findings' pages: what makes an exemplar, and which exemplars to show."""

from collections.abc import Sequence
from typing import Any

from django import forms

from analysis.models import Run
from analysis.selection import CRITERIA
from analysis.services.findings import DEFAULTS, SEED, Choices
from analysis.services.findings_gallery import Wanted


class AnalyseForm(forms.Form):
    """What makes an exemplar, and the run to compare with."""

    criterion = forms.ChoiceField(
        choices=[(c.name, c.label) for c in CRITERIA.values()],
        initial=DEFAULTS.criterion,
        label="Agreement by",
    )
    sparsity = forms.FloatField(
        min_value=0.01, max_value=0.99, initial=DEFAULTS.sparsity, label="At the share of removed weights"
    )
    fraction = forms.FloatField(
        min_value=0.001, max_value=0.5, initial=DEFAULTS.fraction, label="Share of images that are exemplars"
    )
    seed = forms.IntegerField(min_value=0, initial=SEED, label="Seed of the bootstrap and the permutations")
    beside = forms.ModelChoiceField(
        Run.objects.none(), required=False, label="Compare with", empty_label="no other run",
        help_text="A sweep of the same networks by another method, such as random.",
    )  # fmt: skip

    def __init__(self, *args: Any, beside: Sequence[Run], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        runs = Run.objects.filter(pk__in=[run.pk for run in beside])
        self.fields["beside"].queryset = runs  # type: ignore[attr-defined]

    def choices(self) -> Choices:
        """Return what was chosen."""
        given = self.cleaned_data
        return Choices(given["criterion"], given["sparsity"], given["fraction"], given["seed"])


class FilterForm(forms.Form):
    """Which exemplars to show."""

    positive = forms.ChoiceField(required=False, label="Labelled with")
    low = forms.FloatField(required=False, min_value=-1, max_value=1, label="Agreement from")
    high = forms.FloatField(required=False, min_value=-1, max_value=1, label="to")

    scored = forms.ChoiceField(required=False, label="Score for")
    of = forms.ChoiceField(
        required=False,
        choices=[("change", "change"), ("dense", "dense"), ("pruned", "pruned")],
        label="which",
    )
    least = forms.FloatField(required=False, min_value=-1, max_value=1, label="from")
    most = forms.FloatField(required=False, min_value=-1, max_value=1, label="to")

    def __init__(self, *args: Any, classes: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [("", "any class"), *((name, name) for name in classes)]
        for name in ("positive", "scored"):
            self.fields[name].choices = choices  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Refuse a range of scores of no class."""
        given = super().clean() or {}
        ranged = given.get("least") is not None or given.get("most") is not None
        if ranged and not given.get("scored"):
            self.add_error("scored", "Choose the class whose score is meant.")
        return given

    def wanted(self) -> Wanted:
        """Return what was asked for; everything where nothing was, or nothing that makes sense."""
        if not (self.is_bound and self.is_valid()):
            return Wanted()
        given = self.cleaned_data
        return Wanted(**{**given, "of": given["of"] or "change"})
