"""Build the answers again from the audit trail alone, and compare them with what is stored."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from readerstudy.audit.models import Event
from readerstudy.study.models import Rating, Study

SAVED = "answers.saved"
KEPT = ("revision", "answers", "marks", "comment", "seconds", "times", "display", "session")
"""What an event of a saved answer holds of it; those of older versions lack the last four."""


@dataclass(frozen=True)
class Rebuilt:
    """One saved answer as the trail tells it: the event's number, the reading's public id, and what was kept."""

    sequence: int
    public_id: str
    values: dict[str, Any]


@dataclass(frozen=True)
class Difference:
    """Where trail and stored answers part. It names the event, never what was answered."""

    sequence: int
    what: str


def values_of(rating: Rating) -> dict[str, Any]:
    """Return what the audit event of a saved answer holds: everything from which the rating can be made again."""
    session = None if rating.session is None else rating.session.number
    return {name: session if name == "session" else getattr(rating, name) for name in KEPT}


def rebuilt(study: Study) -> Iterator[Rebuilt]:
    """Yield every saved answer of a study from its audit trail, in the order in which they were saved."""
    for event in Event.objects.filter(study=study.key, kind=SAVED).order_by("sequence").iterator():
        kept = {name: event.values[name] for name in KEPT if name in event.values}
        yield Rebuilt(event.sequence, event.subject, kept)


def differences(study: Study) -> Iterator[Difference]:
    """Yield every place where the stored answers are not those of the trail: changed, missing, or never noted."""
    rows = Rating.objects.filter(study=study).select_related("assignment", "session")
    stored = {(str(row.assignment.public_id), row.revision): row for row in rows}
    for one in rebuilt(study):
        row = stored.pop((one.public_id, one.values["revision"]), None)
        if row is None:
            yield Difference(one.sequence, "the trail has this answer, but the table has lost it")
            continue
        now = values_of(row)
        changed = [name for name in one.values if now[name] != one.values[name]]
        if changed:
            yield Difference(one.sequence, f"other {', '.join(changed)} are stored than the trail has")
    if stored:
        yield Difference(0, f"{len(stored)} stored answers are in no event of the trail")
