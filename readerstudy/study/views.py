"""The study admin's pages: set up, enrol, lock, start, close. Progress shows totals per reader only."""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from readerstudy.accounts.access import signed_in
from readerstudy.accounts.forms import filled
from readerstudy.accounts.middleware import page
from readerstudy.audit.services import heads
from readerstudy.cases.models import Case
from readerstudy.study import visibility as guard
from readerstudy.study.design import lifecycle
from readerstudy.study.design.protocol_forms import NewStudy
from readerstudy.study.design.protocol_views import before_lock
from readerstudy.study.design.signoff import waiting_for_sign_off
from readerstudy.study.design.terms import without_terms
from readerstudy.study.duties import is_unblinded, openers_context, unblinded_among
from readerstudy.study.models import ProposedStep, Role, Study
from readerstudy.study.people.invitations import refusals_of
from readerstudy.study.people.members import enrol_reader, progress_of, readers_of
from readerstudy.study.people.proposals import propose, waiting_proposals
from readerstudy.study.people.views import WAITS, EnrolReader, Reason
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
    context = {**_detail(study), "unblinded": unblinded_among(study)}
    return render(request, "study/detail.html", context)


@guard.admin_step("study:detail")
def enrol(request: HttpRequest, study: Study) -> str:
    """Enrol a reader."""
    person = filled(EnrolReader(request.POST))["email"]
    reader = enrol_reader(study=study, person=person, actor=signed_in(request))
    return f"{reader.person} reads as {reader.pseudonym}."


@guard.admin_step("study:detail")
def step(request: HttpRequest, study: Study, step: str) -> str:
    """Take the study one step on: lock, start or close."""
    if step not in STEPS:
        raise Http404
    take, told = STEPS[step]
    extra = filled(Reason(request.POST)) if step in {"close", "archive"} else {}
    if step == "close" and is_unblinded(signed_in(request), study):
        propose(study=study, step=ProposedStep.CLOSE, actor=signed_in(request), **extra)
        return WAITS
    take(study=study, actor=signed_in(request), **extra)
    return told


@page("GET")
def locked_file(request: HttpRequest, slug: str) -> HttpResponse:
    """Download the canonical protocol of a locked study: what can be preregistered; its SHA-256 is on the page."""
    study = guard.study_for_role(
        signed_in(request), slug, Role.STUDY_ADMIN, Role.RESEARCHER, Role.STATISTICIAN
    )
    if not study.locked_file:
        raise Http404
    named = {"Content-Disposition": f'attachment; filename="{slug}-protocol.json"'}
    return HttpResponse(study.locked_file.encode(), content_type="application/json", headers=named)


def _phases(phase: str) -> list[dict[str, str]]:
    names = [each.value for each in Phase]
    here = names.index(phase)
    states = ["done"] * here + ["current"] + ["todo"] * (len(names) - here - 1)
    return [{"name": name, "state": state} for name, state in zip(names, states, strict=True)]


def _detail(study: Study) -> dict[str, Any]:
    draft = study.phase == Phase.DRAFT
    return {
        **before_lock(study),
        "steps": allowed_steps(study.phase),
        "phases": _phases(study.phase),
        "readers": readers_of(study),
        "progress": progress_of(study),
        "cases": Case.objects.filter(study=study.key).count(),
        "protocol": Protocol.from_json(study.protocol),
        "enrol_form": EnrolReader(),
        "reason_form": Reason(),
        "proposals": waiting_proposals(study),
        "heads": heads(study.key),
        "refused": len(refusals_of(study)),
        "untermed": without_terms(study) if draft else [],
        "unsigned": waiting_for_sign_off(study) if draft else [],
        **openers_context(study),
    }
