"""The form that opens a key."""

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

from readerstudy.accounts.forms import Confirm

MAX_KEY_BYTES = 5_000_000


class AskToOpen(Confirm):
    """Why the key is to be opened now; and the password again."""

    reason = forms.CharField(max_length=500, label="Reason")
    field_order = ("reason", "password")


class OpenKey(Confirm):
    """The sealed file; and the password again."""

    key = forms.FileField(label="Sealed file (key.csv)")
    field_order = ("key", "password")

    def clean_key(self) -> "UploadedFile[Any]":
        """Refuse a file that is far larger than any key."""
        key: UploadedFile[Any] = self.cleaned_data["key"]
        if (key.size or 0) > MAX_KEY_BYTES:
            raise forms.ValidationError("This file is too large to be a key file.")
        return key
