"""The page of where a run came from, and the file behind it."""

from pathlib import Path

from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from analysis.services.progress import duration
from analysis.services.provenance import check_of, effort_of, provenance_of
from analysis.views.guards import may_view, opened


@require_GET
@may_view
def provenance(request: HttpRequest, run_id: str) -> HttpResponse:
    """Show the digests of all that went in and came out, every choice, and who worked on it."""
    run = opened(request, run_id)
    if run.run_id != run_id:
        return redirect("analysis:provenance", run_id=run.run_id)
    effort = effort_of(run)
    context = {"run": run, "tab": "provenance", "said": provenance_of(run), "effort": effort}
    context["check"] = check_of(run)
    return render(request, "analysis/provenance.html", {**context, "worked": duration(effort["seconds"])})


@require_GET
@may_view
def provenance_file(request: HttpRequest, run_id: str) -> FileResponse:
    """Download a finished run's provenance.json."""
    run = opened(request, run_id)
    path = Path(run.folder) / "provenance.json"
    if not run.folder or not path.is_file():
        raise Http404
    return FileResponse(path.open("rb"), as_attachment=True, filename=f"{run.run_id}-provenance.json")
