"""The pages of data sets: the list, one with its classes, a form to register one."""

import pandas as pd
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from analysis.figures.pages import draw_class_counts
from analysis.figures.theme import render as render_figure
from analysis.models import DataSet, Run
from analysis.services.data_sets import register_data_set
from analysis.views.forms import DataSetForm
from analysis.views.guards import page


@page()
def data_sets(request: HttpRequest) -> HttpResponse:
    """List the data sets."""
    return render(request, "analysis/data_sets.html", {"data_sets": DataSet.objects.all()})


@page()
def data_set(request: HttpRequest, slug: str) -> HttpResponse:
    """Show one data set: its splits, its classes, what was noticed, and what was made with it."""
    found = get_object_or_404(DataSet, slug=slug)
    runs = Run.objects.filter(data_set=found, same_as__isnull=True)
    called = {name: field.label for name, field in DataSetForm(roots=()).fields.items()}
    section = [(called.get(name, name), value) for name, value in found.section.items() if name != "classes"]
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
    """Register a data set that lies on the server."""
    form = DataSetForm(request.POST or None, roots=settings.DATA_ROOTS)

    def make() -> HttpResponse:
        made = register_data_set(
            slug=form.cleaned_data["slug"], section=form.section(), roots=settings.DATA_ROOTS,
            actor_id=request.user.pk,
        )  # fmt: skip
        return redirect("analysis:data_set", slug=made.slug)

    context = {"form": form, "roots": settings.DATA_ROOTS}
    return form.carried_out(request, make) or render(request, "analysis/new_data_set.html", context)
