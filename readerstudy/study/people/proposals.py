"""What an unblinded admin cannot do alone: they propose it, a blinded admin does it or declines."""

from collections.abc import Callable

from django.db import transaction

from readerstudy.accounts.models import User
from readerstudy.audit.services import record
from readerstudy.study.design.lifecycle import close
from readerstudy.study.duties import admins_of, doubt_about, is_unblinded, locked_row
from readerstudy.study.models import Proposal, ProposedStep, Study
from readerstudy.study.people.invitations import READER, invite
from readerstudy.study.people.members import withdraw_reader
from readerstudy.study.phases import BEFORE_CLOSE, Phase, StudyError

PHASES = {
    ProposedStep.CLOSE: {Phase.READING},
    ProposedStep.WITHDRAW: BEFORE_CLOSE,
    ProposedStep.REPLACE: BEFORE_CLOSE,
}


@transaction.atomic
def propose(
    *, study: Study, step: ProposedStep, actor: User, reason: str, reader: str = "", email: str = ""
) -> Proposal:
    """Ask a blinded admin to take a step.

    Parameters
    ----------
    reader: pseudonym of the reader who withdraws or is replaced.
    email: address to invite in a withdrawn reader's place.

    Raises
    ------
    PhaseError: the step is not possible now.
    StudyError: no reason, the same is proposed already, or the study has no blinded admin.
    """
    allowed = ", ".join(sorted(PHASES[step]))
    study = locked_row(
        study, PHASES[step], f"'{step.label}' is possible in the phases {allowed}; the study is"
    )
    if not reason.strip():
        raise StudyError("expected a reason; a second admin reads it, and it is recorded in the audit trail")
    if all(is_unblinded(person, study) or doubt_about(person, study) for person in admins_of(study)):
        raise StudyError(
            "you can see where cases come from, so a second, blinded admin must take this step, and the study has "
            "none; invite one on the page People, and have the operator confirm them on the server (give_role)"
        )
    if Proposal.objects.filter(study=study, step=step, reader=reader).exists():
        raise StudyError("this has already been proposed; it waits for a blinded admin")
    proposal = Proposal.objects.create(
        study=study, step=step, reader=reader, email=email, reason=reason.strip(), asked_by=actor
    )
    record(
        "study.step_proposed", actor, study.key, reader or study.slug,
        {"step": step.value}, reason=reason.strip(),
    )  # fmt: skip
    return proposal


@transaction.atomic
def approve(*, study: Study, number: int, actor: User, link_for: Callable[[str], str]) -> str:
    """Take a proposed step, as an admin who is blinded and is not the one who asked; return what was done, in words.

    Raises
    ------
    Proposal.DoesNotExist: nothing of this number waits in the study.
    StudyError: the person asked for it, or is unblinded too.
    PhaseError, Reader.DoesNotExist, ValidationError: as of the step itself.
    """
    study = Study.objects.select_for_update().get(pk=study.pk)
    found = Proposal.objects.select_for_update().get(study=study, pk=number)
    if found.asked_by == actor:
        raise StudyError("you asked for it; another admin, who is blinded, must decide")
    if is_unblinded(actor, study):
        raise StudyError("you are unblinded too; a blinded admin must decide")
    done = _take(found, study, actor, link_for)
    record(
        "study.step_approved", actor, study.key, found.reader or study.slug,
        {"step": found.step, "asked_by": found.asked_by_id}, reason=found.reason,
    )  # fmt: skip
    found.delete()
    return done


@transaction.atomic
def decline(*, study: Study, number: int, actor: User) -> None:
    """Take a proposal away; anyone who asked may do so too.

    Raises
    ------
    Proposal.DoesNotExist: nothing of this number waits in the study.
    """
    found = Proposal.objects.select_for_update().get(study=study, pk=number)
    record(
        "study.step_declined", actor, study.key, found.reader or study.slug,
        {"step": found.step, "asked_by": found.asked_by_id},
    )  # fmt: skip
    found.delete()


def waiting_proposals(study: Study) -> list[Proposal]:
    """Return what waits for a blinded admin."""
    return list(Proposal.objects.filter(study=study).select_related("asked_by"))


def _take(found: Proposal, study: Study, actor: User, link_for: Callable[[str], str]) -> str:
    if found.step == ProposedStep.CLOSE:
        close(study=study, actor=actor, reason=found.reason)
        return "Reading is closed."
    if found.step == ProposedStep.WITHDRAW:
        withdraw_reader(study=study, pseudonym=found.reader, reason=found.reason, actor=actor)
        return f"{found.reader} has withdrawn; their answers are kept."
    _, link = invite(
        study=study, email=found.email, role=READER, actor=actor, link_for=link_for, replaces=found.reader
    )
    return f"{found.email} is invited in the place of {found.reader}: {link}"
