"""The protocol builder: what a draft asks, shows and plans; read only after the lock."""

from dataclasses import asdict, replace
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from readerstudy.accounts.access import or_404, signed_in
from readerstudy.accounts.forms import filled
from readerstudy.cases.models import Case, CaseSet
from readerstudy.cases.selectors import roles_of
from readerstudy.refusals import RefusedError
from readerstudy.study.design import drafts
from readerstudy.study.design.estimand import method_of
from readerstudy.study.design.locking import picture_notes, warnings_of
from readerstudy.study.design.obstacles import hindrances_of
from readerstudy.study.design.protocol_file import LARGEST, as_toml, from_toml
from readerstudy.study.design.protocol_forms import PARTS, CopyStudy, PartForm
from readerstudy.study.design.question_form import KIND_NAMES, QuestionForm, initial_of
from readerstudy.study.markdown import render as render_markdown
from readerstudy.study.models import Study
from readerstudy.study.phases import Phase
from readerstudy.study.protocol import Protocol, ProtocolError
from readerstudy.study.protocol.questions import Question, QuestionKind
from readerstudy.study.visibility import admin_page, admin_step, may_create_studies, tell_refusal


@admin_page("GET")
def protocol(request: HttpRequest, study: Study) -> HttpResponse:
    """Show the whole protocol, part by part, and what is still open before the lock."""
    context = {
        **before_lock(study),
        **in_words(study),
        "kinds": [{"kind": kind, "name": name, "about": about} for kind, (name, about) in KIND_NAMES.items()],
        "cases": CaseSet.objects.filter(study=study.key).first(),
        "copy_form": CopyStudy(initial={"title": f"{study.title} (copy)", "slug": f"{study.slug[:55]}-copy"}),
        "may_create": may_create_studies(signed_in(request)),
    }
    return render(request, "study/protocol.html", context)


@admin_page("GET", "POST", draft=True)
def part(request: HttpRequest, study: Study, part: str) -> HttpResponse:
    """Edit one part of a draft's protocol."""
    or_404(part in PARTS)
    name, now = PARTS[part][0], Protocol.from_json(study.protocol)
    form = PartForm(request.POST or None, part=part, study=study, several=len(roles_of(study.key)) > 1)
    if request.method == "POST" and form.is_valid():
        title, version = form.cleaned_data.get("title", ""), form.cleaned_data["version"]
        if _revised(request, study, replace(now, **form.values()), f"{name}: saved.", version, title=title):
            return redirect("study:protocol", slug=study.slug)
    context = {**before_lock(study), "form": form, "name": name, "part": part}
    return render(request, "study/protocol_part.html", context)


@admin_page("GET", "POST", draft=True)
def new_question(request: HttpRequest, study: Study, kind: str) -> HttpResponse:
    """Add a question of one kind, at the end."""
    return _edit(request, study, or_404(next((each for each in KIND_NAMES if each == kind), None)), None)


@admin_page("GET", "POST", draft=True)
def question(request: HttpRequest, study: Study, key: str) -> HttpResponse:
    """Edit one question."""
    old = _found(Protocol.from_json(study.protocol), key)
    return _edit(request, study, old.kind, old)


@admin_step("study:protocol", draft=True)
def question_step(request: HttpRequest, study: Study, key: str, step: str) -> str:
    """Move a question up or down, or take it out."""
    now = Protocol.from_json(study.protocol)
    _found(now, key)
    if step == "remove":
        _store(request, study, drafts.question_removed(now, key))
        return f"The question '{key}' is removed."
    or_404(step in {"up", "down"})
    _store(request, study, drafts.question_moved(now, key, -1 if step == "up" else 1))
    return ""


@admin_page("GET", "POST", draft=True)
def practice(request: HttpRequest, study: Study) -> HttpResponse:
    """Type what readers are told after each practice case."""
    now = Protocol.from_json(study.protocol)
    cases = list(Case.objects.filter(study=study.practice_key).order_by("key")) if study.practice_key else []
    if request.method == "POST":
        changed = now
        for case in cases:
            text = request.POST.get(f"note-{case.key}", "").replace("\r\n", "\n").strip()
            changed = changed.with_note(case.key, text)
        if _revised(request, study, changed, "Feedback saved.", request.POST.get("version", "")):
            return redirect("study:protocol", slug=study.slug)
    context = {
        **before_lock(study),
        "cases": [{"case": case, "note": now.note_of(case.key)} for case in cases],
        "version": drafts.version_of(study),
    }
    return render(request, "study/protocol_practice.html", context)


@admin_page("GET")
def protocol_file(request: HttpRequest, study: Study) -> HttpResponse:
    """Hand the protocol out as TOML."""
    named = {"Content-Disposition": f'attachment; filename="{study.slug}.protocol.toml"'}
    text = as_toml(study.title, Protocol.from_json(study.protocol))
    return HttpResponse(text, content_type="application/toml; charset=utf-8", headers=named)


@admin_step("study:protocol", draft=True)
def import_file(request: HttpRequest, study: Study) -> str:
    """Replace a draft's protocol by that of a TOML file."""
    file = request.FILES.get("file")
    if file is None:
        raise ProtocolError("Choose a protocol file (TOML) first.")
    title, read = from_toml(file.read(LARGEST + 1))
    _store(request, study, read, title=title)
    return "The protocol of the file is in place."


@admin_step("study:protocol")
def copy(request: HttpRequest, study: Study) -> HttpResponse:
    """Make a new draft with this study's protocol."""
    values = filled(CopyStudy(request.POST), labelled=True)
    made = drafts.copy_study(study=study, actor=signed_in(request), **values)
    messages.success(request, "This is the copy. It has the same protocol, no cases and no readers.")
    return redirect("study:protocol", slug=made.slug)


def _edit(request: HttpRequest, study: Study, kind: QuestionKind, old: Question | None) -> HttpResponse:
    now = Protocol.from_json(study.protocol)
    initial = {**initial_of(old, kind), "version": drafts.version_of(study)}
    initial["endpoint"] = old is not None and old.key in now.endpoints
    form = QuestionForm(request.POST or None, kind=kind, protocol=now, old=old, initial=initial)
    if request.method == "POST" and form.is_valid():
        new = form.question
        kept = [new if each == old else each for each in now.questions]
        questions = tuple(kept if old else [*kept, new])
        marked = [each for each in questions if (each.endpoint if each is new else each.key in now.endpoints)]
        changed = replace(now, questions=questions, endpoints=tuple(each.key for each in marked))
        if _revised(request, study, changed, "Question saved.", form.cleaned_data["version"]):
            return redirect("study:protocol", slug=study.slug)
    name, about = KIND_NAMES[kind]
    context = {**before_lock(study), "form": form, "name": name, "about": about, "old": old}
    return render(request, "study/protocol_question.html", context)


def _found(now: Protocol, key: str) -> Question:
    return or_404(next((question for question in now.questions if question.key == key), None))


def _store(request: HttpRequest, study: Study, changed: Protocol, **more: str) -> None:
    """Revise, unless somebody else has done so since this request read the study."""
    now = {"version": drafts.version_of(study), **more}
    drafts.revise_protocol(study=study, protocol=changed, actor=signed_in(request), **now)


def _revised(
    request: HttpRequest, study: Study, changed: Protocol, told: str, version: str, *, title: str = ""
) -> bool:
    """Revise and say so, or say why not: what was typed stays on the page."""
    try:
        _store(request, study, changed, title=title, version=version)
    except (RefusedError, ValidationError) as error:
        tell_refusal(request, error)
        return False
    messages.success(request, told)
    return True


def before_lock(study: Study) -> dict[str, Any]:
    """Return what pages say of a draft before its lock: what would stop it, telling words, remarks on the pictures."""
    draft = study.phase == Phase.DRAFT
    return {
        "study": study,
        "draft": draft,
        "hindrances": hindrances_of(study) if draft else [],
        "warnings": warnings_of(study) if draft else [],
        "picture_notes": picture_notes(study) if draft else [],
    }


def in_words(study: Study) -> dict[str, Any]:
    """Return what pages say of a whole protocol: everything that a lock freezes, in words."""
    now = Protocol.from_json(study.protocol)
    return {
        "protocol": now,
        "method": method_of(study, now),
        **{name: render_markdown(getattr(now, name)) for name in ("instructions", "consent", "ending")},
        "questions": [_drawn(question, now) for question in now.questions],
        "practice_cases": Case.objects.filter(study=study.practice_key).count() if study.practice_key else 0,
    }


def _drawn(question: Question, now: Protocol) -> dict[str, Any]:
    """Return a question as the page shows it; a follow-up's answers in words."""
    words: list[str] = []
    if question.after is not None:
        before = _found(now, question.after.question)
        named = {level.value: level.label for level in before.levels} or {1: "yes", 0: "no"}
        words = [named[value] for value in question.after.values]
    return {**asdict(question), "kind_name": KIND_NAMES[question.kind][0], "after_words": words}
