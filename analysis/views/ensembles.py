"""The pages of ensembles: the list, one with its members and curves, forms to register and to train one."""

from pathlib import Path

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from analysis.figures.pages import draw_training
from analysis.figures.theme import render as render_figure
from analysis.models import DataSet, Ensemble, Run, RunKind
from analysis.services.ensembles import checkpoints_of, register_ensemble
from analysis.services.histories import HistoryError, begun_in, beside, history_of, members_of
from analysis.services.orders import order_training
from analysis.tasks import ring
from analysis.views.forms import EnsembleForm, TrainingForm, trainable
from analysis.views.guards import or_404, page


@page()
def ensembles(request: HttpRequest) -> HttpResponse:
    """List the ensembles, and the trainings that have not made theirs yet."""
    trainings = Run.objects.filter(kind=RunKind.TRAINING, trained__isnull=True)
    found = Ensemble.objects.select_related("data_set", "training")
    return render(request, "analysis/ensembles.html", {"ensembles": found, "trainings": trainings})


@page()
def ensemble(request: HttpRequest, slug: str) -> HttpResponse:
    """Show one ensemble: its members, how they were trained, the sweeps over it."""
    found = get_object_or_404(Ensemble, slug=slug)
    fault = ""
    try:
        history = history_of(beside(checkpoints_of(found)))
    except HistoryError as error:
        history, fault = history_of({}), str(error)
    context = {
        "ensemble": found,
        "fault": fault,
        "members": members_of(found.seeds, history),
        "curves": not history.empty,
        "runs": found.runs.filter(same_as__isnull=True),
    }
    return render(request, "analysis/ensemble.html", context)


@page()
def curves(request: HttpRequest, slug: str) -> HttpResponse:
    """Deliver the loss curves of an ensemble, or of the training that is making it, as SVG."""
    found = Ensemble.objects.filter(slug=slug).first()
    if found:
        files = beside(checkpoints_of(found))
    else:
        run = get_object_or_404(Run, kind=RunKind.TRAINING, name=slug)
        files = begun_in(Path(run.folder), run.spec["train"]["seeds"])
    try:
        history = history_of(files)
    except HistoryError as error:
        raise Http404 from error
    or_404(not history.empty)
    return HttpResponse(render_figure(draw_training(history, theme="dark")), content_type="image/svg+xml")


@page("GET", "POST", change=True)
def new_ensemble(request: HttpRequest) -> HttpResponse:
    """Register checkpoints that are on the server."""
    form = EnsembleForm(request.POST or None)

    def make() -> HttpResponse:
        names = ("slug", "data_set", "architecture", "checkpoints")
        made = register_ensemble(
            **{name: form.cleaned_data[name] for name in names}, preprocess=form.preprocess(),
            reading=form.reading(), roots=settings.DATA_ROOTS, actor_id=request.user.pk,
        )  # fmt: skip
        return redirect("analysis:ensemble", slug=made.slug)

    context = {"form": form, "roots": settings.DATA_ROOTS, "data_sets": DataSet.objects.exists()}
    return form.carried_out(request, make) or render(request, "analysis/new_ensemble.html", context)


@page("GET", "POST", change=True)
def train(request: HttpRequest) -> HttpResponse:
    """Ask for an ensemble to be trained; workers do it, one unit per seed."""
    form = TrainingForm(request.POST or None)

    def make() -> HttpResponse:
        names = ("slug", "data_set", "architecture", "start")
        run = order_training(
            **{name: form.cleaned_data[name] for name in names}, preprocess=form.preprocess(), train=form.train(),
            folder=settings.ENSEMBLES_ROOT, roots=settings.DATA_ROOTS, actor_id=request.user.pk,
        )  # fmt: skip
        ring()
        return redirect("analysis:run", run_id=run.run_id)

    context = {"form": form, "roots": settings.DATA_ROOTS, "data_sets": trainable().exists()}
    return form.carried_out(request, make) or render(request, "analysis/train.html", context)
