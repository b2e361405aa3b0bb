"""Build the answers again from the audit trail alone, and compare them with what is stored."""

from collections.abc import Iterator
from typing import Any

from readerstudy.audit.models import Event
from readerstudy.study.models import Rating, Study

SAVED = "answers.saved"
KEPT = ("revision", "answers", "marks", "comment", "seconds", "times", "display", "session")
"""What an event of a saved answer holds of it; those of older versions lack the last four."""


def values_of(rating: Rating) -> dict[str, Any]:
    """Return what the audit event of a saved answer holds: everything from which the rating can be made again."""
    session = None if rating.session is None else rating.session.number
    return {name: session if name == "session" else getattr(rating, name) for name in KEPT}


def rebuilt(study: Study) -> Iterator[tuple[Event, dict[str, Any]]]:
    """Yield the event of every saved answer of a study and what it kept, in the order in which they were saved."""
    for event in Event.objects.filter(study=study.key, kind=SAVED).order_by("sequence").iterator():
        yield event, {name: event.values[name] for name in KEPT if name in event.values}


def differences(study: Study) -> Iterator[str]:
    """Say every place where the stored answers are not those of the trail: changed, missing, or never noted.

    The event is named, never what was answered.
    """
    rows = Rating.objects.filter(study=study).select_related("assignment", "session")
    stored = {(str(row.assignment.public_id), row.revision): row for row in rows}
    for event, kept in rebuilt(study):
        row = stored.pop((event.subject, kept["revision"]), None)
        if row is None:
            yield f"event {event.sequence}: the trail has this answer, but the table has lost it"
            continue
        now = values_of(row)
        changed = [name for name in kept if now[name] != kept[name]]
        if changed:
            yield f"event {event.sequence}: other {', '.join(changed)} are stored than the trail has"
    if stored:
        yield f"{len(stored)} stored answers are in no event of the trail"
