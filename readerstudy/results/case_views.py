"""The case browser of an unblinded study: the list of its cases, and each case with all that readers said of it."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse

from analysis.endpoints import groups_from
from analysis.tablefolder import csv_text
from readerstudy.accounts.access import or_404, signed_in
from readerstudy.audit.services import record
from readerstudy.cases.models import Case
from readerstudy.cases.selectors import cases_of, frame_response, images_json, roles_of, thumbnail_response
from readerstudy.results.browsing import ORDERS, BrowsedCase, browsed, chosen, told, why_shut
from readerstudy.results.models import OpenedCase
from readerstudy.results.ratings import CASES_FOUND
from readerstudy.results.values import unblinding_of
from readerstudy.results.views import download, results_page
from readerstudy.study.design import terms as study_terms
from readerstudy.study.models import Role, Study
from readerstudy.study.protocol import Protocol, ProtocolError
from readerstudy.study.visibility import View, has_role, tell_refusal

PAGE = 24


class Choice(forms.Form):
    """Which cases are listed, and in which order; what is in an address and on no list has no effect."""

    group = forms.ChoiceField(required=False, label="Group")
    words = forms.CharField(required=False, max_length=100, label="Case, label or class group")
    order = forms.ChoiceField(required=False, label="Sort by")

    def __init__(self, data: Any, study: Study) -> None:
        super().__init__(data, auto_id="choice_%s")
        groups = groups_from(unblinding_of(study).groups)
        offered = [("", "Both"), (groups.one, groups.both[0]), (groups.other, groups.both[1])]
        self.fields["group"].choices = offered  # type: ignore[attr-defined]
        scored = OpenedCase.objects.filter(study=study, score__isnull=False).exists()
        orders = [(key, name) for key, (name, _) in ORDERS.items() if scored or key != "score"]
        self.fields["order"].choices = orders  # type: ignore[attr-defined]
        self.is_valid()
        self.given = {name: self.cleaned_data[name] for name in self.fields if self.cleaned_data.get(name)}

    def found(self, study: Study) -> list[BrowsedCase]:
        """Return the cases that fit."""
        return chosen(browsed(study), **{"group": "", "words": "", "order": next(iter(ORDERS)), **self.given})

    def query(self, **more: Any) -> str:
        """Return the choice as the end of an address."""
        values = {**self.given, **more}
        return f"?{urlencode(values)}" if values else ""


@results_page("GET")
def cases(request: HttpRequest, study: Study) -> HttpResponse:
    """List the cases with a small picture of each, or say why they cannot be looked through now."""
    unblinding_of(study)
    context: dict[str, Any] = {"study": study, "shut": why_shut(study), **place_of(request, study)}
    if not context["shut"]:
        form = Choice(request.GET, study)
        found = form.found(study)
        context |= {
            "form": form,
            "found": len(found),
            "page": Paginator(found, PAGE).get_page(request.GET.get("page")),
            "query": form.query(),
            "more": form.query(page=""),
            "waiting": study_terms.terms_json(study, study_terms.waiting(study, signed_in(request))),
            "roles": roles_of(study.key),
        }
    return render(request, "results/cases.html", context)


def _cases_page(method: str) -> Callable[[View], View]:
    """Make a page of single cases: there is none while another study that is not unblinded has the same images."""

    def made(view: View) -> View:
        @wraps(view)
        def open_now(request: HttpRequest, study: Study, **named: object) -> HttpResponseBase:
            unblinding_of(study)
            or_404(not why_shut(study))
            return view(request, study, **named)

        return results_page(method)(open_now)

    return made


@_cases_page("GET")
def case(request: HttpRequest, study: Study, key: str) -> HttpResponse:
    """Show one case: picture, what it was, and what each reader answered, marked and wrote."""
    form = Choice(request.GET, study)
    found = form.found(study)
    index = or_404(next((n for n, each in enumerate(found) if each.case.key == key), None))
    if study_terms.waiting(study, signed_in(request)):
        return redirect("results:cases", slug=study.slug)
    shown, questions = found[index], Protocol.from_json(study.protocol).questions
    address = {"slug": study.slug, "key": key}
    context = {
        "study": study,
        "shown": shown,
        "number": index + 1,
        "found": len(found),
        "before": found[index - 1].case.key if index else None,
        "after": found[index + 1].case.key if index + 1 < len(found) else None,
        "list": reverse("results:cases", args=[study.slug]) + form.query(page=index // PAGE + 1),
        "query": form.query(),
        "readings": [
            (reading, [told(question, reading.answers.get(question.key)) for question in questions])
            for reading in shown.readings
        ],
        "questions": questions,
        "source": images_json(_case(study, key), key, reverse("results:case_frame", kwargs=address)),
        "marks": {
            f"{each.reader} {each.presentation}": each.revisions[-1].marks
            for each in shown.readings
            if each.revisions
        },
        **place_of(request, study),
    }
    return render(request, "results/case.html", context)


@_cases_page("GET")
def case_frame(request: HttpRequest, study: Study, key: str) -> HttpResponse:
    """Deliver the pixels of a case."""
    return frame_response(_case(study, key), request)


@_cases_page("GET")
def case_thumbnail(request: HttpRequest, study: Study, key: str) -> HttpResponse:
    """Deliver a small picture of a case."""
    return thumbnail_response(_case(study, key), request)


@_cases_page("GET")
def cases_file(request: HttpRequest, study: Study) -> HttpResponse:
    """Download the cases that are listed, as CSV."""
    table = CASES_FOUND.frame(Choice(request.GET, study).found(study))
    record("study.cases_exported", signed_in(request), study.key, study.slug)
    text = csv_text(table, mark="simulated" if study.simulated_readers else None, gaps=True)
    return download(text.encode(), "text/csv; charset=utf-8", f"{study.slug}-cases.csv")


@_cases_page("POST")
def confirm_terms(request: HttpRequest, study: Study) -> HttpResponse:
    """Note that somebody who looks at results confirms the terms of use, before the first image."""
    try:
        digests = request.POST.getlist("sha256")
        study_terms.confirm(study=study, person=signed_in(request), digests=digests)
    except ProtocolError as error:
        tell_refusal(request, error)
    return redirect("results:cases", slug=study.slug)


def place_of(request: HttpRequest, study: Study) -> dict[str, Any]:
    """Return what the heads of all pages of results say: whether the pages of a study admin are beside them."""
    return {"may_open": has_role(signed_in(request), study, Role.STUDY_ADMIN)}


def _case(study: Study, key: str) -> Case:
    return get_object_or_404(cases_of(study.key), key=key)
