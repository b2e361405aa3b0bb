"""The researcher's pages: runs, their progress, what they found. Every page tells the access log."""

import math
from pathlib import Path
from typing import Any

import pandas as pd
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from analysis.figures.sweep import draw_forgetting, draw_mean_ap
from analysis.figures.theme import render as render_figure
from analysis.models import Run, Unit, UnitState
from analysis.services import control
from analysis.services.progress import progress_of
from analysis.signals import run_opened

may_view = permission_required("analysis.view_run", raise_exception=True)
may_change = permission_required("analysis.change_run", raise_exception=True)

FIGURES = {
    "mean-ap": ("Mean average precision against the share of removed weights", draw_mean_ap),
    "forgetting": ("Change of average precision by class at the highest sparsity", draw_forgetting),
}
STEPS = {"cancel": control.cancel, "resume": control.resume}


def _opened(request: HttpRequest, run_id: str) -> Run:
    run = get_object_or_404(Run, run_id=run_id)
    run_opened.send(sender=Run, run_id=run.run_id, person=request.user)
    return run


def _metrics(run: Run) -> Path:
    path = Path(run.folder) / "metrics.csv"
    if not path.exists():
        raise Http404
    return path


@require_GET
@may_view
def runs(request: HttpRequest) -> HttpResponse:
    """List the runs with their progress."""
    rows = [{"run": run, "progress": progress_of(run)} for run in Run.objects.all()]
    return render(request, "analysis/runs.html", {"rows": rows})


@require_GET
@may_view
def run(request: HttpRequest, run_id: str) -> HttpResponse:
    """Show one run: its units, and what it found once it is finished."""
    run = _opened(request, run_id)
    context: dict[str, Any] = {
        "run": run,
        "progress": progress_of(run),
        "failed": Unit.objects.filter(run=run, state=UnitState.FAILED),
        "spec": run.spec,
    }
    path = Path(run.folder) / "metrics.csv"
    if path.exists():
        frame = pd.read_csv(path)
        context |= {
            "classes": class_table(frame),
            "figures": [(name, text) for name, (text, _) in FIGURES.items()],
        }
    return render(request, "analysis/run.html", context)


@require_POST
@may_change
def step(request: HttpRequest, run_id: str, step: str) -> HttpResponse:
    """Cancel or resume a run."""
    run = get_object_or_404(Run, run_id=run_id)
    if step not in STEPS:
        raise Http404
    try:
        STEPS[step](run=run, actor_id=request.user.pk)
    except control.RunError as error:
        messages.error(request, str(error))
    return redirect("analysis:run", run_id=run_id)


@require_GET
@may_view
def figure(request: HttpRequest, run_id: str, name: str) -> HttpResponse:
    """Deliver one figure of a run as SVG."""
    if name not in FIGURES:
        raise Http404
    drawn = FIGURES[name][1](pd.read_csv(_metrics(_opened(request, run_id))), theme="dark")
    return HttpResponse(render_figure(drawn), content_type="image/svg+xml")


@require_GET
@may_view
def metrics(request: HttpRequest, run_id: str) -> FileResponse:
    """Download a run's metrics."""
    path = _metrics(_opened(request, run_id))
    return FileResponse(path.open("rb"), as_attachment=True, filename=f"{run_id}-metrics.csv")


def class_table(metrics: pd.DataFrame) -> list[dict[str, Any]]:
    """Return per class the median AP over seeds, dense and at the highest sparsity, and the median change.

    The change is relative, per seed, as in the figure beside the table.
    """
    last = float(metrics["sparsity"].max())
    rows = []
    for name, own in metrics.groupby("class", sort=False):
        ap = own.pivot_table(index="seed", columns="sparsity", values="ap", dropna=False)
        values = (ap[0.0].median(), ap[last].median(), (100 * (ap[last] - ap[0.0]) / ap[0.0]).median())
        dense, pruned, relative = (None if math.isnan(value) else float(value) for value in values)
        rows.append(
            {
                "name": name,
                "positives": int(own["positives"].iloc[0]),
                "dense": dense,
                "pruned": pruned,
                "change": relative,
                "sparsity": last,
            }
        )
    return sorted(rows, key=lambda row: -row["positives"])
