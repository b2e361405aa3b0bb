"""Results: open the key, look, download."""

import tempfile
from pathlib import Path
from typing import Any, cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from analysis.caseset import CaseSetError
from analysis.frames import FrameError
from analysis.stats import NotComparableError
from readerstudy.accounts.models import User
from readerstudy.audit.services import record
from readerstudy.results.export import export_zip
from readerstudy.results.figures import TITLES, figure_svg
from readerstudy.results.forms import OpenKey
from readerstudy.results.report import report_context
from readerstudy.results.selectors import (
    SealedError,
    results_of,
    study_for_results,
    unblinding_of,
)
from readerstudy.results.services import UnblindingError, open_key
from readerstudy.study.models import Role, Study
from readerstudy.study.phases import Phase, PhaseError
from readerstudy.study.visibility import has_role


def _person(request: HttpRequest) -> User:
    return cast(User, request.user)


@never_cache
@require_GET
def results(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the results, or, before unblinding, what is still to be done."""
    study = study_for_results(_person(request), slug)
    if study.phase != Phase.UNBLINDED:
        admin = has_role(_person(request), study, Role.STUDY_ADMIN)
        return render(request, "results/sealed.html", {"study": study, "form": OpenKey(), "may_open": admin})
    try:
        context = report_context(results_of(study))
    except NotComparableError as error:
        context = {"refusal": str(error)}
    return render(
        request, "results/results.html", {"study": study, "unblinding": unblinding_of(study), **context}
    )


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
    response = HttpResponse(data, content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="{slug}.zip"'
    response["Cache-Control"] = "private, no-store"
    return response


@require_GET
def figure(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """Deliver one figure of the results as SVG."""
    study = study_for_results(_person(request), slug)
    if name not in TITLES:
        raise Http404
    try:
        svg = figure_svg(name, results_of(study), theme="dark")
    except (SealedError, NotComparableError):
        raise Http404 from None
    return HttpResponse(svg, content_type="image/svg+xml", headers={"Cache-Control": "private, no-store"})
