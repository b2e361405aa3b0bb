"""The reading room's service: what a reader sees next, and saving their answers once and for all."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction

from readerstudy.audit.services import record
from readerstudy.study.models import Assignment, Rating, Reader
from readerstudy.study.phases import Phase, PhaseError
from readerstudy.study.protocol import Protocol, ProtocolError

COMMENT_LENGTH = 4_000
TIMES = ("painted_ms", "visible_ms", "hidden_ms", "idle_ms")
DISPLAY_NUMBERS = ("width", "height", "pixel_ratio")


class StaleRevisionError(Exception):
    """The answers were changed elsewhere since this page was opened; `stored` holds what is saved."""

    def __init__(self, stored: dict[str, Any]) -> None:
        super().__init__("these answers were changed in another window; compare both and save again")
        self.stored = stored


@dataclass(frozen=True)
class Place:
    """Where a reader is: the current case, the one to fetch ahead, and how far along they are."""

    position: int
    total: int
    current: Assignment | None
    following: Assignment | None


def place_of(reader: Reader) -> Place:
    """Return the reader's place: the first case without a rating, and exactly one ahead."""
    open_cases = list(reader.assignments.filter(revision=0).select_related("case").order_by("position")[:2])
    total = reader.assignments.count()
    current = open_cases[0] if open_cases else None
    following = open_cases[1] if len(open_cases) > 1 else None
    return Place(current.position if current else total, total, current, following)


def servable(reader: Reader, public_id: UUID) -> Assignment | None:
    """Return the assignment if its pixels may be fetched now: the current case or the next, nothing else."""
    if reader.study.phase != Phase.READING:
        return None
    place = place_of(reader)
    return next((a for a in (place.current, place.following) if a and a.public_id == public_id), None)


@transaction.atomic
def save_answers(
    *,
    reader: Reader,
    public_id: UUID,
    idempotency_key: UUID,
    revision: int,
    answers: Mapping[str, Any],
    comment: str,
    times: Mapping[str, Any],
    display: Mapping[str, Any],
) -> Rating:
    """Save one case's answers; the same key saved again returns the first rating and changes nothing.

    Raises
    ------
    Assignment.DoesNotExist: the case is not this reader's, or is not the current one.
    PhaseError: the study is not being read.
    ProtocolError: an answer that the protocol does not offer, a senseless time, or a key of another case.
    StaleRevisionError: the answers were saved from elsewhere since.
    """
    # The row lock comes first: two windows of one reader save one after the other.
    assignment = reader.assignments.select_for_update().select_related("study").get(public_id=public_id)
    again = Rating.objects.filter(idempotency_key=idempotency_key).first()
    if again is not None:
        if again.assignment_id != assignment.pk:
            raise ProtocolError("idempotency_key: expected a new one for each case, this one was used")
        return again
    if assignment.study.phase != Phase.READING:
        raise PhaseError(f"answers are saved while a study is being read; it is {assignment.study.phase}")
    protocol = Protocol.from_json(assignment.study.protocol)
    checked = protocol.check_answers(answers)
    if revision != assignment.revision or assignment.revision:
        # Going back to a case is not part of the protocol yet, so a second save is always a stale page.
        raise StaleRevisionError(_stored(assignment))
    current = place_of(reader).current
    if current is None or current.pk != assignment.pk:
        raise Assignment.DoesNotExist
    measured = _numbers(times, TIMES, "times")
    rating = Rating.objects.create(
        study=assignment.study,
        assignment=assignment,
        revision=revision + 1,
        idempotency_key=idempotency_key,
        answers=checked,
        comment=_comment(comment),
        seconds=measured["visible_ms"] / 1000 if "visible_ms" in measured else None,
        times=measured,
        display=_display(display),
    )
    assignment.revision = rating.revision
    assignment.save(update_fields=["revision"])
    record(
        kind="answers.saved", actor=reader.person, study=reader.study.key, subject=str(public_id),
        values={"revision": rating.revision, "answers": checked, "comment": rating.comment},
    )  # fmt: skip
    return rating


def _stored(assignment: Assignment) -> dict[str, Any]:
    last = assignment.ratings.order_by("-revision").first()
    return {"revision": assignment.revision, "answers": last.answers if last else {}}


def _comment(comment: Any) -> str:
    if not isinstance(comment, str) or len(comment) > COMMENT_LENGTH:
        raise ProtocolError(f"comment: expected a text of at most {COMMENT_LENGTH} characters")
    return comment.strip()


def _numbers(values: Mapping[str, Any], names: tuple[str, ...], what: str) -> dict[str, float]:
    """Keep the named numbers, each finite and not negative; anything else a browser sends is refused."""
    if not isinstance(values, Mapping) or set(values) - set(names):
        raise ProtocolError(f"{what}: expected only {', '.join(names)}")
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e12:
            raise ProtocolError(f"{what}: expected {name} as a number from 0, {value!r} came")
    return {name: float(value) for name, value in values.items()}


def _display(display: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(display, Mapping):
        raise ProtocolError("display: expected named values")
    renderer = display.get("renderer", "")
    if not isinstance(renderer, str) or len(renderer) > 200:
        raise ProtocolError("display: expected the renderer as a short text")
    numbers = {name: value for name, value in display.items() if name != "renderer"}
    return {**_numbers(numbers, DISPLAY_NUMBERS, "display"), "renderer": renderer}
