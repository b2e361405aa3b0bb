"""Forms of the protocol builder: one for each part of a protocol, made of what the protocol allows; and of studies.

A field's kind and limits follow from the protocol (`CHOICES`, `SEVERAL`, `RANGES`); its words are in builder.toml.
"""

import tomllib
from pathlib import Path
from typing import Any

from django import forms

from readerstudy.study import protocol as words
from readerstudy.study.design.drafts import version_of
from readerstudy.study.design.lifecycle import RESERVED
from readerstudy.study.models import Study
from readerstudy.study.protocol import Protocol
from readerstudy.study.protocol.presets import PRESETS, Preset

WRITTEN: dict[str, Any] = tomllib.loads(Path(__file__).with_name("builder.toml").read_text("utf-8"))
"""The words of the builder's forms, this one's and those of a question."""
NAMES: dict[str, str] = WRITTEN["names"]
"""What pages call a value; of a field that says it otherwise, under the field's name and the value."""

Words = dict[str, tuple[str, str]]
PARTS: dict[str, tuple[str, Words]] = {
    key: (part["name"], part["fields"]) for key, part in WRITTEN["parts"].items()
}
"""Parts of the builder that are one form: address, name, and of each field the label and a help."""
ROWS = {"instructions": 14, "consent": 8, "estimand": 5}
LIMITS = {name: (low, high) for name, low, high in words.RANGES}
PERCENT = "repeat_fraction"
"""Typed in per cent, kept as a fraction."""

NOT_A_SLUG = (
    "You entered “%(value)s”. Expected letters a to z, digits, hyphens and underscores without a space, "
    "such as “chest-2026”."
)
"""Said of a short name, which is part of addresses."""


def _field(name: str, label: str, help_text: str) -> forms.Field:
    told: dict[str, Any] = {"label": label, "help_text": help_text}
    values = words.CHOICES.get(name) or words.SEVERAL.get(name, ())
    choices = [
        (each, NAMES.get(f"{name} {each}", NAMES.get(each))) for each in values if each not in ("pairs", "")
    ]
    if name in words.SEVERAL:
        widget = forms.CheckboxSelectMultiple
        return forms.MultipleChoiceField(choices=choices, widget=widget, required=False, **told)
    if values:
        return forms.ChoiceField(
            choices=choices, widget=forms.RadioSelect if name == "design" else forms.Select, **told
        )
    if name in LIMITS:
        low, high = (limit * (100 if name == PERCENT else 1) for limit in LIMITS[name])
        kind: Any = forms.IntegerField if name in words.WHOLE else forms.FloatField
        found: forms.Field = kind(min_value=low, max_value=high, **told)
        return found
    if name == "title":
        return forms.CharField(max_length=200, **told)
    area = forms.Textarea(attrs={"rows": ROWS.get(name, 3), "spellcheck": "true"})
    return forms.CharField(widget=area, required=False, max_length=words.LONGEST_MARKDOWN, **told)


class PartForm(forms.Form):
    """One part of a protocol; `version` notices that somebody else has changed the draft meanwhile.

    `several`: the cases have several images, so that there is a layout to choose.
    """

    version = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, data: Any, *, part: str, study: Study, several: bool) -> None:
        """Show what a study's protocol says in one of `PARTS`."""
        protocol = Protocol.from_json(study.protocol)
        self.unsaid = {"layout": ""} if "layout" in PARTS[part][1] and not several else {}
        named = {name: told for name, told in PARTS[part][1].items() if name not in self.unsaid}
        initial = {name: getattr(protocol, name, study.title) for name in named}
        initial["version"] = version_of(study)
        if PERCENT in named:
            initial[PERCENT] = round(100 * protocol.repeat_fraction, 4)
        super().__init__(data, initial=initial)
        self.fields.update({name: _field(name, *told) for name, told in named.items()})

    def values(self) -> dict[str, Any]:
        """Return the fields of a protocol as typed, lists as tuples and texts with plain line ends."""
        found = {name: value for name, value in self.cleaned_data.items() if name not in {"version", "title"}}
        found |= self.unsaid
        for name, value in found.items():
            if isinstance(value, list):
                found[name] = tuple(value)
            elif isinstance(value, str):
                found[name] = value.replace("\r\n", "\n").strip()
        if PERCENT in found:
            found[PERCENT] = round(found[PERCENT] / 100, 6)
        return found


class CopyStudy(forms.Form):
    """Title and short name of the copy."""

    title = forms.CharField(max_length=200, label="Title of the copy")
    slug = forms.SlugField(
        max_length=60, label="Short name", help_text="Letters, digits, hyphens and underscores.",
        error_messages={"invalid": NOT_A_SLUG},
    )  # fmt: skip


class NewStudy(CopyStudy):
    """Title and short name of a new study, and the questions that it begins with."""

    title = forms.CharField(max_length=200, label="Title")
    preset = forms.ChoiceField(
        choices=[(key, preset.name) for key, preset in PRESETS.items()], initial=next(iter(PRESETS)),
        widget=forms.RadioSelect, label="Questions to begin with", required=False,
        help_text="All of them can be changed until the study is locked.",
    )  # fmt: skip
    instructions = forms.CharField(widget=forms.Textarea, required=False, label="Instructions for readers")

    def clean_preset(self) -> Preset:
        """Return the preset; the published questions where none is chosen."""
        return PRESETS[self.cleaned_data["preset"] or next(iter(PRESETS))]

    def clean_slug(self) -> str:
        """Refuse a short name that is taken."""
        slug: str = self.cleaned_data["slug"]
        if slug in RESERVED:
            raise forms.ValidationError(f"'{slug}' is a page of the site; choose another name.")
        if Study.objects.filter(slug=slug).exists():
            raise forms.ValidationError(f"'{slug}' belongs to another study; choose a different one.")
        return slug
