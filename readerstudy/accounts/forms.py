"""Forms of a person's own account."""

from typing import Any

from django import forms
from django.contrib.auth.forms import SetPasswordForm
from django.http import HttpRequest

from readerstudy.accounts.access import signed_in
from readerstudy.accounts.attempts import own_password_fits


class Profile(forms.Form):
    """Name, and how experienced a reader is."""

    name = forms.CharField(max_length=120, label="Your name")
    specialty = forms.CharField(max_length=120, required=False, help_text="For example: thoracic radiology.")
    years_reading = forms.IntegerField(
        min_value=0, max_value=80, required=False, label="Years of reading radiographs"
    )


class Confirm(forms.Form):
    """The password once more, before something that ends sessions."""

    password = forms.CharField(
        strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request

    def clean_password(self) -> str:
        """Refuse another password."""
        password: str = self.cleaned_data["password"]
        if not own_password_fits(self.request, password):
            raise forms.ValidationError("This is not your password.")
        return password


class Password(Confirm, SetPasswordForm):  # type: ignore[type-arg]  # not generic when it runs
    """The old password and the new one, twice."""

    field_order = ["password", "new_password1", "new_password2"]

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(signed_in(request), *args, request=request, **kwargs)
        self.fields["password"].label = "Old password"
        self.fields["new_password1"].help_text = "At least 12 characters."


def _code(longest: int, label: str) -> forms.CharField:
    typed = {"autocomplete": "one-time-code", "inputmode": "numeric", "spellcheck": "false"}
    return forms.CharField(max_length=longest, label=label, widget=forms.TextInput(attrs=typed))


class Code(forms.Form):
    """One code, of an authenticator app or for recovery; blanks and hyphens do not count."""

    code = _code(40, "Code from your app, or a recovery code")


class NewApp(Confirm):
    """The code that an app shows, and the password."""

    code = _code(10, "Code that the app shows now")
    field_order = ["code", "password"]


class Credential(forms.JSONField):
    """What the browser made of a passkey. Deep brackets and long numbers break Django's own field."""

    def to_python(self, value: Any) -> Any:
        """Read the JSON."""
        try:
            return super().to_python(value)
        except (ValueError, RecursionError) as error:  # a number of thousands of digits is one too
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid") from error

    def bound_data(self, data: Any, initial: Any) -> Any:
        """Show nothing of it again: a challenge is answered once."""
        return None


class NewPasskey(Confirm):
    """What the passkey is called, the password, and what the browser made."""

    name = forms.CharField(
        max_length=60, label="Name of this passkey", help_text="Such as: my phone, blue key."
    )
    credential = Credential(required=False, widget=forms.HiddenInput)
    field_order = ["name", "password", "credential"]

    def clean(self) -> None:
        """Refuse a form that was sent without the browser's part."""
        super().clean()
        if not isinstance(self.cleaned_data.get("credential"), dict):
            self.add_error(None, "The browser created no passkey. Try again.")


def filled(form: forms.Form, *, labelled: bool = False) -> dict[str, Any]:
    """Return what was filled in.

    Raises
    ------
    ValidationError: what is wrong with it; with `labelled`, in which field.
    """
    if form.is_valid():
        return form.cleaned_data
    label = {name: f"{field.label}: " if labelled else "" for name, field in form.fields.items()}
    raise forms.ValidationError(
        [label.get(name, "") + " ".join(map(str, form.errors[name])) for name in form.errors]
    )
