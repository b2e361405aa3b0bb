"""Load a case set into a study: the cases app stores the frames, the study app notes the digests."""

from collections.abc import Callable
from pathlib import Path

from django.conf import settings

from readerstudy.accounts.models import User
from readerstudy.cases.loader import load_case_set
from readerstudy.cases.models import CaseSet
from readerstudy.cases.services import AlreadyLoadedError
from readerstudy.cases.window import WindowRule
from readerstudy.study.drafts import attach_practice_set, practice_draft, practice_key_for
from readerstudy.study.models import Study
from readerstudy.study.protocol import Protocol
from readerstudy.study.services import attach_case_set, cases_draft


def load_into_study(
    *, study: Study, folder: Path, actor: User | None, progress: Callable[[int, int], None] | None = None
) -> CaseSet:
    """Load a blind half into a draft study; rows, frames and digests stand or fall together.

    Raises
    ------
    PhaseError: the study is not a draft.
    AlreadyLoadedError: it has its cases.
    CaseSetError, FrameError: the folder is damaged.
    CaseSetRefusedError: images that cannot be read, all of them named by case.
    """

    if CaseSet.objects.filter(study=study.key).exists():
        raise AlreadyLoadedError(f"{_named(study)} already has its cases; create a new study for other cases")

    def attach(loaded: CaseSet) -> None:
        attach_case_set(
            study=study, cases_sha256=loaded.cases_sha256, sealed_sha256=loaded.key_sha256,
            run_id=loaded.run_id, synthetic=loaded.synthetic, actor=actor,
        )  # fmt: skip

    return load_case_set(
        folder=folder,
        study_key=study.key,
        frames_root=settings.FRAMES_ROOT,
        window_rule=WindowRule(Protocol.from_json(study.protocol).window_rule),
        actor=actor,
        progress=progress,
        attach=attach,
        check=lambda facts: cases_draft(study, facts.key_sha256),
    )


def load_practice(
    *, study: Study, folder: Path, actor: User | None, progress: Callable[[int, int], None] | None = None
) -> CaseSet:
    """Load the practice cases of a draft study: a blind half of its own, under a key of its own.

    Raises
    ------
    AlreadyLoadedError: it has practice cases.
    PhaseError, StudyError, CaseSetError, FrameError, CaseSetRefusedError: as for the study's own cases.
    """
    if study.practice_key is not None:
        raise AlreadyLoadedError(
            f"{_named(study)} already has its practice cases; copy the study to use other practice cases"
        )
    study.practice_key = practice_key_for(study)

    def attach(loaded: CaseSet) -> None:
        attach_practice_set(
            study=study, cases_sha256=loaded.cases_sha256, sealed_sha256=loaded.key_sha256, actor=actor
        )

    return load_case_set(
        folder=folder,
        study_key=study.practice_key,
        frames_root=settings.FRAMES_ROOT,
        window_rule=WindowRule(Protocol.from_json(study.protocol).window_rule),
        actor=actor,
        progress=progress,
        attach=attach,
        check=lambda facts: practice_draft(study, facts.key_sha256),
    )


def _named(study: Study) -> str:
    """Name a study as its page does, and as commands do."""
    return f"the study \u201c{study.title}\u201d ({study.slug})"
