"""Results: open the key, look, download."""

import re
import tempfile
from collections.abc import Callable
from functools import wraps
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.safestring import SafeString
from django.views.decorators.debug import sensitive_post_parameters

from analysis.caseset import OtherKeyError
from analysis.errors import RefusedError
from analysis.figures.theme import ThemeName
from analysis.report import Picture, fragment, reader_study_report, standalone
from analysis.report.pdf import pdf_of
from analysis.stats import StatsError
from readerstudy.accounts.access import or_404, signed_in
from readerstudy.accounts.forms import Confirm, filled
from readerstudy.accounts.models import User
from readerstudy.audit.services import record
from readerstudy.planning.pilot import variances_of
from readerstudy.results import services
from readerstudy.results.computed import Computed, computed, kept_figure
from readerstudy.results.export import export_zip, registration_of
from readerstudy.results.labels import LabelsError, labels_csv, labels_frame, tells_labels
from readerstudy.results.values import SealedError
from readerstudy.study.duties import needs_two, openers_context, why_not
from readerstudy.study.models import Role, Study
from readerstudy.study.people.members import progress_of
from readerstudy.study.visibility import View, admin_step, has_role, member_page

PAPER = "-paper"
"""End of the name of a figure on white, for print."""
MAX_KEY_BYTES = 5_000_000


def results_page(*methods: str) -> Callable[[View], View]:
    """Make a page of results: its view is given the study, which its admins, researchers and statisticians may see."""

    def made(view: View) -> View:
        @wraps(view)
        def given(request: HttpRequest, study: Study, **named: object) -> HttpResponseBase:
            try:
                return view(request, study, **named)
            except SealedError:  # before the key is open there is nothing
                raise Http404 from None

        return member_page(*methods)(given)

    return made


@results_page("GET")
def results(request: HttpRequest, study: Study) -> HttpResponse:
    """Show the report, or, before unblinding, what is still to be done."""
    if study.unblinded_at is None:
        return render(request, "results/sealed.html", _sealed(request, study))
    context = {"study": study, "may_open": has_role(signed_in(request), study, Role.STUDY_ADMIN)}
    made = computed(study)
    if not made.at_hand:
        running = made.begin(again="again" in request.GET)
        context |= {"done": made.parts_done, "readings": len(made.readings), "running": running}
        if running or not made.at_hand:  # it may have ended a moment ago
            return render(request, "results/computing.html", context, status=202 if running else 200)
    context |= {"report": _report(made), "labels": tells_labels(study.protocol)}
    return render(request, "results/results.html", context)


def _sealed(request: HttpRequest, study: Study) -> dict[str, Any]:
    person, asked = signed_in(request), services.request_of(study)
    return {
        "study": study,
        "asked": asked,
        "progress": progress_of(study),
        "ask_form": AskToOpen(request=request),
        "form": OpenKey(request=request),
        "may_open": has_role(person, study, Role.STUDY_ADMIN),
        **openers_context(study),
        "why_not": needs_two(study) and why_not(person, study),
    }


def _report(made: Computed) -> SafeString:
    """Return the report as markup; its writer escapes every text."""
    stamp = made.folder.name

    def image(picture: Picture) -> str:
        text = escape(picture.text)

        def one(name: str, kind: str) -> str:
            url = reverse("results:figure", args=[made.slug, name])
            return f'<img class="{kind}" src="{escape(url)}?of={stamp}" alt="{text}">'

        return one(picture.name, "on-screen") + one(picture.name + PAPER, "for-paper")

    document = reader_study_report(made.results, made.background)
    return SafeString(fragment(document, image))


@sensitive_post_parameters()
@admin_step("results:results")
def ask(request: HttpRequest, study: Study) -> str:
    """Ask that the key be opened: the first of two steps."""
    form = filled(AskToOpen(request.POST, request=request))
    services.ask_to_open(study=study, reason=form["reason"], actor=signed_in(request))
    return "The request is recorded in the audit trail."


@admin_step("results:results")
def decline(request: HttpRequest, study: Study) -> str:
    """Take the request away."""
    services.decline_to_open(study=study, actor=signed_in(request))
    return "The key stays sealed."


@sensitive_post_parameters()
@admin_step("results:results")
def unblind(request: HttpRequest, study: Study) -> str:
    """Open the key with the file that the study admin uploads; nothing of the file is kept but its rows."""
    form = filled(OpenKey(request.POST, request.FILES, request=request))
    _open(study, form["key"], signed_in(request))
    return ""


def _open(study: Study, upload: "UploadedFile[Any]", actor: User) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "key.csv"
        path.write_bytes(upload.read())
        try:
            services.open_as_asked(study=study, key=path, actor=actor)
        except OtherKeyError as error:
            raise services.UnblindingError(
                "This is not the key of these cases. Take the key.csv that was handed over with this case set. "
                f"Its SHA-256 begins with {error.expected[:12]}, that of the file given with {error.came[:12]}; "
                "the full digest is shown below the form."
            ) from error
        except RefusedError as error:
            # The admin uploaded a file; where the server kept it for a moment is nobody's business.
            raise services.UnblindingError(str(error).replace(f"{folder}/", "")) from error


@results_page("GET")
def export(request: HttpRequest, study: Study) -> HttpResponse:
    """Download everything as one zip."""
    if _made(request, study) is None:
        return redirect("results:results", slug=study.slug)
    data = export_zip(study)
    record("study.exported", signed_in(request), study.key, study.slug)
    return download(data, "application/zip", f"{study.slug}.zip")


@results_page("GET")
def labels(request: HttpRequest, study: Study) -> HttpResponse:
    """Download how many readers endorse each label."""
    try:
        data = labels_csv(study, labels_frame(study))
    except (SealedError, LabelsError) as error:
        messages.error(request, str(error))
        return redirect("results:results", slug=study.slug)
    record("study.exported", signed_in(request), study.key, study.slug)
    return download(data, "text/csv; charset=utf-8", f"{study.slug}-labels.csv")


@results_page("GET")
def report(request: HttpRequest, study: Study) -> HttpResponse:
    """Download the report as one HTML file."""
    made = _made(request, study)
    if made is None:
        return redirect("results:results", slug=study.slug)
    html = standalone(reader_study_report(made.results, made.background), made.figures("light"))
    record("study.report_downloaded", signed_in(request), study.key, study.slug)
    return download(html.encode(), "text/html; charset=utf-8", f"{study.slug}-report.html")


def _made(request: HttpRequest, study: Study) -> Computed | None:
    """Return what is downloaded; None, with a message, where the key is not open or the results take a while yet."""
    try:
        made = computed(study)
    except SealedError as error:
        messages.error(request, str(error))
        return None
    if made.at_hand:
        return made
    messages.info(request, "The results are being computed; this page shows them once they are there.")
    return None


def download(data: bytes, kind: str, name: str) -> HttpResponse:
    """Return a file that is stored by nobody on its way."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    return HttpResponse(data, content_type=kind, headers=headers)


@results_page("GET")
def registration(request: HttpRequest, study: Study) -> HttpResponse:
    """Download the locked protocol and analysis plan as a PDF for a registry."""
    or_404(study.locked_file != "")
    return download(pdf_of(registration_of(study)), "application/pdf", f"{study.slug}-registration.pdf")


@results_page("GET")
def pilot(request: HttpRequest, study: Study, other: str) -> HttpResponse:
    """Take the variances of this study to the planning page of another, where the query is what is chosen there."""
    query, made = request.GET.dict(), _made(request, study)
    if made is None:
        return redirect("results:results", slug=study.slug)
    asked = {each.name: each for each in made.plan.endpoints}
    try:
        if query.get("endpoint") not in asked:
            raise StatsError(f"expected a question of '{study.slug}', which tested {', '.join(asked)}")
        found = variances_of(made.results, asked[query["endpoint"]])
        query |= {**{name: str(value) for name, value in found.items()}, "pilot": study.slug}
    except StatsError as error:
        messages.error(request, str(error))
    return redirect(reverse("planning:plan", args=[other]) + f"?{urlencode(query)}")


@results_page("GET")
def figure(request: HttpRequest, study: Study, name: str) -> HttpResponse:
    """Deliver one figure as SVG: for the dark page, or, with -paper behind its name, on white."""
    theme: ThemeName = "light" if name.endswith(PAPER) else "dark"
    plain = name.removesuffix(PAPER)
    stamp = request.GET.get("of", "")
    svg = kept_figure(study, stamp, plain, theme) if re.fullmatch(r"[0-9a-f]{64}", stamp) else None
    svg = or_404(svg or computed(study).figures(theme).get(plain))
    return HttpResponse(svg, content_type="image/svg+xml", headers={"Cache-Control": "private, no-store"})


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
