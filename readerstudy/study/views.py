"""The study admin's pages: set up, enrol, lock, start, close. Progress shows totals per reader only."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from readerstudy.accounts.access import signed_in
from readerstudy.accounts.forms import tell_errors
from readerstudy.audit.services import heads
from readerstudy.cases.models import Case
from readerstudy.study.design import lifecycle
from readerstudy.study.design.locking import picture_notes, warnings_of
from readerstudy.study.design.obstacles import obstacles_of
from readerstudy.study.design.protocol_forms import NewStudy
from readerstudy.study.design.signoff import waiting_for_sign_off
from readerstudy.study.design.terms import without_terms
from readerstudy.study.duties import is_unblinded, openers_context, unblinded_among
from readerstudy.study.models import ProposedStep, Role, Study
from readerstudy.study.people.forms import EnrolReader, Reason
from readerstudy.study.people.invitations import refusals_of
from readerstudy.study.people.members import enrol_reader, progress_of, readers_of
from readerstudy.study.people.proposals import propose, waiting_proposals
from readerstudy.study.people.views import WAITS
from readerstudy.study.phases import Phase, PhaseError, StudyError, allowed_steps
from readerstudy.study.protocol import Protocol
from readerstudy.study.protocol.presets import Preset
from readerstudy.study.visibility import may_create_studies, studies_of, study_for_role, study_of_admin

STEPS: dict[str, Callable[..., Study]] = {
    "lock": lifecycle.lock,
    "start": lifecycle.start,
    "close": lifecycle.close,
    "archive": lifecycle.archive,
}

TOLD = {
    "lock": "The protocol is locked.",
    "start": "The reading room is open.",
    "close": "Reading is closed.",
    "archive": "The study is archived.",
}


@never_cache
@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """List what the person can do: studies to read, studies to run."""
    user = signed_in(request)
    context = {
        "readings": user.readings.select_related("study").annotate(
            total=Count("assignments"), finished=Count("assignments", filter=Q(assignments__revision__gt=0))
        ),
        "studies": studies_of(user),
        "administers": set(user.memberships.filter(role=Role.STUDY_ADMIN).values_list("study_id", flat=True)),
        "may_create": may_create_studies(user),
    }
    return render(request, "study/home.html", context)


@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Set up a study."""
    if not may_create_studies(signed_in(request)):
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


@never_cache
@require_GET
def detail(request: HttpRequest, slug: str) -> HttpResponse:
    """Show one study to its admin: phase, protocol, digests, readers with their progress."""
    study = study_of_admin(request, slug)
    context = {**_detail(study), "unblinded": unblinded_among(study)}
    return render(request, "study/detail.html", context)


@require_POST
def enrol(request: HttpRequest, slug: str) -> HttpResponse:
    """Enrol a reader."""
    study = study_of_admin(request, slug)
    form = EnrolReader(request.POST)
    if not form.is_valid():
        return _refused(request, slug, form)
    try:
        reader = enrol_reader(study=study, person=form.cleaned_data["email"], actor=signed_in(request))
        messages.success(request, f"{reader.person} reads as {reader.pseudonym}.")
    except (StudyError, PhaseError) as error:
        messages.error(request, str(error))
    return redirect("study:detail", slug=slug)


@require_POST
def step(request: HttpRequest, slug: str, step: str) -> HttpResponse:
    """Take the study one step on: lock, start or close."""
    study = study_of_admin(request, slug)
    if step not in STEPS:
        raise Http404
    extra: dict[str, Any] = {}
    if step in {"close", "archive"}:
        form = Reason(request.POST)
        if not form.is_valid():
            return _refused(request, slug, form)
        extra["reason"] = form.cleaned_data["reason"]
    try:
        if step == "close" and is_unblinded(signed_in(request), study):
            propose(study=study, step=ProposedStep.CLOSE, actor=signed_in(request), **extra)
            messages.success(request, WAITS)
            return redirect("study:detail", slug=slug)
        STEPS[step](study=study, actor=signed_in(request), **extra)
        messages.success(request, TOLD[step])
    except (StudyError, PhaseError, ValidationError) as error:
        messages.error(request, str(error))
    return redirect("study:detail", slug=slug)


@never_cache
@require_GET
def locked_file(request: HttpRequest, slug: str) -> HttpResponse:
    """Download the canonical protocol of a locked study: what can be preregistered; its SHA-256 is on the page."""
    study = study_for_role(signed_in(request), slug, Role.STUDY_ADMIN, Role.RESEARCHER, Role.STATISTICIAN)
    if not study.locked_file:
        raise Http404
    name = f'attachment; filename="{slug}-protocol.json"'
    response = HttpResponse(study.locked_file.encode(), content_type="application/json")
    response["Content-Disposition"] = name
    return response


def _refused(request: HttpRequest, slug: str, form: forms.Form) -> HttpResponse:
    """Say at the top of the page what was wrong, and leave the browser on an address that it can reload."""
    tell_errors(request, form)
    return redirect("study:detail", slug=slug)


def _phases(phase: str) -> list[dict[str, str]]:
    names = [each.value for each in Phase]
    here = names.index(phase)
    states = ["done"] * here + ["current"] + ["todo"] * (len(names) - here - 1)
    return [{"name": name, "state": state} for name, state in zip(names, states, strict=True)]


def _detail(study: Study) -> dict[str, Any]:
    draft = study.phase == Phase.DRAFT
    return {
        "study": study,
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
        "warnings": warnings_of(study) if draft else [],
        "picture_notes": picture_notes(study) if draft else [],
        "refused": len(refusals_of(study)),
        "untermed": without_terms(study) if draft else [],
        "unsigned": waiting_for_sign_off(study) if draft else [],
        "obstacles": obstacles_of(study) if draft else [],
        **openers_context(study),
    }
