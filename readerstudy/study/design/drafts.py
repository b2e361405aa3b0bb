"""Change what a draft's protocol says, and make a new draft from a study. Locked studies never change."""

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid5

from django.db import transaction

from readerstudy.accounts.models import User
from readerstudy.audit.services import record
from readerstudy.cases.models import Case
from readerstudy.refusals import RefusedError
from readerstudy.study import duties
from readerstudy.study.design.estimand import with_estimand
from readerstudy.study.design.lifecycle import create_study
from readerstudy.study.design.obstacles import other_practice
from readerstudy.study.duties import locked_draft
from readerstudy.study.models import Allotment, Assignment, ImageCheck, PracticeReading, Study
from readerstudy.study.orders.drawing import commitment, draw_for, draw_practice, new_seed
from readerstudy.study.orders.order import ALGORITHM, OrderError
from readerstudy.study.phases import StudyError
from readerstudy.study.protocol import Protocol, ProtocolError, digest

DRAWN_FROM = (
    "design", "planned_readers", "reading_blocks", "anchor_cases", "repeat_fraction", "repeat_gap_cases",
)  # fmt: skip
"""Fields from which readers' orders are drawn; in a draft, where nobody has read, a change draws them again."""


class ChangedMeanwhileError(RefusedError):
    """Somebody else has changed the protocol since it was opened; nothing was saved."""


def version_of(study: Study) -> str:
    """Return what a form carries to notice that somebody else has changed the draft."""
    return digest({"title": study.title, "protocol": study.protocol})


@transaction.atomic
def revise_protocol(
    *, study: Study, protocol: Protocol, actor: User | None, title: str = "", version: str = ""
) -> Study:
    """Store another protocol (and title) for a draft; the audit trail keeps old and new of what changed.

    Where cases are loaded and it does not say what is compared, the proposal is stored.

    Parameters
    ----------
    version: what `version_of` gave when the protocol was opened; blank does not ask.

    Raises
    ------
    PhaseError: the study is locked.
    ProtocolError: the protocol does not hold.
    ChangedMeanwhileError: the version is another one by now.
    StudyError: the orders of enrolled readers cannot be drawn so.
    """
    study = locked_draft(study, "the protocol can be changed")
    if version and version != version_of(study):
        raise ChangedMeanwhileError(
            "the protocol was changed in another window or by another person since this page was opened; "
            "nothing was saved. Reload the page and make the change again"
        )
    protocol.check()
    protocol = with_estimand(study, protocol)
    old, new = Protocol.from_json(study.protocol).as_json(), protocol.as_json()
    changed: dict[str, Any] = {
        name: [old.get(name, ""), new.get(name, "")]
        for name in {**old, **new}
        if old.get(name) != new.get(name)
    }
    _refuse_unknown_practice(study, protocol)
    if title and title != study.title:
        changed["title"] = [study.title, title]
        study.title = title
        study.clean_fields(exclude={field.name for field in Study._meta.fields} - {"title"})
    if not changed:
        return study
    study.protocol = new
    study.save(update_fields=["protocol", "title"])
    record("study.protocol_changed", actor, study.key, study.slug, {"changed": changed})
    if set(changed) & set(DRAWN_FROM):
        draw_again(study, actor)
    return study


def _refuse_unknown_practice(study: Study, protocol: Protocol) -> None:
    known = set(Case.objects.filter(study=study.practice_key or study.key).values_list("key", flat=True))
    for note in protocol.practice:
        if study.practice_key is None or note.case not in known:
            raise ProtocolError(
                f"practice: '{note.case}' is no case of the study's practice set; load the case set first, or "
                "remove the note"
            )


@transaction.atomic
def copy_study(*, study: Study, slug: str, title: str, actor: User | None) -> Study:
    """Make a new draft with the same protocol; it has no cases, no readers and no notes on practice cases.

    Raises
    ------
    StudyError, ValidationError: as for a new study.
    """
    study = Study.objects.get(pk=study.pk)
    protocol = replace(Protocol.from_json(study.protocol), practice=())
    copy = create_study(slug=slug, title=title, protocol=protocol, actor=actor)
    record("study.copied", actor, copy.key, slug, {"from": str(study.key)})
    return copy


def practice_key_for(study: Study) -> UUID:
    """Return the key of a study's practice cases, also before they are loaded, for the page of the load.

    It follows from the study's public key; the cases' own keys are random.
    """
    return study.practice_key or uuid5(study.key, "practice")


@transaction.atomic
def detach_cases(*, study: Study, practice: bool) -> None:
    """Take away what hangs on a draft's cases, or practice cases: others are about to take their place.

    That is what was seen on their images, the orders of readers, feedback on practice cases, and an estimand that was
    proposed for these cases. Who has looked at the old images stays in the audit trail, and out of the readers.

    Raises
    ------
    PhaseError: the study is locked.
    """
    study = locked_draft(study, "cases can be replaced")
    key = practice_key_for(study) if practice else study.key
    ImageCheck.objects.filter(study=study, case__study=key).delete()
    for table in (PracticeReading,) if practice else (Assignment, Allotment):
        table.objects.filter(study=study).delete()
    now = Protocol.from_json(study.protocol)
    if practice:
        now = replace(now, practice=())
    elif now == with_estimand(study, replace(now, estimand="")):
        now = replace(now, estimand="")
    Study.objects.filter(pk=study.pk).update(protocol=now.as_json())


def draw_again(study: Study, actor: User | None) -> None:
    """Redraw the order of every reader of a draft, from a new seed.

    Raises
    ------
    StudyError: an order cannot be drawn, or a reader could see the groups of images that took the place of others.
    """
    readers = list(study.readers.order_by("pseudonym"))
    if not readers or not Case.objects.filter(study=study.key).exists():
        return
    for table in (Assignment, PracticeReading, Allotment):
        table.objects.filter(study=study).delete()
    try:
        for reader in readers:
            duties.refuse_groups_seen(study, reader.person)
            reader.study, reader.order_seed, reader.order_algorithm = study, new_seed(), ALGORITHM
            reader.save(update_fields=["order_seed", "order_algorithm"])
            draw_for(reader)
    except (OrderError, Allotment.DoesNotExist) as error:
        raise StudyError(f"the orders of the enrolled readers cannot be drawn: {error}") from error
    drawn = {reader.pseudonym: commitment(bytes(reader.order_seed)) for reader in readers}
    record("study.orders_drawn", actor, study.key, study.slug, {"order_commitments": drawn})


@transaction.atomic
def attach_practice_set(*, study: Study, cases_sha256: str, sealed_sha256: str, actor: User | None) -> None:
    """Note the practice cases that were loaded under the study's practice key; readers who are enrolled get them too.

    Raises
    ------
    PhaseError, StudyError: as `practice_draft`; practice cases with other images than the study's cases.
    """
    fresh = practice_draft(study, sealed_sha256)
    fresh.practice_key, fresh.practice_sha256 = study.practice_key, cases_sha256
    for told in other_practice(fresh):
        raise StudyError(told)
    fresh.save(update_fields=["practice_key", "practice_sha256"])
    record("study.practice_attached", actor, fresh.key, fresh.slug, {"cases_sha256": cases_sha256})
    for reader in fresh.readers.all():
        draw_practice(reader)


@transaction.atomic
def practice_draft(study: Study, sealed_sha256: str) -> Study:
    """Lock and return a study that may take these practice cases; asked before their images are decoded too.

    Raises
    ------
    PhaseError: the study is locked.
    StudyError: these are the study's own cases.
    """
    fresh = locked_draft(study, "practice cases can be loaded")
    if sealed_sha256 == fresh.sealed_sha256:
        raise StudyError("these are the study's own cases; use another case set for practice")
    return fresh


def question_moved(protocol: Protocol, key: str, step: int) -> Protocol:
    """Return the protocol with a question moved up (-1) or down (1); at the end it stays.

    Raises
    ------
    ProtocolError: a follow-up would come before its question.
    """
    questions = list(protocol.questions)
    place = next(number for number, question in enumerate(questions) if question.key == key)
    other = place + step
    if 0 <= other < len(questions):
        questions[place], questions[other] = questions[other], questions[place]
    moved = replace(protocol, questions=tuple(questions))
    moved.check()
    return moved


def question_removed(protocol: Protocol, key: str) -> Protocol:
    """Return the protocol without a question; it is no endpoint any more either.

    Raises
    ------
    ProtocolError: another question follows it.
    """
    follows = [each.key for each in protocol.questions if each.after and each.after.question == key]
    if follows:
        raise ProtocolError(f"'{follows[0]}' is asked after '{key}'; remove it first")
    left = replace(
        protocol,
        questions=tuple(question for question in protocol.questions if question.key != key),
        endpoints=tuple(name for name in protocol.endpoints if name != key),
    )
    left.check()
    return left
