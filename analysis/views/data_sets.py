"""The pages of data sets: the list, one with its classes, forms to upload and to register one."""

import json
import shutil
from base64 import b64encode
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse

from analysis.caseset.sources import MAXIMUM_BYTES
from analysis.figures.pages import draw_class_counts
from analysis.figures.theme import render as render_figure
from analysis.models import DataSet, Run
from analysis.services import uploads
from analysis.services.data_sets import InputError, examine, register_data_set
from analysis.services.findings_gallery import png_of
from analysis.services.places import listing
from analysis.sweep.data_spec import PLACES
from analysis.views.fields import Offer
from analysis.views.forms import DataSetForm
from analysis.views.guards import answers_scripts, box_of, page

PICTURES = 12
"""How many images of a data set are shown before it is registered."""

NOT_ASKED = {
    "columns": "Own column headings",
    "readers": "Rule for several readers",
    "expert_labels": "Labels from experts",
    "expert_classes": "Classes of the experts' columns",
    "head": "Head: training positives above",
    "tail": "Tail: training positives below",
}
"""What a command can say of a data set and the form does not ask for."""


@page()
def data_sets(request: HttpRequest) -> HttpResponse:
    """List the data sets."""
    return render(request, "analysis/data_sets.html", {"data_sets": DataSet.objects.all()})


@page()
def data_set(request: HttpRequest, slug: str) -> HttpResponse:
    """Show one data set: its splits, its classes, what was noticed, and what was made with it."""
    found = get_object_or_404(DataSet, slug=slug)
    runs = Run.objects.filter(data_set=found, same_as__isnull=True)
    called = {name: field.label for name, field in DataSetForm(roots=()).fields.items()} | NOT_ASKED
    called.pop("classes")
    section = [(called[name], value) for name, value in found.section.items() if name in called]
    context = {"data_set": found, "runs": runs, "ensembles": found.ensembles.all(), "section": section}
    return render(request, "analysis/data_set.html", context)


@page()
def classes(request: HttpRequest, slug: str) -> HttpResponse:
    """Deliver the figure of class counts as SVG."""
    found = get_object_or_404(DataSet, slug=slug)
    drawn = draw_class_counts(pd.DataFrame(found.classes), theme="dark")
    return HttpResponse(render_figure(drawn), content_type="image/svg+xml")


@page("GET", "POST", change=True)
def new_data_set(request: HttpRequest) -> HttpResponse:
    """Preview or register a data set that is on the server."""
    return _asked(request, settings.DATA_ROOTS, partial(register_data_set, roots=settings.DATA_ROOTS))


def _asked(
    request: HttpRequest, roots: Sequence[Path], register: Callable[..., DataSet], **found: Any
) -> HttpResponse:
    """Show the form of a data set whose files lie in `roots`; preview it or register it, as is asked for."""
    form = DataSetForm(request.POST or None, roots=roots, initial=found.get("initial"))
    for name, offers in found.get("offers", {}).items():
        form.fields[name].widget = Offer(offers)
    context = {**found, "form": form, "roots": roots}

    def make() -> HttpResponse:
        given = {"slug": form.cleaned_data["slug"], "section": form.section()}
        if "preview" not in request.POST:
            made = register(**given, actor_id=request.user.pk)
            return redirect("analysis:data_set", slug=made.slug)
        seen = examine(**given, roots=roots, pictures=PICTURES)
        pictures = [(name, b64encode(png_of(grey)).decode()) for name, grey in seen.pictures]
        return render(request, "analysis/new_data_set.html", {**context, "seen": seen, "pictures": pictures})

    return form.carried_out(request, make) or render(request, "analysis/new_data_set.html", context)


@answers_scripts
@page("POST", change=True)
def places(request: HttpRequest) -> HttpResponse:
    """Tell the tree on a page what is in a folder of the data roots; the folder is in no address, hence in no log."""
    entries, more = listing(request.POST.get("at", ""), settings.DATA_ROOTS)
    return JsonResponse({"entries": entries, "more": more})


@answers_scripts
@page("POST", change=True)
def begin_upload(request: HttpRequest) -> JsonResponse:
    """Begin an upload of the files that the browser lists; their bytes follow one by one."""
    try:
        files = [(str(name), int(size)) for name, size in json.load(request.FILES["files"])]  # type: ignore[arg-type]
    except (KeyError, ValueError, TypeError):
        raise InputError("expected a list of files; reload the page") from None
    made = uploads.begin(files, request.user.pk or 0)
    return JsonResponse({"address": reverse("analysis:uploaded", args=[made.name[1:]])})


@page(change=True)
def upload(request: HttpRequest) -> HttpResponse:
    """Ask for the files to upload."""
    return render(request, "analysis/upload.html")


def _mine(request: HttpRequest, token: str) -> Path:
    return box_of(request, Path(settings.UPLOADS_ROOT), token)[0]


@page("GET", "POST", change=True)
def uploaded(request: HttpRequest, token: str) -> HttpResponse:
    """Show an upload: what is missing, or the form that makes it a data set."""
    folder = _mine(request, token)
    if "discard" in request.POST:
        shutil.rmtree(folder, ignore_errors=True)
        return redirect("analysis:data_sets")
    names = uploads.names_of(folder)
    arrived = [name for name, _, there in names if there]
    if len(arrived) < len(names):
        counts = {"arrived": len(arrived), "files": len(names)}
        return render(request, "analysis/upload.html", {"token": token, **counts})
    tables = [name for name in arrived if name.lower().endswith(uploads.TABLES)]
    folders = sorted({name.rpartition("/")[0] or "." for name in arrived if name not in tables})
    return _asked(
        request, [(folder / uploads.FILES).resolve()], partial(uploads.register, folder), token=token, files=len(names),
        initial={"images": next(iter(folders), "")}, offers={"images": folders} | dict.fromkeys(PLACES[1:-1], tables),
    )  # fmt: skip


@answers_scripts
@page(change=True)
def names(request: HttpRequest, token: str) -> JsonResponse:
    """Tell the page which files of an upload have arrived."""
    told = {"files": uploads.names_of(_mine(request, token))}
    return JsonResponse(told, headers={"Cache-Control": "no-store"})


@answers_scripts
@page("POST", change=True)
def file(request: HttpRequest, token: str, number: int) -> HttpResponse:
    """Take one file of an upload."""
    uploads.receive(_mine(request, token), number, request.read(MAXIMUM_BYTES + 1))
    return HttpResponse(status=204)
