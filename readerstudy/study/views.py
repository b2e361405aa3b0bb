"""The study admin's pages: set up, lock, start, close. Progress shows totals per reader only."""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from readerstudy.accounts.access import or_404, signed_in
from readerstudy.accounts.forms import filled
from readerstudy.accounts.middleware import page
from readerstudy.audit.services import heads
from readerstudy.cases.models import Case
from readerstudy.study import visibility as guard
from readerstudy.study.design import lifecycle
from readerstudy.study.design.locking import METHOD
from readerstudy.study.design.protocol_forms import NewStudy
from readerstudy.study.design.protocol_views import before_lock, in_words
from readerstudy.study.design.signoff import progress_of as progress_of_images
from readerstudy.study.design.terms import sets_of
from readerstudy.study.duties import is_unblinded, openers_context, unblinded_among
from readerstudy.study.models import ProposedStep, Role, Study
from readerstudy.study.orders.drawing import commitment
from readerstudy.study.people.invitations import refusals_of
from readerstudy.study.people.members import progress_of, readers_of
from readerstudy.study.people.proposals import propose, waiting_proposals
from readerstudy.study.people.views import WAITS, Reason
from readerstudy.study.phases import Phase, allowed_steps
from readerstudy.study.protocol import Protocol
from readerstudy.study.protocol.presets import Preset

STEPS: dict[str, tuple[Callable[..., Study], str]] = {
    "lock": (lifecycle.lock, "The protocol is locked."),
    "start": (lifecycle.start, "The reading room is open."),
    "close": (lifecycle.close, "Reading is closed."),
    "archive": (lifecycle.archive, "The study is archived."),
}
"""Each step that an admin takes, and what the page says then."""


@page("GET")
def home(request: HttpRequest) -> HttpResponse:
    """List what the person can do: studies to read, studies to run."""
    user = signed_in(request)
    context = {
        "readings": user.readings.select_related("study").annotate(
            total=Count("assignments"), finished=Count("assignments", filter=Q(assignments__revision__gt=0))
        ),
        "studies": guard.studies_of(user),
        "administers": set(user.memberships.filter(role=Role.STUDY_ADMIN).values_list("study_id", flat=True)),
        "may_create": guard.may_create_studies(user),
    }
    return render(request, "study/home.html", context)


@page("GET", "POST")
def new(request: HttpRequest) -> HttpResponse:
    """Set up a study."""
    if not guard.may_create_studies(signed_in(request)):
        raise PermissionDenied
    form = NewStudy(request.POST or None)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        begun: Preset = values["preset"]
        study = lifecycle.create_study(
            slug=values["slug"], title=values["title"], actor=signed_in(request),
            protocol=Protocol(values["instructions"], begun.questions, endpoints=begun.endpoints),
        )  # fmt: skip
        return redirect("study:detail", slug=study.slug)
    return render(request, "study/new.html", {"form": form})


@guard.admin_page("GET")
def detail(request: HttpRequest, study: Study) -> HttpResponse:
    """Show one study to its admin: phase, protocol, digests, readers with their progress."""
    return render(request, "study/detail.html", {**_detail(study), "unblinded": unblinded_among(study)})


@guard.admin_page("GET", draft=True)
def lock(request: HttpRequest, study: Study) -> HttpResponse:
    """Show everything that the lock would freeze, and ask for the study's short name."""
    context = {
        **_detail(study),
        **in_words(study),
        "analysis": METHOD,
        "sets": sets_of(study),
        "looked": progress_of_images(study),
        "orders": [(each, commitment(bytes(each.order_seed))) for each in readers_of(study)],
    }
    return render(request, "study/lock.html", context)


@guard.admin_step("study:detail")
def step(request: HttpRequest, study: Study, step: str) -> str:
    """Take the study one step on: lock, start or close."""
    or_404(step in STEPS)
    take, told = STEPS[step]
    if step == "lock":
        guard.refuse_unconfirmed(request, study)
    extra = filled(Reason(request.POST)) if step in {"close", "archive"} else {}
    if step == "close" and is_unblinded(signed_in(request), study):
        propose(study=study, step=ProposedStep.CLOSE, actor=signed_in(request), **extra)
        return WAITS
    take(study=study, actor=signed_in(request), **extra)
    return told


@guard.member_page("GET")
def locked_file(request: HttpRequest, study: Study) -> HttpResponse:
    """Download the canonical protocol of a locked study: what can be preregistered; its SHA-256 is on the page."""
    or_404(study.locked_file != "")
    named = {"Content-Disposition": f'attachment; filename="{study.slug}-protocol.json"'}
    return HttpResponse(study.locked_file.encode(), content_type="application/json", headers=named)


def _phases(phase: str) -> list[dict[str, str]]:
    here = list(Phase).index(Phase(phase))
    states = ["done"] * here + ["current"] + ["todo"] * len(Phase)
    return [{"name": each.value, "state": state} for each, state in zip(Phase, states, strict=False)]


def _detail(study: Study) -> dict[str, Any]:
    return {
        **before_lock(study),
        "steps": allowed_steps(study.phase),
        "phases": _phases(study.phase),
        "progress": progress_of(study),
        "cases": Case.objects.filter(study=study.key).count(),
        "reason_form": Reason(),
        "proposals": waiting_proposals(study),
        "heads": heads(study.key),
        "refused": len(refusals_of(study)),
        **openers_context(study),
    }
