"""Load a case set that lies in the site's folder of handovers, for an admin without a shell on the server.

It belongs to `ops` because it needs both the loader of `cases`, which reaches `analysis.caseset`, and the services of
`study`, which must never reach `analysis`.
"""

from collections.abc import Callable
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
from readerstudy.cases.loading import announce, loading_json
from readerstudy.cases.models import CaseSet
from readerstudy.cases.window import WindowRule
from readerstudy.commands import start_apart
from readerstudy.refusals import RefusedError
from readerstudy.study.design.drafts import attach_practice_set, practice_draft, practice_key_for
from readerstudy.study.design.lifecycle import attach_case_set, cases_draft
from readerstudy.study.models import Study
from readerstudy.study.phases import Phase, PhaseError, StudyError
from readerstudy.study.protocol import Protocol
from readerstudy.study.visibility import admin_page, tell_refusal

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


def start_load(*, study: Study, name: str, practice: bool, actor: User) -> bool:
    """Begin to load a set in a process of its own, which outlives the request; the study's page tells how far it is.

    The set is named out of the operator's folder, not uploaded: it has
    gigabytes. While one is being loaded nothing is begun, and False returned.

    Raises
    ------
    PhaseError: the study is not a draft.
    AlreadyLoadedError: it has these cases already.
    StudyError: their key is open, or no blind half of this name is offered.
    """
    if study.phase != Phase.DRAFT:
        raise PhaseError(f"cases can be loaded only while the study is a draft; it is {study.phase}")
    key = _free_key(study, practice)
    chosen = next((each for each in offered_sets() if each.folder.name == name), None)
    if chosen is None:
        raise StudyError(f"expected a case set in the site's folder of handovers, got '{name}'")
    (practice_draft if practice else cases_draft)(study, chosen.key_digest)
    if not announce(key):
        return False
    start_apart(
        "load_case_set", str(settings.CASE_SETS / name), "--study", study.slug, "--by", str(actor.pk),
        *(["--practice"] if practice else []),
    )  # fmt: skip
    return True


def load_into_study(
    *, study: Study, folder: Path, actor: User | None, practice: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> CaseSet:  # fmt: skip
    """Load a blind half into a draft study; rows, frames and digests are written together or not at all.

    Practice cases are a blind half of their own, under a key of their own.

    Raises
    ------
    PhaseError, StudyError: the study is not a draft, or cannot take these cases.
    AlreadyLoadedError: it has its cases, or its practice cases.
    CaseSetError, FrameError: the folder is damaged.
    CaseSetRefusedError: images that cannot be read, all of them named by case.
    """
    key = _free_key(study, practice)
    if practice:
        study.practice_key = key

    def attach(loaded: CaseSet) -> None:
        digests = {"cases_sha256": loaded.cases_sha256, "sealed_sha256": loaded.key_sha256}
        if practice:
            attach_practice_set(study=study, actor=actor, **digests)
        else:
            attach_case_set(
                study=study, run_id=loaded.run_id, synthetic=loaded.synthetic, actor=actor, **digests
            )

    return load_case_set(
        folder=folder,
        study_key=key,
        frames_root=settings.FRAMES_ROOT,
        window_rule=WindowRule(Protocol.from_json(study.protocol).window_rule),
        actor=actor,
        progress=progress,
        attach=attach,
        check=lambda key_sha256: (practice_draft if practice else cases_draft)(study, key_sha256),
    )


def _free_key(study: Study, practice: bool) -> UUID:
    """Return the key under which these cases will lie, where there are none yet."""
    loaded = study.practice_key is not None if practice else CaseSet.objects.filter(study=study.key).exists()
    if loaded:
        # Named as the study's page names it, and as commands do.
        named = f"the study \u201c{study.title}\u201d ({study.slug}) already has its"
        practice_told = "practice cases; copy the study to use other practice cases"
        told = practice_told if practice else "cases; create a new study for other cases"
        raise AlreadyLoadedError(f"{named} {told}")
    return practice_key_for(study) if practice else study.key


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
        if start_load(study=study, name=values["name"], practice=practice, actor=signed_in(request)):
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
    return JsonResponse(loading_json(study.key, practice_key_for(study)))
