"""Forms of the study admin's pages."""

from typing import Any, cast

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from readerstudy.accounts.models import User
from readerstudy.study.models import Study
from readerstudy.study.people.invitations import ROLES


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
