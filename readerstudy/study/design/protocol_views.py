"""The protocol builder: what a draft asks, shows and plans; read only after the lock."""

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from readerstudy.accounts.access import signed_in
from readerstudy.accounts.forms import tell_errors
from readerstudy.cases.models import Case, CaseSet
from readerstudy.study.design import drafts
from readerstudy.study.design.estimand import method_of
from readerstudy.study.design.locking import picture_notes, warnings_of
from readerstudy.study.design.obstacles import obstacles_of
from readerstudy.study.design.protocol_file import LARGEST, as_toml, from_toml
from readerstudy.study.design.protocol_forms import NAMES, PARTS, CopyStudy, ProtocolFile
from readerstudy.study.design.question_form import KIND_NAMES, QuestionForm, initial_of
from readerstudy.study.markdown import render as render_markdown
from readerstudy.study.models import Study
from readerstudy.study.phases import Phase, PhaseError, StudyError
from readerstudy.study.protocol import Protocol, ProtocolError
from readerstudy.study.protocol.presets import with_label_follow_ups
from readerstudy.study.protocol.questions import Question, QuestionKind
from readerstudy.study.visibility import may_create_studies, study_of_admin

REFUSED = (StudyError, PhaseError, ProtocolError, ValidationError, drafts.ChangedMeanwhileError)


@never_cache
@require_GET
def protocol(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the whole protocol, part by part, and what is still open before the lock."""
    study = study_of_admin(request, slug)
    now = Protocol.from_json(study.protocol)
    context = {
        **_frame(study),
        "protocol": now,
        "method": method_of(study, now),
        "names": NAMES,
        "instructions": render_markdown(now.instructions),
        "consent": render_markdown(now.consent),
        "ending": render_markdown(now.ending),
        "questions": [_drawn(question, now) for question in now.questions],
        "kinds": [{"kind": kind, "name": name, "about": about} for kind, (name, about) in KIND_NAMES.items()],
        "offer_follow_ups": with_label_follow_ups(now.questions) is not None,
        "cases": CaseSet.objects.filter(study=study.key).first(),
        "practice_cases": Case.objects.filter(study=study.practice_key).count() if study.practice_key else 0,
        "file_form": ProtocolFile(),
        "copy_form": CopyStudy(initial={"title": f"{study.title} (copy)", "slug": f"{study.slug[:55]}-copy"}),
        "may_create": may_create_studies(signed_in(request)),
    }
    return render(request, "study/protocol.html", context)


@never_cache
@require_http_methods(["GET", "POST"])
def part(request: HttpRequest, slug: str, part: str) -> HttpResponse:
    """Edit one part of a draft's protocol."""
    study = _draft(request, slug)
    if part not in PARTS:
        raise Http404
    name, form_class = PARTS[part]
    now = Protocol.from_json(study.protocol)
    initial = {**form_class.initial_of(now, study.title), "version": drafts.version_of(study)}
    form = form_class(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        title = form.cleaned_data.get("title", "")
        changed = replace(now, **form.values())
        if _revised(request, study, changed, f"{name}: saved.", form.cleaned_data["version"], title=title):
            return redirect("study:protocol", slug=slug)
        form = form_class(request.POST, initial=initial)
    context = {**_frame(study), "form": form, "name": name, "part": part}
    return render(request, "study/protocol_part.html", context)


@never_cache
@require_http_methods(["GET", "POST"])
def new_question(request: HttpRequest, slug: str, kind: str) -> HttpResponse:
    """Add a question of one kind, at the end."""
    study = _draft(request, slug)
    if kind not in KIND_NAMES:
        raise Http404
    return _edit(request, study, kind, None)


@never_cache
@require_http_methods(["GET", "POST"])
def question(request: HttpRequest, slug: str, key: str) -> HttpResponse:
    """Edit one question."""
    study = _draft(request, slug)
    old = _found(Protocol.from_json(study.protocol), key)
    return _edit(request, study, old.kind, old)


@require_POST
def question_step(request: HttpRequest, slug: str, key: str, step: str) -> HttpResponse:
    """Move a question up or down, or take it out."""
    study = _draft(request, slug)
    now = Protocol.from_json(study.protocol)
    _found(now, key)
    steps: dict[str, tuple[Callable[[], Protocol], str]] = {
        "up": (lambda: drafts.question_moved(now, key, -1), ""),
        "down": (lambda: drafts.question_moved(now, key, 1), ""),
        "remove": (lambda: drafts.question_removed(now, key), f"The question '{key}' is removed."),
    }
    if step not in steps:
        raise Http404
    make, told = steps[step]
    try:
        _revised(request, study, make(), told, drafts.version_of(study))
    except ProtocolError as error:
        messages.error(request, str(error))
    return redirect("study:protocol", slug=slug)


@require_POST
def follow_ups(request: HttpRequest, slug: str) -> HttpResponse:
    """Add the two questions about labels for anyone who does not fully agree with them."""
    study = _draft(request, slug)
    now = Protocol.from_json(study.protocol)
    questions = with_label_follow_ups(now.questions)
    if questions is not None:
        _revised(
            request,
            study,
            replace(now, questions=questions),
            "Two follow-ups are added.",
            drafts.version_of(study),
        )
    return redirect("study:protocol", slug=slug)


@never_cache
@require_http_methods(["GET", "POST"])
def practice(request: HttpRequest, slug: str) -> HttpResponse:
    """Type what readers are told after each practice case."""
    study = _draft(request, slug)
    now = Protocol.from_json(study.protocol)
    cases = list(Case.objects.filter(study=study.practice_key).order_by("key")) if study.practice_key else []
    if request.method == "POST":
        changed = now
        for case in cases:
            text = request.POST.get(f"note-{case.key}", "").replace("\r\n", "\n").strip()
            changed = changed.with_note(case.key, text)
        if _revised(request, study, changed, "Feedback saved.", request.POST.get("version", "")):
            return redirect("study:protocol", slug=slug)
    context = {
        **_frame(study),
        "cases": [{"case": case, "note": now.note_of(case.key)} for case in cases],
        "version": drafts.version_of(study),
    }
    return render(request, "study/protocol_practice.html", context)


@require_GET
def protocol_file(request: HttpRequest, slug: str) -> HttpResponse:
    """Hand the protocol out as TOML."""
    study = study_of_admin(request, slug)
    response = HttpResponse(
        as_toml(study.title, Protocol.from_json(study.protocol)),
        content_type="application/toml; charset=utf-8",
    )
    response["Content-Disposition"] = f'attachment; filename="{study.slug}.protocol.toml"'
    response["Cache-Control"] = "private, no-store"
    return response


@require_POST
def import_file(request: HttpRequest, slug: str) -> HttpResponse:
    """Replace a draft's protocol by that of a TOML file."""
    study = _draft(request, slug)
    form = ProtocolFile(request.POST, request.FILES)
    if not form.is_valid():
        messages.error(request, "Choose a protocol file (TOML) first.")
        return redirect("study:protocol", slug=slug)
    try:
        title, read = from_toml(form.cleaned_data["file"].read(LARGEST + 1))
        _revised(
            request,
            study,
            read,
            "The protocol of the file is in place.",
            drafts.version_of(study),
            title=title,
        )
    except ProtocolError as error:
        messages.error(request, str(error))
    return redirect("study:protocol", slug=slug)


@require_POST
def copy(request: HttpRequest, slug: str) -> HttpResponse:
    """Make a new draft with this study's protocol."""
    study = study_of_admin(request, slug)
    form = CopyStudy(request.POST)
    if not form.is_valid():
        tell_errors(request, form, labelled=True)
        return redirect("study:protocol", slug=slug)
    try:
        made = drafts.copy_study(study=study, actor=signed_in(request), **form.cleaned_data)
    except REFUSED as error:
        messages.error(request, _words(error))
        return redirect("study:protocol", slug=slug)
    messages.success(request, "This is the copy. It has the same protocol, no cases and no readers.")
    return redirect("study:protocol", slug=made.slug)


def _draft(request: HttpRequest, slug: str) -> Study:
    """Return the study if its protocol can be changed; a locked one has no builder."""
    study = study_of_admin(request, slug)
    if study.phase != Phase.DRAFT:
        raise Http404
    return study


def _edit(request: HttpRequest, study: Study, kind: QuestionKind, old: Question | None) -> HttpResponse:
    now = Protocol.from_json(study.protocol)
    initial = {**initial_of(old, kind), "version": drafts.version_of(study)}
    initial["endpoint"] = old is not None and old.key in now.endpoints
    form = QuestionForm(request.POST or None, kind=kind, protocol=now, old=old, initial=initial)
    if request.method == "POST" and form.is_valid():
        kept = [form.question if each == old else each for each in now.questions]
        questions = tuple(kept if old else [*kept, form.question])
        marked = {*now.endpoints} - {old.key if old else ""} | (
            {form.question.key} if form.question.endpoint else set()
        )
        endpoints = tuple(question.key for question in questions if question.key in marked)
        changed = replace(now, questions=questions, endpoints=endpoints)
        if _revised(request, study, changed, "Question saved.", form.cleaned_data["version"]):
            return redirect("study:protocol", slug=study.slug)
    name, about = KIND_NAMES[kind]
    context = {**_frame(study), "form": form, "name": name, "about": about, "old": old}
    return render(request, "study/protocol_question.html", context)


def _found(now: Protocol, key: str) -> Question:
    found = next((question for question in now.questions if question.key == key), None)
    if found is None:
        raise Http404
    return found


def _revised(
    request: HttpRequest, study: Study, changed: Protocol, told: str, version: str, *, title: str = ""
) -> bool:
    try:
        drafts.revise_protocol(
            study=study, protocol=changed, actor=signed_in(request), title=title, version=version
        )
    except REFUSED as error:
        messages.error(request, _words(error))
        return False
    if told:
        messages.success(request, told)
    return True


def _words(error: Exception) -> str:
    return " ".join(error.messages) if isinstance(error, ValidationError) else str(error)


def _frame(study: Study) -> dict[str, Any]:
    """Return what every page of the builder has; of a draft also what would stop its lock, and telling words."""
    draft = study.phase == Phase.DRAFT
    return {
        "study": study,
        "draft": draft,
        "obstacles": obstacles_of(study) if draft else [],
        "warnings": warnings_of(study) if draft else [],
        "picture_notes": picture_notes(study) if draft else [],
    }


def _drawn(question: Question, now: Protocol) -> dict[str, Any]:
    """Return a question as the page shows it; a follow-up's answers in words."""
    words: list[str] = []
    if question.after is not None:
        before = _found(now, question.after.question)
        named = {level.value: level.label for level in before.levels} or {1: "yes", 0: "no"}
        words = [named[value] for value in question.after.values]
    return {**asdict(question), "kind_name": KIND_NAMES[question.kind][0], "after_words": words}
