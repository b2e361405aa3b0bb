"""Forms of the study admin's pages."""

from django import forms

from readerstudy.accounts.models import User
from readerstudy.study.models import Study
from readerstudy.study.services import RESERVED


class NewStudy(forms.Form):
    """Title and short name of a new study; the published questions are its protocol."""

    title = forms.CharField(max_length=200, label="Title")
    slug = forms.SlugField(
        max_length=60, label="Short name", help_text="Letters, digits, hyphens and underscores."
    )
    instructions = forms.CharField(widget=forms.Textarea, required=False, label="Instructions for readers")

    def clean_slug(self) -> str:
        """Refuse a short name that is taken."""
        slug: str = self.cleaned_data["slug"]
        if slug in RESERVED:
            raise forms.ValidationError(f"'{slug}' is a page of the site; choose another name.")
        if Study.objects.filter(slug=slug).exists():
            raise forms.ValidationError(f"'{slug}' is another study's; choose one that is free.")
        return slug


class EnrolReader(forms.Form):
    """The address of the person to enrol."""

    email = forms.EmailField(label="Reader's e-mail address")

    def clean_email(self) -> User:
        """Find the person."""
        user = User.objects.filter(email=self.cleaned_data["email"].strip().lower(), is_active=True).first()
        if user is None:
            raise forms.ValidationError("Nobody with this address has an account; add the person first.")
        return user


class Reason(forms.Form):
    """Why a step is taken; it stands in the audit trail."""

    reason = forms.CharField(max_length=500, label="Reason")
