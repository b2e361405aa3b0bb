"""Load a case set from the site's folder of handovers, or delete a draft, for an admin without a shell on the server.

Both belong to `ops`: loading needs the loader of `cases`, which reaches `analysis.caseset`, and the services of
`study`, which must never reach `analysis`; deleting takes away rows of every app.
"""

from functools import partial
from pathlib import Path
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render

from analysis.caseset import BlindHalf, CaseSetError, read_blind_half
from analysis.caseset.files import PROVENANCE_FILE
from analysis.columns import FrameError
from readerstudy.accounts.access import signed_in
from readerstudy.accounts.forms import filled
from readerstudy.accounts.middleware import answers_scripts
from readerstudy.accounts.models import User
from readerstudy.cases.loader import AlreadyLoadedError, load_case_set
from readerstudy.cases.loading import Progress, announce, loading_json
from readerstudy.cases.models import CaseSet
from readerstudy.cases.window import WindowRule
from readerstudy.commands import start_apart
from readerstudy.ops.backup.retention import delete_study
from readerstudy.refusals import RefusedError
from readerstudy.study.design import drafts
from readerstudy.study.design.lifecycle import attach_case_set, cases_draft
from readerstudy.study.models import Study
from readerstudy.study.phases import Phase, PhaseError, StudyError
from readerstudy.study.protocol import Protocol
from readerstudy.study.visibility import admin_page, admin_step, refuse_unconfirmed, tell_refusal

MOST_LISTED = 200


def offered_sets() -> list[BlindHalf]:
    """Return the blind halves directly in `CASE_SETS`, by name.

    What is no blind half, or a link, is not offered, and neither is a set whose key nobody has saved yet: it is hidden
    (`analysis.services.handing_over`), so that a study, and its lock, wait for that.
    """
    root = settings.CASE_SETS
    if not root.is_dir():
        return []
    found = []
    for folder in sorted(root.iterdir())[:MOST_LISTED]:
        if folder.name.startswith(".") or folder.is_symlink() or not (folder / PROVENANCE_FILE).is_file():
            continue
        try:
            found.append(read_blind_half(folder))
        except (CaseSetError, FrameError):
            continue
    return found


def start_load(*, study: Study, name: str, practice: bool, actor: User, replace: bool = False) -> bool:
    """Begin to load a set in a process of its own, which outlives the request; the study's page tells how far it is.

    The set is named out of the operator's folder, not uploaded: it has
    gigabytes. While one is being loaded nothing is begun, and False returned.

    Raises
    ------
    PhaseError: the study is not a draft.
    AlreadyLoadedError: it has its cases, and they are not to be replaced.
    StudyError: their key is open, or no blind half of this name is offered.
    """
    if study.phase != Phase.DRAFT:
        raise PhaseError(f"cases can be loaded only while the study is a draft; it is {study.phase}")
    key = _key_of(study, practice, replace)
    chosen = next((each for each in offered_sets() if each.folder.name == name), None)
    if chosen is None:
        raise StudyError(f"expected a case set in the site's folder of handovers, got '{name}'")
    (drafts.practice_draft if practice else cases_draft)(study, chosen.key_digest)
    if not announce(key):
        return False
    start_apart(
        "load_case_set", str(settings.CASE_SETS / name), "--study", study.slug, "--by", str(actor.pk),
        *(["--practice"] if practice else []), *(["--replace"] if replace else []),
    )  # fmt: skip
    return True


def load_into_study(
    *, study: Study, folder: Path, actor: User | None, practice: bool = False, replace: bool = False,
    progress: Progress = lambda *_: None,
) -> CaseSet:  # fmt: skip
    """Load a blind half into a draft study; rows, frames and digests are written together or not at all.

    Practice cases are a blind half of their own, under a key of their own. With `replace` they take the place of those
    that are loaded, and the orders of enrolled readers are drawn again.

    Raises
    ------
    PhaseError, StudyError: the study is not a draft, or cannot take these cases.
    AlreadyLoadedError: it has its cases, or its practice cases, and they are not to be replaced.
    CaseSetError, FrameError: the folder is damaged.
    CaseSetRefusedError: images that cannot be read, all of them named by case.
    """
    key = _key_of(study, practice, replace)
    if practice:
        study.practice_key = key

    def attach(loaded: CaseSet) -> None:
        digests = {"cases_sha256": loaded.cases_sha256, "sealed_sha256": loaded.key_sha256}
        if practice:
            drafts.attach_practice_set(study=study, actor=actor, **digests)
        else:
            attach_case_set(
                study=study, run_id=loaded.run_id, synthetic=loaded.synthetic, actor=actor, **digests
            )
            drafts.draw_again(Study.objects.get(pk=study.pk), actor)

    return load_case_set(
        folder=folder,
        study_key=key,
        frames_root=settings.FRAMES_ROOT,
        window_rule=WindowRule(Protocol.from_json(study.protocol).window_rule),
        actor=actor,
        progress=progress,
        attach=attach,
        check=lambda key_sha256: (drafts.practice_draft if practice else cases_draft)(study, key_sha256),
        detach=partial(drafts.detach_cases, study=study, practice=practice) if replace else None,
    )


def _key_of(study: Study, practice: bool, replace: bool) -> UUID:
    """Return the key under which these cases will lie, where there are none yet or they are to be replaced."""
    loaded = study.practice_key is not None if practice else CaseSet.objects.filter(study=study.key).exists()
    if loaded and not replace:
        # Named as the study's page names it, and as commands do.
        named = f"the study \u201c{study.title}\u201d ({study.slug}) already has its {'practice ' * practice}cases"
        raise AlreadyLoadedError(f"{named}; say that the new ones take their place (--replace)")
    return drafts.practice_key_for(study) if practice else study.key


CASES, PRACTICE = "cases", "practice"


class LoadCases(forms.Form):
    """Which set, and as what."""

    name = forms.ChoiceField(
        label="Case set",
        error_messages=dict.fromkeys(("required", "invalid_choice"), "Choose a case set that is offered."),
    )
    use = forms.ChoiceField(
        label="Load it as",
        choices=[(CASES, "the cases of the study"), (PRACTICE, "practice cases")],
        widget=forms.RadioSelect,
        initial=CASES,
    )
    replace = forms.BooleanField(
        label="In place of those that are loaded", required=False,
        help_text="What was seen on the old images, their terms and feedback go; readers' orders are drawn again.",
    )  # fmt: skip


@admin_page("GET", "POST")
def load(request: HttpRequest, study: Study) -> HttpResponse:
    """Offer the sets that can be loaded, and begin to load one."""
    form = LoadCases(request.POST or None)
    offered = [(each.folder.name, f"{each.folder.name}, {len(each.cases)} cases") for each in offered_sets()]
    form.fields["name"].choices = offered  # type: ignore[attr-defined]
    if request.method != "POST":
        return render(request, "ops/load.html", {"study": study, "form": form})
    try:
        values = filled(form)
        practice = values["use"] == PRACTICE
        asked = {"name": values["name"], "practice": practice, "replace": values["replace"]}
        if start_load(study=study, actor=signed_in(request), **asked):
            messages.success(request, "Loading has started; this page shows its progress.")
        else:
            messages.info(request, "A load is already running; this page shows its progress.")
    except (RefusedError, ValidationError) as error:
        tell_refusal(request, error)
    return redirect("ops:load", slug=study.slug)


@answers_scripts
@admin_page("GET")
def loading(request: HttpRequest, study: Study) -> JsonResponse:
    """Tell the study's admin how far the last load of cases is, and which images it refused."""
    return JsonResponse(loading_json(study.key, drafts.practice_key_for(study)))


@admin_step("study:detail")
def delete(request: HttpRequest, study: Study) -> HttpResponse:
    """Delete a draft whose short name was typed; what was locked is deleted on the server alone."""
    refuse_unconfirmed(request, study)
    if study.phase != Phase.DRAFT:
        raise PhaseError(f"only a draft can be deleted here; the study is {study.phase}")
    delete_study(study=study, reason="a draft, deleted by its admin", actor=signed_in(request))
    messages.success(request, f"The draft {study.slug} is deleted.")
    return redirect("home")
