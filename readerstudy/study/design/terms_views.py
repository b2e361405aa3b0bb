"""The page of a study's terms of use, for its admin: what was agreed, confirming it, changing it."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from readerstudy.accounts.signed_in import signed_in
from readerstudy.cases.models import Terms
from readerstudy.cases.terms import LONGEST, TermsError, Wording
from readerstudy.study.design import terms as study_terms
from readerstudy.study.markdown import render as render_markdown
from readerstudy.study.models import Study
from readerstudy.study.phases import Phase, PhaseError
from readerstudy.study.protocol import ProtocolError
from readerstudy.study.visibility import study_of_admin


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


@never_cache
@require_GET
def terms(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the terms of each case set; what waits for this admin can be confirmed here."""
    study = study_of_admin(request, slug)
    waiting = study_terms.waiting(study, signed_in(request))
    changeable = study.phase in study_terms.OPEN
    sets = [
        {
            "set": each,
            "html": render_markdown(each.terms.text) if each.terms else "",
            "waits": each.terms in waiting,
            "form": _form(study, each.which, each.terms) if changeable else None,
        }
        for each in study_terms.sets_of(study)
    ]
    context = {
        "study": study,
        "sets": sets,
        "digests": [each.sha256 for each in waiting],
        "draft": study.phase == Phase.DRAFT,
    }
    return render(request, "study/terms.html", context)


@require_POST
def confirm_terms(request: HttpRequest, slug: str) -> HttpResponse:
    """Note that the admin confirms what waits for them, and go on to the preview of a draft."""
    study = study_of_admin(request, slug)
    try:
        study_terms.confirm(study=study, person=signed_in(request), digests=request.POST.getlist("sha256"))
    except ProtocolError as error:
        messages.error(request, str(error))
        return redirect("study:terms", slug=slug)
    messages.success(request, "Your confirmation is recorded.")
    return redirect("study:preview" if study.phase == Phase.DRAFT else "study:terms", slug=slug)


@require_POST
def change_terms(request: HttpRequest, slug: str, which: str) -> HttpResponse:
    """Record other terms; everybody is asked again."""
    study = study_of_admin(request, slug)
    form = TermsForm(request.POST, locked=study.phase != Phase.DRAFT)
    if not form.is_valid():
        for name, errors in form.errors.items():
            messages.error(request, f"{form.fields[name].label}: {' '.join(str(error) for error in errors)}")
        return redirect("study:terms", slug=slug)
    values = form.cleaned_data
    try:
        study_terms.change(
            study=study, which=which, actor=signed_in(request), reason=values.get("reason", ""),
            wording=Wording(values["text"].strip(), values["credential"].strip(), values["ethics"].strip()),
        )  # fmt: skip
        messages.success(request, "The terms are recorded; everybody confirms them before their next image.")
    except (TermsError, PhaseError) as error:
        messages.error(request, str(error))
    return redirect("study:terms", slug=slug)


def _form(study: Study, which: str, now: Terms | None) -> TermsForm:
    initial = {} if now is None else {"text": now.text, "credential": now.credential, "ethics": now.ethics}
    return TermsForm(initial=initial, locked=study.phase != Phase.DRAFT, auto_id=f"{which}_%s")
