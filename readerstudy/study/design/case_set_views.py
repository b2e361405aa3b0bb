"""Pages of a study's case sets, for its admin: the terms of use, and the check of each image for names before the lock.

Images come one at a time and in random order.
"""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from readerstudy.accounts.access import signed_in
from readerstudy.accounts.forms import filled
from readerstudy.cases.models import Frame, Terms
from readerstudy.cases.selectors import frame_json
from readerstudy.cases.terms import LONGEST, Wording
from readerstudy.study.design import signoff
from readerstudy.study.design import terms as study_terms
from readerstudy.study.markdown import render as render_markdown
from readerstudy.study.models import Study
from readerstudy.study.phases import BEFORE_CLOSE, Phase
from readerstudy.study.visibility import admin_page, admin_step


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


@admin_page("GET")
def terms(request: HttpRequest, study: Study) -> HttpResponse:
    """Show the terms of each case set; what waits for this admin can be confirmed here."""
    waiting = study_terms.waiting(study, signed_in(request))
    changeable = study.phase in BEFORE_CLOSE
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


@admin_step("study:terms")
def confirm_terms(request: HttpRequest, study: Study) -> HttpResponse:
    """Note that the admin confirms what waits for them, and go on to the preview of a draft."""
    study_terms.confirm(study=study, person=signed_in(request), digests=request.POST.getlist("sha256"))
    messages.success(request, "Your confirmation is recorded.")
    return redirect("study:preview" if study.phase == Phase.DRAFT else "study:terms", slug=study.slug)


@admin_step("study:terms")
def change_terms(request: HttpRequest, study: Study, which: str) -> str:
    """Record other terms; everybody is asked again."""
    values = filled(TermsForm(request.POST, locked=study.phase != Phase.DRAFT), labelled=True)
    study_terms.change(
        study=study, which=which, actor=signed_in(request), reason=values.get("reason", ""),
        wording=Wording(values["text"].strip(), values["credential"].strip(), values["ethics"].strip()),
    )  # fmt: skip
    return "The terms are recorded; everybody confirms them before their next image."


def _form(study: Study, which: str, now: Terms | None) -> TermsForm:
    initial = {} if now is None else {"text": now.text, "credential": now.credential, "ethics": now.ethics}
    return TermsForm(initial=initial, locked=study.phase != Phase.DRAFT, auto_id=f"{which}_%s")


@admin_page("GET")
def images(request: HttpRequest, study: Study) -> HttpResponse:
    """Show the next image to look at, or how many were found clear."""
    person = signed_in(request)
    draft = study.phase == Phase.DRAFT
    if draft and study_terms.waiting(study, person):
        return redirect("study:terms", slug=study.slug)
    frame = signoff.next_image(study, person) if draft else None
    context = {
        "study": study,
        "progress": signoff.progress_of(study),
        "frame": frame,
        "source": None if frame is None else _source(study, frame),
        "synthetic": any(each.synthetic for each in study_terms.sets_of(study)),
    }
    return render(request, "study/images.html", context)


@admin_step("study:images")
def sign_off(request: HttpRequest, study: Study) -> str:
    """Record what was seen on one image, or that a program drew them all; go on to the next."""
    posted, person = request.POST, signed_in(request)
    if posted.get("finding") == "drawn":
        signoff.sign_off_drawn(study=study, actor=person)
    elif posted.get("finding") in {"clear", "named"}:
        signoff.sign_off(
            study=study, key=posted.get("case", ""), person=person, clear=posted["finding"] == "clear",
            scale=posted.get("scale"), position=posted.get("position", "0"),
        )  # fmt: skip
    else:
        raise signoff.SignOffError("Expected whether a name is visible; choose one of the two buttons.")
    return ""


def _source(study: Study, frame: Frame) -> dict[str, object]:
    """Return what the viewer fetches. The key is random; block, labels and all else of the case stay here."""
    key = frame.case.key
    address = reverse("study:preview_frame", kwargs={"slug": study.slug, "name": key})
    return {"id": key, "frame_url": f"{address}?image={frame.position}", "frame": frame_json(frame)}
