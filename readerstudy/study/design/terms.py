"""The terms of a study's case sets: which there are, who has still to confirm them, changing them."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction

from readerstudy.accounts.models import User
from readerstudy.cases import terms as case_terms
from readerstudy.cases.models import CaseSet, Terms, TermsConfirmation
from readerstudy.cases.terms import TermsError, Wording
from readerstudy.study.duties import locked_row
from readerstudy.study.markdown import render
from readerstudy.study.models import Reader, Study
from readerstudy.study.phases import BEFORE_CLOSE, Phase
from readerstudy.study.protocol import ProtocolError

CASES, PRACTICE = "cases", "practice"
NAMES = {CASES: "The cases of the study", PRACTICE: "The practice cases"}


@dataclass(frozen=True)
class SetOfCases:
    """One case set of a study: its short name, its key, its terms if it has any, whether its images are synthetic."""

    which: str
    key: UUID
    terms: Terms | None
    synthetic: bool

    @property
    def name(self) -> str:
        """What the pages call it."""
        return NAMES[self.which]


def keys_of(study: Study) -> dict[UUID, str]:
    """Return the keys of the study's case sets with their short names, the practice cases first."""
    practice = {study.practice_key: PRACTICE} if study.practice_key else {}
    return {**practice, study.key: CASES}


def sets_of(study: Study) -> list[SetOfCases]:
    """Return the loaded case sets of a study with their terms."""
    keys = keys_of(study)
    terms = case_terms.latest_terms(keys)
    loaded = {each.study: each for each in CaseSet.objects.filter(study__in=keys)}
    sets = ((key, which) for key, which in keys.items() if key in loaded)
    return [SetOfCases(which, key, terms.get(key), loaded[key].synthetic) for key, which in sets]


def waiting(study: Study, person: User) -> list[Terms]:
    """Return the terms that a person has still to confirm before they see images of this study."""
    return case_terms.waiting_terms(person, keys_of(study))


def terms_json(study: Study, terms: list[Terms]) -> list[dict[str, str]]:
    """Return terms as the reading page shows them: who owns them, sanitised HTML, and the digest to confirm."""
    keys = keys_of(study)
    return [
        {
            "name": NAMES[keys[each.study]], "text": render(each.text), "credential": each.credential,
            "ethics": each.ethics, "sha256": each.sha256,
        }
        for each in terms
    ]  # fmt: skip


@transaction.atomic
def confirm(*, study: Study, person: User, digests: Any) -> None:
    """Note that a person confirms the terms with these digests: all that wait for them.

    Raises
    ------
    ProtocolError: not the digests of what waits, as when the terms changed since the page was opened.
    """
    wanted = [(each.study, each.sha256) for each in waiting(study, person)]
    if not isinstance(digests, list) or not all(isinstance(each, str) for each in digests):
        raise ProtocolError("sha256: expected a list of the digests of the terms that were shown")
    if {sha256 for _, sha256 in wanted} - set(digests):
        raise ProtocolError(
            "the terms of use have changed since this page was opened; reload it and read them again"
        )
    for key, sha256 in wanted:
        case_terms.confirm_terms(set_key=key, chain=study.key, person=person, sha256=sha256)


def ever_confirmed(reader: Reader) -> bool:
    """Say whether a reader has confirmed terms of the study's cases before: then a new text loses them no answer."""
    return TermsConfirmation.objects.filter(person=reader.person, study=reader.study.key).exists()


@transaction.atomic
def change(*, study: Study, which: str, wording: Wording, actor: User | None, reason: str = "") -> Terms:
    """Record other terms for a case set of the study; everybody is asked again.

    They are no part of what the lock freezes: the owner of the images may ask for something else while they are read.

    Raises
    ------
    PhaseError: reading is over.
    TermsError: no such case set is loaded, no text, too long a part, or no reason after the lock.
    """
    study = locked_row(study, BEFORE_CLOSE, "terms can be changed only before reading closes; the study is")
    found = {each.which: each for each in sets_of(study)}.get(which)
    if found is None:
        raise TermsError(
            f"expected a loaded case set, and this study has none called '{which}'; load the cases first"
        )
    if study.phase != Phase.DRAFT and not reason.strip():
        raise TermsError("expected a reason: the study is locked, and every reader is asked again")
    return case_terms.set_terms(
        set_key=found.key, chain=study.key, wording=wording, actor=actor, reason=reason.strip()
    )


def without_terms(study: Study) -> list[str]:
    """Name the case sets of real images that have no terms: such a study is not locked."""
    return [each.name for each in sets_of(study) if not each.synthetic and each.terms is None]


def locked_terms(study: Study) -> dict[str, dict[str, str]]:
    """Return what the locked protocol says of the terms of each case set."""
    return {
        each.which: {
            "sha256": each.terms.sha256, "credential": each.terms.credential, "ethics": each.terms.ethics,
        }
        for each in sets_of(study)
        if each.terms is not None
    }  # fmt: skip
