"""Open a study's key, once, after reading has closed everywhere.

Where the lock asks for two admins, one asks and says why, and another one opens.
"""

from dataclasses import asdict
from math import isnan
from pathlib import Path

from django.db import transaction
from django.utils import timezone

from analysis.caseset import SealedHalf, read_key
from readerstudy.accounts.models import User
from readerstudy.audit.services import heads, record
from readerstudy.cases.models import Case
from readerstudy.refusals import RefusedError
from readerstudy.results.models import OpenedCase, Unblinding, UnblindingRequest
from readerstudy.study.design.lifecycle import move, stepping
from readerstudy.study.duties import counting, needs_two, why_not
from readerstudy.study.models import Study
from readerstudy.study.phases import Phase

CLOSED = {Phase.CLOSED.value, Phase.UNBLINDED.value, Phase.ARCHIVED.value}


class UnblindingError(RefusedError):
    """A key cannot be opened as asked: what was expected, what was found, what to do."""


@transaction.atomic
def open_key(
    *, study: Study, key: Path, reason: str, actor: User | None, asked_by: User | None = None
) -> Unblinding:
    """Read the sealed file and join it to the closed study; irreversible.

    The file's digest must be the one that was locked with the study, and every study that holds this digest
    must be closed (a draft may stay one): opening it for one while others still read would unblind those.

    Parameters
    ----------
    actor: who opens; None is the operator, on the server, who opens where two admins must and too few count.
    asked_by: who asked for it, the other one of the two.

    Raises
    ------
    PhaseError: the study is not closed.
    StudyError: no reason.
    UnblindingError: too few admins who count, another study with this key still open, cases that are not the key's.
    CaseSetError, FrameError: the file is not the locked key, or damaged.
    """
    study, phase = stepping(study, "unblind", reason)
    if actor is None:
        _refuse_operator(study)
    else:
        _refuse_alone(study, asked_by, actor)
    sealed = read_key(key, study.sealed_sha256)
    # A draft is read by nobody, and once the key is open it can no longer be locked.
    others = Study.objects.filter(sealed_sha256=sealed.digest).exclude(phase__in={*CLOSED, Phase.DRAFT.value})
    if waiting := others.count():
        studies = "another study that is" if waiting == 1 else f"{waiting} other studies that are"
        raise UnblindingError(f"the same key belongs to {studies} not closed; it opens when all are")
    _join(study, sealed)
    study.unblinded_at = timezone.now()
    values: dict[str, object] = {"key_sha256": sealed.digest, "audit_heads": heads(study.key)}
    move(study, phase, "study.unblinded", actor, values, reason.strip())
    return Unblinding.objects.create(
        study=study,
        key_sha256=sealed.digest,
        reason=reason.strip(),
        opened_by=actor,
        groups=asdict(sealed.groups),
    )


def asking_for_two(study: Study) -> list[Study]:
    """Return the sealed studies with this study's key, itself among them, whose lock asks for two admins.

    A copy of a study, under an admin of its own, has the same key and is no way round.
    """
    holding = Study.objects.filter(sealed_sha256=study.sealed_sha256, unblinded_at=None).exclude(
        phase=Phase.DRAFT
    )
    return [each for each in holding.order_by("pk") if needs_two(each)]


def refuse_uncounted(study: Study, person: User | None) -> None:
    """Refuse somebody who does not count as one of the two who open this study's key.

    Raises
    ------
    UnblindingError: one of the studies with this key asks for two, and the person does not count in it.
    """
    for each in asking_for_two(study):
        why = "nobody has asked" if person is None else why_not(person, each)
        if why:
            who = "" if person is None else f"{person} is not eligible: {person} "
            raise UnblindingError(
                f"the key of '{each.slug}' is opened by two eligible study admins, one asks and another "
                f"opens; {who}{why}"
            )


def _refuse_alone(study: Study, asked_by: User | None, actor: User) -> None:
    for person in (asked_by, actor):
        refuse_uncounted(study, person)
    if asked_by == actor and asking_for_two(study):
        raise UnblindingError("you asked for it; another admin of the study must open the key")


def _refuse_operator(study: Study) -> None:
    for each in asking_for_two(study):
        able = counting(each)
        if each.phase == Phase.CLOSED and len(able) > 1:
            names = " and ".join(str(person) for person in able)
            raise UnblindingError(
                f"expected fewer than two study admins of '{each.slug}' who count, {names} do: two of them open the "
                "key on the page Results. First remove the role of anyone who has left on the page People"
            )


def _join(study: Study, sealed: SealedHalf) -> None:
    cases = {case.key: case for case in Case.objects.filter(study=study.key)}
    rows = sealed.rows
    if set(rows["case"]) != set(cases):
        raise UnblindingError(
            f"expected the key of the {len(cases)} loaded cases, its {len(rows)} rows name other cases"
        )
    OpenedCase.objects.bulk_create(
        OpenedCase(
            study=study, case=cases[str(row["case"])], arm=int(row["arm"]), pair=int(row["pair"]),
            score=None if isnan(row["score"]) else float(row["score"]), class_group=str(row["class_group"]),
            n_findings=int(row["n_findings"]), patient=int(row["patient"]) if "patient" in row else None,
        )
        for row in rows.to_dict("records")
    )  # fmt: skip


@transaction.atomic
def ask_to_open(*, study: Study, reason: str, actor: User) -> UnblindingRequest:
    """Ask that the key of a closed study be opened.

    Raises
    ------
    PhaseError: the study is not closed.
    StudyError: no reason.
    UnblindingError: somebody has asked already, or two must open and the person does not count.
    """
    study, _ = stepping(study, "unblind", reason)
    if has_request(study):
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
    study, _ = stepping(study, "unblind")
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


def has_request(study: Study) -> bool:
    """Say whether somebody has asked for a study's key to be opened."""
    return UnblindingRequest.objects.filter(study=study).exists()


def _asked(study: Study) -> UnblindingRequest:
    request = request_of(study)
    if request is None:
        raise UnblindingError("expected an open request to open the key, found none")
    return request
