"""Results: open the key, look, download."""

import re
import tempfile
from html import escape
from pathlib import Path
from typing import Any, cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.safestring import SafeString
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from analysis.caseset import CaseSetError
from analysis.figures.theme import ThemeName
from analysis.frames import FrameError
from analysis.report import Picture, fragment, reader_study_report, standalone
from analysis.stats import NotComparableError
from readerstudy.accounts.models import User
from readerstudy.audit.services import record
from readerstudy.results.computed import Computed, computed, kept_figure
from readerstudy.results.export import export_zip
from readerstudy.results.forms import OpenKey
from readerstudy.results.ratings import SealedError
from readerstudy.results.selectors import study_for_results
from readerstudy.results.services import UnblindingError, open_key
from readerstudy.study.models import Role, Study
from readerstudy.study.phases import PhaseError
from readerstudy.study.visibility import has_role

PAPER = "-paper"
"""End of the name of a figure on white, for print."""


def _person(request: HttpRequest) -> User:
    return cast(User, request.user)


@never_cache
@require_GET
def results(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the report, or, before unblinding, what is still to be done."""
    study = study_for_results(_person(request), slug)
    if study.unblinded_at is None:
        admin = has_role(_person(request), study, Role.STUDY_ADMIN)
        return render(request, "results/sealed.html", {"study": study, "form": OpenKey(), "may_open": admin})
    try:
        made = computed(study)
    except NotComparableError as error:
        return render(request, "results/results.html", {"study": study, "refusal": str(error)})
    return render(request, "results/results.html", {"study": study, "report": _report(made)})


def _report(made: Computed) -> SafeString:
    """Return the report as markup; its writer escapes every text."""
    stamp = made.folder.name

    def image(picture: Picture) -> str:
        text = escape(picture.text)

        def one(name: str, kind: str) -> str:
            url = reverse("results:figure", args=[made.study.slug, name])
            return f'<img class="{kind}" src="{escape(url)}?of={stamp}" alt="{text}">'

        return one(picture.name, "on-screen") + one(picture.name + PAPER, "for-paper")

    document = reader_study_report(made.results, made.background)
    return SafeString(fragment(document, image))


@require_POST
def unblind(request: HttpRequest, slug: str) -> HttpResponse:
    """Open the key with the file that the study admin uploads; nothing of the file is kept but its rows."""
    study = study_for_results(_person(request), slug)
    if not has_role(_person(request), study, Role.STUDY_ADMIN):
        raise PermissionDenied
    form = OpenKey(request.POST, request.FILES)
    if not form.is_valid():
        for errors in form.errors.values():
            messages.error(request, " ".join(str(error) for error in errors))
        return redirect("results:results", slug=slug)
    try:
        _open(study, form.cleaned_data["key"], form.cleaned_data["reason"], _person(request))
    except (UnblindingError, PhaseError, CaseSetError, FrameError) as error:
        messages.error(request, str(error))
    return redirect("results:results", slug=slug)


def _open(study: Study, upload: "UploadedFile[Any]", reason: str, actor: User) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "key.csv"
        path.write_bytes(upload.read())
        try:
            open_key(study=study, key=path, reason=reason, actor=actor)
        except (CaseSetError, FrameError) as error:
            # The admin uploaded a file; where the server kept it for a moment is nobody's business.
            raise UnblindingError(str(error).replace(f"{folder}/", "")) from error


@require_GET
def export(request: HttpRequest, slug: str) -> HttpResponse:
    """Download everything as one zip."""
    study = study_for_results(_person(request), slug)
    try:
        data = export_zip(study)
    except (SealedError, NotComparableError) as error:
        messages.error(request, str(error))
        return redirect("results:results", slug=slug)
    record(kind="study.exported", actor=_person(request), study=study.key, subject=slug)
    return _download(data, "application/zip", f"{slug}.zip")


@require_GET
def report(request: HttpRequest, slug: str) -> HttpResponse:
    """Download the report as one HTML file."""
    study = study_for_results(_person(request), slug)
    try:
        made = computed(study)
    except (SealedError, NotComparableError) as error:
        messages.error(request, str(error))
        return redirect("results:results", slug=slug)
    html = standalone(reader_study_report(made.results, made.background), made.figures("light"))
    record(kind="study.report_downloaded", actor=_person(request), study=study.key, subject=slug)
    return _download(html.encode(), "text/html; charset=utf-8", f"{slug}-report.html")


def _download(data: bytes, kind: str, name: str) -> HttpResponse:
    response = HttpResponse(data, content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "private, no-store"
    return response


@require_GET
def figure(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """Deliver one figure as SVG: for the dark page, or, with -paper behind its name, on white."""
    study = study_for_results(_person(request), slug)
    theme: ThemeName = "light" if name.endswith(PAPER) else "dark"
    plain = name.removesuffix(PAPER)
    stamp = request.GET.get("of", "")
    try:
        svg = kept_figure(study, stamp, plain, theme) if re.fullmatch(r"[0-9a-f]{64}", stamp) else None
        svg = svg or computed(study).figures(theme).get(plain)
    except (SealedError, NotComparableError):
        raise Http404 from None
    if svg is None:
        raise Http404
    return HttpResponse(svg, content_type="image/svg+xml", headers={"Cache-Control": "private, no-store"})
