"""What a reader does beside answering: consent, begin, check the display, practise, pause, keep their keys."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from readerstudy.audit.services import record
from readerstudy.study.design.terms import confirm
from readerstudy.study.models import DisplayCheck, PracticeReading, Reader
from readerstudy.study.phases import Phase, PhaseError
from readerstudy.study.protocol import Protocol, ProtocolError, digest
from readerstudy.study.reading import answering
from readerstudy.study.reading.measured import display_check_of, display_is_fit, keys_of, times_of
from readerstudy.study.reading.stages import Stage, visit_of


class DisplayRefusedError(Exception):
    """The display check did not pass, and the protocol does not let a reader go on without it."""


@transaction.atomic
def give_consent(*, reader: Reader, accepted: Any) -> None:
    """Note that the reader consents to the text of the protocol; a second time changes nothing.

    Raises
    ------
    PhaseError: the study is not being read.
    ProtocolError: not accepted; anyone who does not consent does not read.
    """
    reader = _reading(reader)
    if accepted is not True:
        raise ProtocolError("accepted: expected true; without consent nobody can read")
    if reader.consented_at is not None:
        return
    text = Protocol.from_json(reader.study.protocol).consent
    reader.consented_at, reader.consent_sha256 = timezone.now(), digest({"consent": text})
    reader.save(update_fields=["consented_at", "consent_sha256"])
    _note(reader, "reader.consented", {"consent_sha256": reader.consent_sha256})


@transaction.atomic
def confirm_terms(*, reader: Reader, accepted: Any, digests: Any) -> None:
    """Note that the reader confirms the terms of use of the cases; a second time changes nothing.

    Raises
    ------
    PhaseError: the study is not being read.
    VisitError: consent comes first.
    ProtocolError: not accepted, or other terms than those that hold now.
    """
    reader = _reading(reader)
    if visit_of(reader).stage is Stage.CONSENT:
        raise answering.VisitError("consent is needed before the terms of use")
    if accepted is not True:
        raise ProtocolError("accepted: expected true; without confirming the terms nobody can see an image")
    confirm(study=reader.study, person=reader.person, digests=digests)


@transaction.atomic
def begin(*, reader: Reader) -> None:
    """Note that the reader has seen the instructions.

    Raises
    ------
    PhaseError: the study is not being read.
    VisitError: consent and the terms of use come first.
    """
    reader = _reading(reader)
    if visit_of(reader).stage in {Stage.CONSENT, Stage.TERMS}:
        raise answering.VisitError("consent and the terms of use are needed before the instructions")
    if reader.instructed_at is None:
        reader.instructed_at = timezone.now()
        reader.save(update_fields=["instructed_at"])
        _note(reader, "reader.instructed")


def check_display(*, reader: Reader, values: Mapping[str, Any]) -> DisplayCheck:
    """Keep what a display check found, with the session; a check that does not pass is kept too.

    Raises
    ------
    PhaseError: the study is not being read.
    VisitError: something else comes first, or nothing is to be read now.
    ProtocolError: something else than a display check.
    DisplayRefusedError: it does not pass and the protocol blocks.
    """
    found = display_check_of(values)
    with transaction.atomic():
        reader = _reading(reader)
        visit = visit_of(reader)
        if visit.stage not in {Stage.DISPLAY, Stage.PRACTICE, Stage.READING}:
            raise answering.VisitError("no display check is due now")
        check = DisplayCheck.objects.create(
            study=reader.study,
            session=answering.begin_session(reader),
            values=found,
            passed=display_is_fit(found),
        )
        _note(reader, "display.checked", {**found, "passed": check.passed})
    if not check.passed and visit.protocol.display_check == "block":
        raise DisplayRefusedError(
            "This display cannot be used for the study: a patch was not seen, or the window is too small. "
            "Dim the room, raise the brightness, enlarge the window, then check again."
        )
    return check


@transaction.atomic
def keep_keys(*, reader: Reader, keys: Any) -> None:
    """Keep the reader's own key map."""
    reader.keys = keys_of(keys)
    reader.save(update_fields=["keys"])


@transaction.atomic
def pause(*, reader: Reader) -> None:
    """Note that the reader pauses; the session stays open."""
    reader = _reading(reader)
    _note(reader, "reader.paused")


@transaction.atomic
def save_practice(
    *,
    reader: Reader,
    public_id: UUID,
    idempotency_key: UUID,
    answers: Mapping[str, Any],
    comment: str,
    times: Mapping[str, Any],
    marks: Any = (),
) -> PracticeReading:
    """Save the answers to the current practice case; the same key with the same answers changes nothing.

    Raises
    ------
    PracticeReading.DoesNotExist: the case is not this reader's current practice case.
    PhaseError, ProtocolError, StaleRevisionError, VisitError: as for a case of the study.
    """
    reader = _reading(reader)
    row = reader.practice.select_related("case").get(public_id=public_id)
    protocol = Protocol.from_json(reader.study.protocol)
    if row.saved_at is not None:
        now = answering.stored(row)
        if row.idempotency_key != idempotency_key:
            raise answering.StaleRevisionError(now)
        return answering.same_or_stale(
            row, answering.sheet_of(protocol, row.case, answers, marks, comment), now
        )
    visit = visit_of(reader)
    answering.check_stages(reader, visit, practising=True)
    if visit.practice.current is None or visit.practice.current.pk != row.pk:
        raise PracticeReading.DoesNotExist
    for name, value in answering.sheet_of(protocol, row.case, answers, marks, comment).items():
        setattr(row, name, value)
    row.times = times_of(times)
    row.idempotency_key, row.saved_at = idempotency_key, timezone.now()
    row.save()
    record(
        "practice.saved", reader.person, reader.study.key, str(public_id),
        {"answers": row.answers, "marks": row.marks, "comment": row.comment, "times": row.times},
    )  # fmt: skip
    return row


def _note(reader: Reader, kind: str, values: Mapping[str, Any] | None = None) -> None:
    record(kind, reader.person, reader.study.key, reader.pseudonym, values)


def _reading(reader: Reader) -> Reader:
    """Lock the reader's row; refuse outside the phase of reading."""
    Reader.objects.select_for_update().get(pk=reader.pk)
    fresh = Reader.objects.select_related("study", "person").get(pk=reader.pk)
    if fresh.study.phase != Phase.READING:
        raise PhaseError(f"this is possible only while a study is being read; it is {fresh.study.phase}")
    if fresh.withdrawn_at is not None:
        raise PhaseError("you have withdrawn from this study")
    return fresh
