"""Open a study's key, once, after reading has closed everywhere."""

from dataclasses import asdict
from pathlib import Path

from django.db import transaction
from django.utils import timezone

from analysis.caseset import SealedHalf, read_key
from readerstudy.accounts.models import User
from readerstudy.audit.services import heads, record
from readerstudy.cases.models import Case
from readerstudy.results.models import OpenedCase, Unblinding
from readerstudy.study.duties import counting, needs_two, why_not
from readerstudy.study.models import Study
from readerstudy.study.phases import Phase, next_phase

CLOSED = {Phase.CLOSED.value, Phase.UNBLINDED.value, Phase.ARCHIVED.value}


class UnblindingError(Exception):
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
    UnblindingError: no reason, too few admins who count, another study with this key still open, cases that are not
        the key's.
    CaseSetError, FrameError: the file is not the locked key, or damaged.
    """
    study = Study.objects.select_for_update().get(pk=study.pk)
    phase = next_phase(study.phase, "unblind")
    if not reason.strip():
        raise UnblindingError("expected a reason for opening the key")
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
    old, study.phase, study.unblinded_at = study.phase, phase.value, timezone.now()
    study.save()
    unblinding = Unblinding.objects.create(
        study=study,
        key_sha256=sealed.digest,
        reason=reason.strip(),
        opened_by=actor,
        groups=asdict(sealed.groups),
    )
    record(
        kind="study.unblinded", actor=actor, study=study.key, subject=study.slug,
        values={
            "old": old, "new": phase.value, "key_sha256": sealed.digest, "audit_heads": heads(study.key),
        }, reason=reason.strip(),
    )  # fmt: skip
    return unblinding


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
            score=float(row["score"]), class_group=str(row["class_group"]), n_findings=int(row["n_findings"]),
        )
        for row in rows.to_dict("records")
    )  # fmt: skip
