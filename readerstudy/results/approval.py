"""Opening a key in two steps: one admin asks and says why, another one opens where the lock asks for two."""

from pathlib import Path

from django.db import transaction

from readerstudy.accounts.models import User
from readerstudy.audit.services import record
from readerstudy.results.models import Unblinding, UnblindingRequest
from readerstudy.results.services import UnblindingError, open_key, refuse_uncounted
from readerstudy.study.models import Study
from readerstudy.study.phases import next_phase


@transaction.atomic
def ask_to_open(*, study: Study, reason: str, actor: User) -> UnblindingRequest:
    """Ask that the key of a closed study be opened.

    Raises
    ------
    PhaseError: the study is not closed.
    UnblindingError: no reason, somebody has asked already, or two must open and the person does not count.
    """
    study = Study.objects.select_for_update().get(pk=study.pk)
    next_phase(study.phase, "unblind")
    if not reason.strip():
        raise UnblindingError("expected a reason for opening the key")
    if stands(study):
        raise UnblindingError("somebody has already asked; open the key, or decline first")
    refuse_uncounted(study, actor)
    request = UnblindingRequest.objects.create(study=study, asked_by=actor, reason=reason.strip())
    record(
        kind="study.unblinding_asked", actor=actor, study=study.key, subject=study.slug, reason=reason.strip()
    )
    return request


@transaction.atomic
def decline_to_open(*, study: Study, actor: User) -> None:
    """Take a request away; anyone who asked may do so too.

    Raises
    ------
    PhaseError: the study is not closed, so that there is nothing to decline.
    UnblindingError: nobody has asked.
    """
    study = Study.objects.select_for_update().get(pk=study.pk)
    next_phase(study.phase, "unblind")
    request = _asked(study)
    record(
        kind="study.unblinding_declined", actor=actor, study=study.key, subject=study.slug,
        values={"old": f"asked by {request.asked_by_id}", "new": ""},
    )  # fmt: skip
    request.delete()


@transaction.atomic
def open_as_asked(*, study: Study, key: Path, actor: User) -> Unblinding:
    """Open the key for the reason that was given when it was asked for.

    Raises
    ------
    UnblindingError: nobody has asked; and what `open_key` raises.
    """
    study = Study.objects.select_for_update().get(pk=study.pk)
    request = _asked(study)
    return open_key(
        study=study, key=key, reason=request.reason, actor=actor, asked_by=request.asked_by
    )  # fmt: skip


def request_of(study: Study) -> UnblindingRequest | None:
    """Return the open request, if there is one."""
    return UnblindingRequest.objects.select_related("asked_by").filter(study=study).first()


def stands(study: Study) -> bool:
    """Say whether somebody has asked for a study's key to be opened."""
    return UnblindingRequest.objects.filter(study=study).exists()


def _asked(study: Study) -> UnblindingRequest:
    request = request_of(study)
    if request is None:
        raise UnblindingError("expected an open request to open the key, found none")
    return request
