"""The form that opens a key."""

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

MAX_KEY_BYTES = 5_000_000


class OpenKey(forms.Form):
    """The sealed file, and why it is opened now."""

    key = forms.FileField(label="Sealed file (key.csv)")
    reason = forms.CharField(max_length=500, label="Reason")

    def clean_key(self) -> "UploadedFile[Any]":
        """Refuse a file that is far larger than any key."""
        key: UploadedFile[Any] = self.cleaned_data["key"]
        if (key.size or 0) > MAX_KEY_BYTES:
            raise forms.ValidationError("This file is too large to be a key.")
        return key
