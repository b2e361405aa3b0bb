"""Forms of the protocol builder: one for each part of a protocol, and one for a question."""

from collections.abc import Sequence
from typing import Any

from django import forms

from readerstudy.study import protocol as words
from readerstudy.study.design.lifecycle import RESERVED
from readerstudy.study.models import Study
from readerstudy.study.protocol import Protocol
from readerstudy.study.protocol.presets import PRESETS, Preset

NAMES = {
    "fully crossed": "Fully crossed: every reader reads every case",
    "own cases": "Own cases: each reader reads other cases",
    "overlapping blocks": "Overlapping blocks: readers share a block, and all share anchor cases",
    "full": "Full range of grey values",
    "dicom": "The file's own window, percentiles where it has none",
    "percentile": "Percentiles of the grey values",
    "none": "No",
    "last": "To the last case only",
    "session": "To any case of the same session",
    "warn": "Yes, and warn when it does not pass",
    "block": "Yes, and do not let a reader begin when it does not pass",
    "holm": "Holm over the endpoints",
    "fixed sequence": "Fixed sequence: in the order of the endpoints, until one has no verdict",
    "u_centred": "Unmatched, readers and cases random (centred U-statistic, readers alike)",
    "by design": "As the cases are: matched sets where all are matched, else unmatched",
    "theta_set": "Matched sets, readers and sets random",
    "class_group": "Class group (head, medium, tail)",
    "n_findings": "Number of findings",
    "view": "View position",
    "sex": "Sex",
    "age": "Age",
}


def _choices(values: Sequence[str], **names: str) -> list[tuple[str, str]]:
    return [(value, names.get(value, NAMES[value])) for value in values]


def _several(values: Sequence[str], label: str, help_text: str = "") -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(
        choices=_choices(values), widget=forms.CheckboxSelectMultiple, required=False, label=label,
        help_text=help_text,
    )  # fmt: skip


def _text(label: str, help_text: str, rows: int) -> forms.CharField:
    widget = forms.Textarea(attrs={"rows": rows, "spellcheck": "true"})
    return forms.CharField(
        label=label, help_text=help_text, widget=widget, required=False, max_length=words.LONGEST_MARKDOWN
    )


LIMITS = {name: (low, high) for name, low, high in words.RANGES}


def _whole(name: str, label: str, help_text: str = "") -> forms.IntegerField:
    low, high = map(int, LIMITS[name])
    return forms.IntegerField(min_value=low, max_value=high, label=label, help_text=help_text)


def _hours(name: str, label: str, help_text: str = "") -> forms.FloatField:
    low, high = LIMITS[name]
    return forms.FloatField(min_value=low, max_value=high, label=label, help_text=help_text)


NOT_A_SLUG = (
    "You entered “%(value)s”. Expected letters a to z, digits, hyphens and underscores without a space, "
    "such as “chest-2026”."
)
"""Said of a short name, which is part of addresses."""


class PartForm(forms.Form):
    """One part of a protocol; `version` notices that somebody else has changed the draft meanwhile."""

    version = forms.CharField(widget=forms.HiddenInput, required=False)

    @classmethod
    def initial_of(cls, protocol: Protocol, title: str) -> dict[str, Any]:
        """Return what the form shows of a protocol."""
        values = {name: getattr(protocol, name, None) for name in cls.base_fields if name != "version"}
        if "title" in values:
            values["title"] = title
        return values

    def values(self) -> dict[str, Any]:
        """Return the fields of a protocol as typed, lists as tuples and texts with plain line ends."""
        found = {name: value for name, value in self.cleaned_data.items() if name not in {"version", "title"}}
        for name, value in found.items():
            if isinstance(value, list):
                found[name] = tuple(value)
            elif isinstance(value, str):
                found[name] = value.replace("\r\n", "\n").strip()
        return found


class Texts(PartForm):
    """What readers are told."""

    title = forms.CharField(max_length=200, label="Title", help_text="Readers see it.")
    instructions = _text(
        "Instructions for readers",
        "Markdown: headings, lists, emphasis, links. Readers can open them again at any time.", 14,
    )  # fmt: skip
    consent = _text(
        "Consent",
        "Readers agree to this before anything else. Leave it blank if consent is taken elsewhere.",
        8,
    )
    ending = _text("After the last case", "Thanks, and whom to ask.", 4)


class Design(PartForm):
    """Who reads what, and what comes a second time."""

    design = forms.ChoiceField(choices=_choices(words.DESIGNS), widget=forms.RadioSelect, label="Design")
    planned_readers = _whole(
        "planned_readers", "Planned readers", "Few readers limit power more than few cases do; see Planning."
    )
    reading_blocks = _whole("reading_blocks", "Blocks of readers", "With overlapping blocks only.")
    anchor_cases = _whole(
        "anchor_cases", "Anchor cases",
        "With overlapping blocks: about so many cases are read by all, so that agreement can be estimated.",
    )  # fmt: skip
    repeat_fraction = forms.FloatField(
        min_value=0, max_value=50, label="Hidden repeats, per cent of a reader's cases",
        help_text="They come unannounced and tell how steady a reader is.",
    )  # fmt: skip
    repeat_gap_cases = _whole("repeat_gap_cases", "Cases between first and second reading, at least")
    repeat_gap_hours = _hours(
        "repeat_gap_hours", "Hours between first and second reading, at least",
        "A repeat whose time has not come is read at the end.",
    )  # fmt: skip

    @classmethod
    def initial_of(cls, protocol: Protocol, title: str) -> dict[str, Any]:
        """Show the share of repeats in per cent."""
        values = super().initial_of(protocol, title)
        return {**values, "repeat_fraction": round(100 * protocol.repeat_fraction, 4)}

    def values(self) -> dict[str, Any]:
        """Return the share of repeats as a fraction."""
        found = super().values()
        return {**found, "repeat_fraction": round(found["repeat_fraction"] / 100, 6)}


class Room(PartForm):
    """How reading goes: what is shown, sessions, breaks, going back, the display."""

    shown = _several(words.SHOWN_FIELDS, "Shown beside the labels", "For all cases or for none.")
    window_rule = forms.ChoiceField(
        choices=_choices(words.WINDOW_RULES), label="First window",
        help_text="Fixed once cases are loaded.",
    )  # fmt: skip
    session_cases = _whole("session_cases", "Cases of a session, at most", "0: no limit.")
    session_hours = _hours("session_hours", "Hours from one session to the next, at least")
    break_minutes = _whole("break_minutes", "Offer a break after minutes", "0: never.")
    break_cases = _whole("break_cases", "Offer a break after cases", "0: never.")
    back = forms.ChoiceField(
        choices=_choices(words.BACK), label="May readers go back?", help_text="All earlier answers are kept."
    )
    display_check = forms.ChoiceField(
        choices=_choices(words.DISPLAY_CHECKS), label="Check the display first?"
    )


class Analysis(PartForm):
    """At which level endpoints are compared, and by which rules; fixed before anybody reads."""

    alpha = forms.FloatField(min_value=0.0001, max_value=0.5, label="Level alpha, two-sided")
    multiplicity = forms.ChoiceField(
        choices=_choices(words.MULTIPLICITY, none="None: each endpoint by itself"), label="Multiplicity"
    )
    primary_method = forms.ChoiceField(choices=_choices(words.PRIMARY_METHODS[:-1]), label="Primary method")
    subgroups = _several(words.SUBGROUPS, "Subgroups, described and not tested")
    shortest_s = forms.FloatField(
        min_value=0, max_value=86_400, label="Leave out times shorter than, seconds", help_text="0: none."
    )
    longest_s = forms.FloatField(
        min_value=0, max_value=86_400, label="Leave out times longer than, seconds", help_text="0: none."
    )
    estimand = _text(
        "Estimand",
        "What difference, between which images (as they are found, or beyond what they were matched for), for which "
        "readers. Needed before the lock; proposed when cases are loaded. It opens the report.",
        5,
    )
    exclusion = _text("Exclusion rules", "Which readings or readers are left out, and who decides.", 3)
    stopping = _text("Stopping rule", "When reading ends, and what happens if readers stop early.", 3)
    replacement = _text("Replacement rule", "What happens when a reader withdraws.", 2)


PARTS: dict[str, tuple[str, type[PartForm]]] = {
    "texts": ("Title and texts", Texts),
    "design": ("Design and repeats", Design),
    "room": ("Reading room", Room),
    "analysis": ("Rules of the analysis", Analysis),
}
"""Parts of the builder that are one form: address, name, form."""


class ProtocolFile(forms.Form):
    """A protocol as TOML."""

    file = forms.FileField(
        label="Protocol file (TOML)", error_messages={"required": "Choose a protocol file (TOML) first."}
    )


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
