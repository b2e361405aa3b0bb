"""A study's audit trail for its admin; what was read stays masked until the key is open."""

import json
from collections.abc import Iterator
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render

from readerstudy.accounts.access import signed_in
from readerstudy.accounts.models import Invitation, User
from readerstudy.audit.models import Event
from readerstudy.audit.sentences import Names, invitations_in, people_in, sentence_of
from readerstudy.audit.services import record
from readerstudy.study.design.protocol_forms import PARTS
from readerstudy.study.models import Study
from readerstudy.study.visibility import admin_page

OPEN_KINDS = (
    "study.",
    "protocol.",
    "invitation.",
    "cases.",
    "terms.",
    "reader.enrolled",
    "reader.withdrawn",
    "reader.reminded",
)
"""Events whose content tells nothing of a single case; every other kind is masked, also one that is new.

A masked event shows its day: the hour of a saved answer would tell the time on a case.
"""
MASKED = "masked"
PAGE = 50
LABELS = {
    "questions": "Questions", "practice": "Practice notes",
    **{name: label for _, fields in PARTS.values() for name, (label, _) in fields.items()},
}  # fmt: skip
"""What the protocol's pages call its fields."""


@admin_page("GET")
def audit(request: HttpRequest, study: Study) -> HttpResponse:
    """Show the newest events first."""
    pages = Paginator(_events(study).order_by("-sequence"), PAGE)
    page = pages.get_page(request.GET.get("page"))
    context = {
        "study": study,
        "page": page,
        "lines": lines_of(list(page), study),
        "masked": study.unblinded_at is None,
    }
    return render(request, "study/audit.html", context)


@admin_page("GET")
def audit_file(request: HttpRequest, study: Study) -> StreamingHttpResponse:
    """Send the trail as lines of JSON, oldest first; that it was sent is an event itself."""
    record("study.audit_exported", signed_in(request), study.key, study.slug)
    named = {"Content-Disposition": f'attachment; filename="{study.slug}-audit.jsonl"'}
    return StreamingHttpResponse(_lines(study), content_type="application/x-ndjson", headers=named)


def lines_of(events: list[Event], study: Study) -> Iterator[dict[str, Any]]:
    """Yield each event with a sentence; of a masked one the sentence knows the kind and the person only."""
    people = User.objects.filter(pk__in=people_in(events))
    invited = Invitation.objects.filter(study=study.key, pk__in=invitations_in(events))
    names = Names(
        {person.pk: str(person) for person in people}, {each.pk: each.email for each in invited}, LABELS
    )
    for event in events:
        seen = shown(event, study)
        yield {"sentence": sentence_of(event, names, masked=seen["values"] == MASKED), "event": seen}


def shown(event: Event, study: Study) -> dict[str, Any]:
    """Return an event as the study's phase lets it be seen: of a masked one the day, the person and the kind."""
    open_now = study.unblinded_at is not None or event.kind.startswith(OPEN_KINDS)
    return {
        "sequence": event.sequence,
        "at": f"{event.at:%Y-%m-%dT%H:%M:%S.%fZ}" if open_now else f"{event.at:%Y-%m-%d}",
        "actor": "the system" if event.actor is None else str(event.actor),
        "kind": event.kind,
        "subject": event.subject if open_now else MASKED,
        "values": event.values if open_now else MASKED,
        "reason": event.reason if open_now else "",
        "previous": event.previous,
        "digest": event.digest,
    }


def _events(study: Study) -> Any:
    return Event.objects.filter(study=study.key).select_related("actor")


def _lines(study: Study) -> Iterator[str]:
    # Whole before it is sent: an open cursor would hold up the saving of answers on SQLite.
    for event in list(_events(study).order_by("sequence")):
        yield json.dumps({"format": 1, **shown(event, study)}) + "\n"
