"""The pages of what a run found: four questions on one screen, the gallery of its exemplars (PIEs), and their forms.

Every address records in the access log who opened it, because anyone who has seen it may not read a study made from it.
"""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from analysis.conditions import PUBLISHED
from analysis.models import Run
from analysis.services.findings import Choices
from analysis.services.findings_files import KINDS, FindingsFolder, fault_of, find_set, panels_of, sets_of
from analysis.services.findings_gallery import Wanted, exemplars_of, thumbnail
from analysis.services.runs import conditions_of
from analysis.tasks import ask_for_findings
from analysis.views.forms import Described
from analysis.views.guards import opened, or_404, page

PER_PAGE = 24
LET_IN = "galleries"
"""Under this the session holds the runs whose gallery was asked for, knowing what it does."""


def _opened_set(request: HttpRequest, run_id: str, name: str) -> tuple[Run, FindingsFolder]:
    run = opened(request, run_id)
    return run, or_404(find_set(run, name))


@page()
def findings(request: HttpRequest, run_id: str, name: str = "") -> HttpResponse:
    """Answer the four questions for one run, from the newest set of findings or a named one."""
    run = opened(request, run_id)
    if run.run_id != run_id:
        return redirect("analysis:findings", run_id=run.run_id)
    sets = sets_of(run)
    found = next((one for one in sets if one.name == name), None) if name else next(iter(sets), None)
    or_404(found or not name)
    context = {
        "run": run, "tab": "findings", "sets": sets, "found": found, "fault": fault_of(run),
        "form": AnalyseForm(run=run), "panels": panels_of(found) if found else [],
        "facts": found.results()["run"] if found else {},
        "handovers": run.handovers.filter(made_by=request.user.pk),
    }  # fmt: skip
    return render(request, "analysis/findings.html", context)


@page("POST", change=True)
def analyse(request: HttpRequest, run_id: str) -> HttpResponse:
    """Hand the analysis of a finished run to a worker."""
    run = opened(request, run_id)
    form = AnalyseForm(request.POST, run=run)
    if run.finished_at is None or not run.has_predictions:
        messages.error(request, "Only a finished sweep can be analysed.")
    elif form.is_valid():
        ask_for_findings(run=run, choices=form.choices())
        messages.info(request, "A worker analyses the run; reload this page in a minute or two.")
    else:
        messages.error(request, "; ".join(str(error) for errors in form.errors.values() for error in errors))
    return redirect("analysis:findings", run_id=run.run_id)


@page()
def findings_file(request: HttpRequest, run_id: str, name: str, file: str) -> FileResponse:
    """Deliver a figure, a table, results.json or report.html of a set."""
    run, found = _opened_set(request, run_id, name)
    path = or_404(found.file(file))
    shown = "show" in request.GET and path.suffix == ".svg"
    return FileResponse(
        path.open("rb"), as_attachment=not shown, filename=f"{run.run_id}-{path.name}",
        content_type=KINDS[path.suffix[1:]],
    )  # fmt: skip


@page()
def findings_figure(request: HttpRequest, run_id: str, name: str, figure: str) -> HttpResponse:
    """Show one figure of a set as large as the window, with a way to the next one."""
    run, found = _opened_set(request, run_id, name)
    figures = [one for panel in panels_of(found) for one in panel["figures"]]
    place = or_404(next((place for place, one in enumerate(figures) if one["name"] == figure), None))
    context = {
        "run": run, "found": found, "figure": figures[place],
        "before": figures[place - 1] if place else None,
        "after": figures[place + 1] if place + 1 < len(figures) else None,
    }  # fmt: skip
    return render(request, "analysis/findings_figure.html", context)


@page("GET", "POST")
def gallery(request: HttpRequest, run_id: str, name: str) -> HttpResponse:
    """Show the exemplars of a set with their scores, filtered by class and score.

    Anyone who has not said so in this session is told first what seeing them does to their part in studies.
    """
    run, found = _opened_set(request, run_id, name)
    if request.method == "POST":
        request.session[LET_IN] = sorted({*request.session.get(LET_IN, []), run.run_id})
        return redirect("analysis:gallery", run_id=run.run_id, name=name)
    if run.run_id not in request.session.get(LET_IN, []):
        context = {"run": run, "tab": "findings", "found": found}
        return render(request, "analysis/findings_before.html", context)
    form = FilterForm(request.GET or None, classes=found.classes())
    page = Paginator(exemplars_of(found, form.wanted()), PER_PAGE).get_page(request.GET.get("page"))
    query = request.GET.copy()
    query.pop("page", None)
    context = {
        "run": run,
        "tab": "findings",
        "found": found,
        "form": form,
        "page": page,
        "facts": found.results()["run"],
        "query": query.urlencode(),
        "answer": found.results()["answers"]["images"],
    }
    return render(request, "analysis/findings_gallery.html", context)


@page()
def findings_thumbnail(request: HttpRequest, run_id: str, name: str, rank: int) -> HttpResponse:
    """Deliver the picture of one exemplar, as small as the networks see it."""
    run, found = _opened_set(request, run_id, name)
    picture = or_404(thumbnail(run, found, rank))
    return HttpResponse(picture, content_type="image/png", headers={"Cache-Control": "private, no-store"})


class AnalyseForm(Described):
    """What makes an exemplar."""

    def __init__(self, *args: Any, run: Run, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.run, conditions = run, conditions_of(run)
        for name in ("condition", "reference"):
            self.fields[name].choices = [(one, one) for one in conditions]  # type: ignore[attr-defined]
        self.fields["condition"].initial = PUBLISHED if PUBLISHED in conditions else conditions[-1:]

    def choices(self) -> Choices:
        """Return what was chosen."""
        given = self.cleaned_data
        names = {name: given[name] for name in ("criterion", "condition", "fraction", "seed")}
        own = {} if given["reference"] == conditions_of(self.run)[0] else {"reference": given["reference"]}
        return Choices(**names, **own)


class FilterForm(Described):
    """Which exemplars to show."""

    def __init__(self, *args: Any, classes: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [("", "any class"), *((name, name) for name in classes)]
        for name in ("positive", "scored"):
            self.fields[name].choices = choices  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Refuse a range of scores of no class."""
        given = super().clean() or {}
        ranged = given.get("least") is not None or given.get("most") is not None
        if ranged and not given.get("scored"):
            self.add_error("scored", "Choose the class whose score is meant.")
        return given

    def wanted(self) -> Wanted:
        """Return what was asked for; everything where nothing was, or nothing that makes sense."""
        if not (self.is_bound and self.is_valid()):
            return Wanted()
        given = self.cleaned_data
        return Wanted(**{**given, "of": given["of"] or "change"})
