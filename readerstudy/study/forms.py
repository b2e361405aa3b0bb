"""Forms of the study admin's pages."""

from typing import Any, cast

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from readerstudy.accounts.models import User
from readerstudy.cases.terms import LONGEST
from readerstudy.study.invitations import ROLES
from readerstudy.study.models import Study
from readerstudy.study.presets import PRESETS, Preset
from readerstudy.study.services import RESERVED

NOT_A_SLUG = (
    "You entered “%(value)s”. Expected letters a to z, digits, hyphens and underscores without a space, "
    "such as “chest-2026”."
)
"""Said of a short name, which is part of addresses."""


class NewStudy(forms.Form):
    """Title and short name of a new study, and the questions that it begins with."""

    title = forms.CharField(max_length=200, label="Title")
    slug = forms.SlugField(
        max_length=60, label="Short name", help_text="Letters, digits, hyphens and underscores.",
        error_messages={"invalid": NOT_A_SLUG},
    )  # fmt: skip
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


class EnrolReader(forms.Form):
    """The address of the person to enrol."""

    email = forms.EmailField(label="Reader's e-mail address")

    def clean_email(self) -> User:
        """Find the person."""
        user = User.objects.filter(email=self.cleaned_data["email"].strip().lower(), is_active=True).first()
        if user is None:
            raise forms.ValidationError(
                "Nobody with this address has an account. Invite them on the page People: the link makes one."
            )
        return user


class Reason(forms.Form):
    """Why a step is taken; it is recorded in the audit trail."""

    reason = forms.CharField(max_length=500, label="Reason")


class TermsForm(forms.Form):
    """On which terms a case set may be looked at; once the study is locked, also why they change."""

    text = forms.CharField(
        label="Terms of use", max_length=LONGEST["text"], widget=forms.Textarea(attrs={"rows": 8}),
        help_text="Markdown. What readers may and may not do with the images, and who owns them.",
    )  # fmt: skip
    credential = forms.CharField(
        label="Who may see the images", max_length=LONGEST["credential"], required=False,
        help_text="What a person needs: a signed data use agreement, a training, a licence.",
    )  # fmt: skip
    ethics = forms.CharField(
        label="Ethics reference", max_length=LONGEST["ethics"], required=False,
        help_text="Committee and number of the approval or waiver.",
    )  # fmt: skip
    reason = forms.CharField(label="Why they change", max_length=500)

    def __init__(self, *args: Any, locked: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not locked:
            del self.fields["reason"]


class Invite(forms.Form):
    """Whom to invite as what; a reader can take the place of one who has withdrawn."""

    email = forms.EmailField(label="E-mail address")
    role = forms.ChoiceField(label="Role", choices=ROLES)
    replaces = forms.ChoiceField(
        label="Takes over the cases of",
        required=False,
        help_text="A reader who has withdrawn; in a fresh order.",
    )

    def __init__(self, *args: Any, study: Study, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        left = study.readers.filter(withdrawn_at__isnull=False).values_list("pseudonym", flat=True)
        taken = set(study.readers.exclude(replaces=None).values_list("replaces__pseudonym", flat=True))
        names = [name for name in left if name not in taken]
        if names:
            field = cast(forms.ChoiceField, self.fields["replaces"])
            field.choices = [("", "nobody"), *((name, name) for name in names)]
        else:
            del self.fields["replaces"]


class Register(forms.Form):
    """A new account for an invited address; readers say how experienced they are."""

    name = forms.CharField(max_length=120, label="Your name")
    password = forms.CharField(
        label="Password", help_text="At least 12 characters.", strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )  # fmt: skip
    again = forms.CharField(
        label="Password again",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    specialty = forms.CharField(max_length=120, required=False, help_text="For example: thoracic radiology.")
    years_reading = forms.IntegerField(
        min_value=0, max_value=80, required=False, label="Years of reading radiographs"
    )

    def __init__(self, *args: Any, reader: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not reader:
            del self.fields["specialty"], self.fields["years_reading"]

    def clean(self) -> dict[str, Any]:
        """Compare the two passwords and ask the site's rules for passwords."""
        values: dict[str, Any] = super().clean() or self.cleaned_data
        if "password" in values and "again" in values:
            if values["password"] != values.pop("again"):
                self.add_error("again", "The two passwords differ.")
            else:
                self._ask_the_rules(values)
        return values

    def _ask_the_rules(self, values: dict[str, Any]) -> None:
        try:
            validate_password(values["password"], User(name=values.get("name", "")))
        except ValidationError as error:
            self.add_error("password", error)
