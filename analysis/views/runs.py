"""The pages of sweeps: the list, the form, one run's progress, what it found and where it came from.

Every page of a run is recorded in the access log.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from django.contrib import messages
from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render

from analysis.figures.pages import draw_forgetting, draw_mean_ap
from analysis.figures.theme import render as render_figure
from analysis.models import PREPARE, Ensemble, Run, RunKind, UnitState
from analysis.services import control
from analysis.services.experiments import answer_of
from analysis.services.orders import order_sweep
from analysis.services.progress import cells_of, failures_of, hands_of, progress_of, state_of
from analysis.services.provenance import effort_of, provenance_of
from analysis.services.runs import class_table
from analysis.tablefolder import csv_text
from analysis.tasks import ring
from analysis.terminal import in_words
from analysis.views.forms import SweepForm
from analysis.views.guards import answers_scripts, find_run, opened, or_404, page

FIGURES = {
    "mean-ap": ("Mean average precision against the share of removed weights", draw_mean_ap),
    "forgetting": ("Change of average precision by class at the highest sparsity", draw_forgetting),
}
CONTRASTS = "contrasts"
"""The forest figure of a retraining experiment, which is drawn when that ends."""

STEPS: dict[str, Callable[..., None]] = {
    "cancel": control.cancel, "resume": control.resume, "retry": control.retry,
}  # fmt: skip


def _metrics(run: Run) -> Path:
    path = Path(run.folder) / "metrics.csv"
    or_404(path.exists())
    return path


@page()
def runs(request: HttpRequest) -> HttpResponse:
    """List the runs with their progress."""
    found = Run.objects.filter(same_as__isnull=True).exclude(kind=RunKind.TRAINING)
    return render(request, "analysis/runs.html", {"runs": found})


@page()
def run(request: HttpRequest, run_id: str) -> HttpResponse:
    """Show one run: its units, and what it found once it is finished."""
    run = opened(request, run_id)
    if run.run_id != run_id:
        return redirect("analysis:run", run_id=run.run_id)
    now, units = progress_of(run), list(run.units.all())
    context: dict[str, Any] = {
        "run": run,
        "progress": now,
        "state": state_of(run, now),
        "rows": (rows := cells_of(units)),
        "heads": [cell.label for cell in rows[0][1]] if rows and len(rows[0][1]) > 1 else [],
        "hands": hands_of(units),
        "failed": failures_of(units),
        "tried": failures_of(units, UnitState.TODO),
        "preparing": any(unit.key == PREPARE for unit in units),
        "training": not run.has_predictions,
        "answer": answer_of(run),
        "contrasts": (Path(run.folder) / "report").is_dir(),
    }
    if (path := Path(run.folder) / "metrics.csv").exists():
        names = [(name, text) for name, (text, _) in FIGURES.items()]
        context |= {"classes": class_table(pd.read_csv(path)), "figures": names}
    return render(request, "analysis/run.html", context)


@answers_scripts
@page()
def progress(request: HttpRequest, run_id: str) -> JsonResponse:
    """Tell the page how far a run is: counts and states of units, nothing of what it found.

    Hence it is not noted as a look at the run in the access log; the page asks every two seconds.
    """
    run = find_run(run_id)
    now, units = progress_of(run), list(run.units.all())
    cells = [cell for _, row in cells_of(units) for cell in row]
    return JsonResponse(
        {
            "run": run.run_id,
            "state": state_of(run, now),
            "done": now.done,
            "total": now.total,
            "failed": now.failed,
            "rate": now.rate_text,
            "left": now.left_text,
            "cells": {cell.key: [cell.state, cell.share, cell.note] for cell in cells},
            "hands": hands_of(units),
        },
        headers={"Cache-Control": "no-store"},
    )


@page("POST", change=True)
def step(request: HttpRequest, run_id: str, step: str, **of: str) -> HttpResponse:
    """Cancel or resume a run, or give one failed unit (`key`) another five attempts."""
    run = find_run(run_id)
    or_404(step in STEPS)
    try:
        STEPS[step](run=run, actor_id=request.user.pk, **of)
    except control.RunError as error:
        messages.error(request, str(error))
    if step != "cancel":
        ring()
    return redirect("analysis:run", run_id=run.run_id)


@page()
def figure(request: HttpRequest, run_id: str, name: str) -> HttpResponse:
    """Deliver one figure of a run as SVG."""
    drawn_before = Path(find_run(run_id).folder) / "report/figures" / f"{name}-dark.svg"
    if name == CONTRASTS and drawn_before.is_file():
        opened(request, run_id)
        return HttpResponse(drawn_before.read_bytes(), content_type="image/svg+xml")
    or_404(name in FIGURES)
    drawn = FIGURES[name][1](pd.read_csv(_metrics(opened(request, run_id))), theme="dark")
    return HttpResponse(render_figure(drawn), content_type="image/svg+xml")


@page()
def metrics(request: HttpRequest, run_id: str) -> HttpResponse:
    """Download a run's metrics, safe for a spreadsheet."""
    table = pd.read_csv(_metrics(opened(request, run_id)), dtype=str, keep_default_na=False)
    name = f'attachment; filename="{run_id}-metrics.csv"'
    return HttpResponse(csv_text(table), content_type="text/csv", headers={"Content-Disposition": name})


@page("GET", "POST", change=True)
def new_sweep(request: HttpRequest) -> HttpResponse:
    """Ask for a sweep; a worker prepares it."""
    chosen = Ensemble.objects.filter(slug=request.GET.get("ensemble", "")).first()
    form = SweepForm(request.POST or None, initial={"ensemble": chosen})

    def make() -> HttpResponse:
        names = ("ensemble", "seeds", "others")
        run = order_sweep(
            **{name: form.cleaned_data[name] for name in names}, prune=form.prune(), infer=form.infer(),
            actor_id=request.user.pk,
        )  # fmt: skip
        ring()
        return redirect("analysis:run", run_id=run.run_id)

    context = {"form": form, "ensembles": Ensemble.objects.exists()}
    return form.carried_out(request, make) or render(request, "analysis/new_sweep.html", context)


@page()
def provenance(request: HttpRequest, run_id: str) -> HttpResponse:
    """Show the digests of all that went in and came out, every choice, and who worked on it."""
    run = opened(request, run_id)
    if run.run_id != run_id:
        return redirect("analysis:provenance", run_id=run.run_id)
    effort = effort_of(run)
    context = {"run": run, "tab": "provenance", "said": provenance_of(run), "effort": effort}
    return render(request, "analysis/provenance.html", {**context, "worked": in_words(effort["seconds"])})


@page()
def provenance_file(request: HttpRequest, run_id: str) -> FileResponse:
    """Download a finished run's provenance.json."""
    run = opened(request, run_id)
    path = Path(run.folder) / "provenance.json"
    or_404(run.folder != "" and path.is_file())
    return FileResponse(path.open("rb"), as_attachment=True, filename=f"{run.run_id}-provenance.json")
