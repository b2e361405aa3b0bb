"""The form that starts a sweep."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from analysis.models import Ensemble
from analysis.services.data_sets import InputError
from analysis.services.orders import order_sweep
from analysis.tasks import ring
from analysis.views.forms import SweepForm
from analysis.views.guards import may_change


@require_http_methods(["GET", "POST"])
@may_change
def new_sweep(request: HttpRequest) -> HttpResponse:
    """Ask for a sweep; a worker prepares it."""
    chosen = Ensemble.objects.filter(slug=request.GET.get("ensemble", "")).first()
    form = SweepForm(request.POST or None, initial={"ensemble": chosen})
    if request.method == "POST" and form.is_valid():
        try:
            run = order_sweep(
                ensemble=form.cleaned_data["ensemble"], seeds=form.cleaned_data["seeds"], prune=form.prune(),
                infer=form.infer(), actor_id=request.user.pk,
            )  # fmt: skip
        except InputError as error:
            form.refuse(error, error.field)
        else:
            ring()
            return redirect("analysis:run", run_id=run.run_id)
    return render(request, "analysis/new_sweep.html", {"form": form, "ensembles": Ensemble.objects.exists()})
