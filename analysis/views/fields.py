"""Fields and groups of fields that the forms of the researcher's pages are made of."""

import re
from argparse import Action
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import reverse_lazy
from django.utils.text import capfirst

from analysis.endpoints import GROUPS
from analysis.errors import RefusedError
from analysis.selection.covariates import MATCHABLE

RANGE = re.compile(r"(\d{1,9})(?:\s*-\s*(\d{1,9}))?")
MOST_SEEDS = 1000


class Offer(forms.TextInput):
    """A text field that offers values to choose from and takes others too."""

    def __init__(self, offers: Iterable[str] = (), attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs)
        self.offers = list(offers)

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Name the list that the page draws beside the field."""
        context = super().get_context(name, value, attrs)
        context["widget"]["attrs"]["list"] = f"offers-{name}"
        return context


def in_tree(kind: str) -> forms.TextInput:
    """Return a text field beside which a page's script shows the tree of the data folders (static/js/places.mjs)."""
    return forms.TextInput(attrs={"data-place": kind, "data-places": reverse_lazy("analysis:places")})


class Parts(forms.Form):
    """A form in named groups of fields, each drawn as a fieldset."""

    GROUPS: Mapping[str, Sequence[str]] = {}

    def groups(self) -> list[tuple[str, list[forms.BoundField]]]:
        """Return the groups with their fields."""
        return [(title, [self[name] for name in names]) for title, names in self.GROUPS.items()]

    def refuse(self, error: Exception, field: str = "") -> None:
        """Show an error of a service at the field it belongs to."""
        self.add_error(field if field in self.fields else None, str(error))

    def carried_out(self, request: HttpRequest, make: Callable[[], HttpResponse]) -> HttpResponse | None:
        """Do what was asked for; None where the form is not filled in, or was refused, and is to be shown."""
        if request.method != "POST" or not self.is_valid():
            return None
        try:
            return make()
        except RefusedError as error:
            self.refuse(error, getattr(error, "field", ""))
            return None

    def given(self, spec: type) -> dict[str, Any]:
        """Return those fields of a part of a specification that were filled in."""
        found = {field: self.cleaned_data.get(field) for field in spec.__dataclass_fields__}  # type: ignore[attr-defined]
        return {name: value for name, value in found.items() if value not in (None, "", [])}


class NumbersField(forms.CharField):
    """Numbers, separated by commas."""

    def clean(self, value: Any) -> list[float]:
        """Return the numbers; raise ValidationError for something else."""
        text = super().clean(value) or ""
        try:
            return [float(part) for part in re.split(r"[,\s]+", text) if part]
        except ValueError:
            raise forms.ValidationError(f"expected numbers separated by commas, got '{text[:40]}'") from None


class SeedsField(forms.CharField):
    """Numbers and ranges of numbers: 0-29, or 0, 3, 7."""

    def clean(self, value: Any) -> list[int]:
        """Return the numbers, rising.

        Raises
        ------
        ValidationError: something that is neither a number nor a range, or more seeds than anybody trains.
        """
        text = super().clean(value)
        found: set[int] = set()
        for part in re.split(r"[,\s]+(?![\s-])", re.sub(r"\s*-\s*", "-", text or "").strip()):
            if not part:
                continue
            numbers = RANGE.fullmatch(part)
            low, high = (int(numbers[1]), int(numbers[2] or numbers[1])) if numbers else (1, 0)
            if not low <= high <= low + MOST_SEEDS:
                raise forms.ValidationError(
                    f"expected numbers and ranges like 0-29 or 0, 3, 7; got '{part[:20]}'"
                )
            found |= set(range(low, high + 1))
        return sorted(found)


class GroupsField(forms.CharField):
    """What one case and several of the first group are called, then of the second."""

    def __init__(self, **told: Any) -> None:
        super().__init__(**{"initial": "; ".join(astuple(GROUPS)), **told})

    def clean(self, value: Any) -> list[str]:
        """Return the four names."""
        found = [one.strip() for one in super().clean(value).split(";")]
        if len(found) != 4 or not all(found):
            raise forms.ValidationError(f"expected four names like '{self.initial}'")
        return found


ARCHITECTURES = (
    "resnet50", "resnet18", "resnet34", "resnet101", "densenet121", "efficientnet_b0", "convnext_tiny",
    "mobilenet_v3_large", "shufflenet_v2_x0_5", "vit_b_16",
)  # fmt: skip
"""What a form offers; any name that torchvision (or timm, when installed) knows may be typed."""
KINDS: Mapping[str, tuple[Callable[..., forms.Field], Mapping[str, Any]]] = {
    "slug": (forms.SlugField, {"max_length": 60}),
    "folder": (forms.CharField, {"max_length": 500, "required": False, "widget": in_tree("folder")}),
    "file": (forms.CharField, {"max_length": 500, "required": False, "widget": in_tree("file")}),
    "text": (forms.CharField, {"max_length": 100, "required": False}),
    "lines": (forms.CharField, {"widget": forms.Textarea(attrs={"rows": 3}), "required": False}),
    "pattern": (forms.RegexField, {}),
    "architecture": (forms.RegexField, {"widget": Offer(ARCHITECTURES)}),
    "flag": (forms.BooleanField, {"required": False}),
    "whole": (forms.IntegerField, {}),
    "number": (forms.FloatField, {}),
    "numbers": (NumbersField, {}),
    "seeds": (SeedsField, {}),
    "groups": (GroupsField, {}),
    "choice": (forms.ChoiceField, {}),
    "record": (forms.ModelChoiceField, {}),
    "records": (forms.ModelMultipleChoiceField, {}),
}
"""The kinds of fields of forms.toml: what makes one, and with what."""


class Several(forms.FileInput):
    """Several files at once."""

    allow_multiple_selected = True


class FilesField(forms.FileField):
    """At least one file."""

    widget = Several

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        """Return the files; raise ValidationError for none."""
        return [super(FilesField, self).clean(one, initial) for one in data or [None]]


def field_of(action: Action) -> forms.Field:
    """Return the field that asks on a page for what an option of a command takes."""
    told = {
        "label": action.dest.replace("_", " ").capitalize(), "required": action.required, "initial": action.default,
        "help_text": capfirst((action.help or "").partition(" (default")[0]),
    }  # fmt: skip
    if action.const is True:
        return forms.BooleanField(**told)
    if action.nargs == "*" and action.type is None:
        among = [(one, one) for one in action.choices or MATCHABLE]
        return forms.MultipleChoiceField(choices=among, widget=forms.CheckboxSelectMultiple, **told)
    if action.choices:
        return forms.ChoiceField(choices=[(one, one) for one in action.choices], **told)
    if action.type is Path:
        return FilesField(**told) if action.nargs else forms.FileField(**{**told, "initial": None})
    if action.type in (int, float):
        kind = forms.IntegerField if action.type is int else forms.FloatField
        return kind(**{**told, "required": action.default is not None})
    return forms.CharField(max_length=500, **told)
