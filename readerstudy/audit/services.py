"""Add an event to a chain, and check a chain."""

import hashlib
import hmac
import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from readerstudy.audit import anchor
from readerstudy.audit.models import Chain, Event
from readerstudy.refusals import RefusedError

GENESIS = "0" * 64
DELETED = "study.deleted"
"""The tombstone of a study whose chains are gone by record; it is in the site's chain."""

PAGE = 5000

log = logging.getLogger(__name__)


class AuditError(RefusedError):
    """An event cannot be recorded as asked."""


@dataclass(frozen=True)
class Fault:
    """One place where a chain is broken."""

    study: UUID | None
    sequence: int
    reason: str

    def __str__(self) -> str:
        return f"event {self.sequence} of {self.study or 'the site'}: {self.reason}"


@transaction.atomic(savepoint=False)
def record(
    kind: str,
    actor: AbstractBaseUser | None,
    study: UUID | None = None,
    subject: str = "",
    values: Mapping[str, Any] | None = None,
    *,
    reason: str = "",
    begins: UUID | None = None,
) -> Event:
    """Append one event to the chain of a study, or of the site when `study` is None.

    Call it inside the transaction of the change it describes, so that both are written or neither. `actor` is None
    for the system itself. `values` must be JSON; it holds old and new values, never patient data. `begins` is the
    anchor of which the event begins an epoch (`epochs.begin_epoch`).
    """
    chain, _ = Chain.objects.select_for_update().get_or_create(study=study)
    event = Event(
        study=study,
        sequence=chain.sequence + 1,
        at=timezone.now(),
        actor_id=None if actor is None else actor.pk,
        kind=kind,
        subject=subject,
        values=dict(values or {}),
        reason=reason,
        previous=chain.digest,
        anchor=begins or anchor.identity(settings.AUDIT_ANCHOR),
    )
    event.digest = event_digest(event)
    _anchor_before(event, begins)
    event.save(force_insert=True)
    chain.sequence, chain.digest = event.sequence, event.digest
    chain.save(update_fields=["sequence", "digest"])
    if event.anchor is not None:
        line = anchor.Line(anchor.name_of(study), event.sequence, event.digest, anchor=begins)
        # Only what is committed is confirmed; a full disk then costs the anchor's line, not the answer.
        transaction.on_commit(lambda: anchor.append(settings.AUDIT_ANCHOR, line), robust=True)
    return event


def record_person(
    kind: str, actor: AbstractBaseUser | None, person: AbstractBaseUser, *, reason: str = "", **values: Any
) -> Event:
    """Append an event about a person to the site's chain, as `record` does."""
    return record(kind, actor, subject=str(person.pk), values=values, reason=reason)


def _anchor_before(event: Event, begins: UUID | None) -> None:
    """Write into the anchor that the event begins; where that fails, the event itself says that no anchor holds it.

    It is not synced: that would cost every answer of a reader a turn of the disk. A loss of power can take the last
    lines, which `verify_audit` then names.
    """
    if event.anchor is not None:
        line = anchor.Line(anchor.name_of(event.study), event.sequence, event.digest, anchor.BEGUN)
        try:
            anchor.append(settings.AUDIT_ANCHOR, line, create=begins is not None)
        except OSError:
            if begins is not None:
                raise
            event.anchor = None
            event.digest = event_digest(event)
    if event.anchor is None:
        log.warning("an audit event is in no anchor: verify_audit says what is missing")


def event_digest(event: Event) -> str:
    """Return HMAC-SHA256 over the canonical JSON of every field; the key lives outside the database."""
    # Events of versions before 0.2 have no anchor, and their hash says nothing of one.
    anchored = {} if event.anchor is None else {"anchor": str(event.anchor)}
    body = json.dumps(
        {
            **anchored,
            "study": None if event.study is None else str(event.study),
            "sequence": event.sequence,
            "at": event.at.astimezone(UTC).isoformat(timespec="microseconds"),
            "actor": event.actor_id,
            "kind": event.kind,
            "subject": event.subject,
            "values": event.values,
            "reason": event.reason,
            "previous": event.previous,
        },
        sort_keys=True,
        separators=(",", ":"),
    )
    return hmac.new(bytes.fromhex(settings.AUDIT_KEY), body.encode(), hashlib.sha256).hexdigest()


def faults() -> Iterator[Fault]:
    """Yield every place where a chain is broken: an edited, missing, inserted or reordered event."""
    for chain in Chain.objects.order_by("study"):
        yield from _chain_faults(chain)
    known = Chain.objects.filter(study__isnull=False).values("study")
    for event in Event.objects.filter(study__isnull=False).exclude(study__in=known):
        yield Fault(event.study, event.sequence, "the event belongs to no chain")


def heads(study: UUID) -> dict[str, dict[str, Any]]:
    """Return the heads of a study's chain and the site's: number and keyed hash of the last event of each.

    Kept by somebody else (a preregistration, a letter, an export), a head shows later that the chain up to it is the
    one of that day: `head_faults`.
    """
    found = dict.fromkeys(("study", "site"), (0, GENESIS))
    for chain in Chain.objects.filter(Q(study=study) | Q(study=None)):
        found["site" if chain.study is None else "study"] = chain.sequence, chain.digest
    return {name: {"sequence": sequence, "digest": digest} for name, (sequence, digest) in found.items()}


def head_faults(study: UUID, kept: Mapping[str, Mapping[str, Any]]) -> Iterator[Fault]:
    """Yield every kept head that is no event of its chain any more: the chain was cut or rebuilt since.

    Raises
    ------
    AuditError: not heads as `heads` gives them.
    """
    for name, chain in (("study", study), ("site", None)):
        head = kept.get(name)
        if not isinstance(head, Mapping) or not {"sequence", "digest"} <= set(head):
            raise AuditError(f"expected sequence and digest of the {name}'s chain, got {head!r}")
        if head["sequence"] == 0:
            continue
        event = Event.objects.filter(study=chain, sequence=head["sequence"]).first()
        if event is None:
            yield Fault(chain, int(head["sequence"]), "a saved head is no longer in the chain")
        elif not hmac.compare_digest(event.digest, str(head["digest"])):
            yield Fault(chain, int(head["sequence"]), "a saved head is now a different event")


def clock_steps() -> Iterator[str]:
    """Yield, in words, every event that is earlier than the one before it in its chain, or later than now."""
    now, before = timezone.now(), dict[UUID | None, datetime]()
    for event in in_pages(Event.objects.only("study", "sequence", "at")):
        place = f"event {event.sequence} of {'the site' if event.study is None else f'study {event.study}'}"
        if event.at < before.get(event.study, event.at):
            yield f"{place} is {_span(before[event.study] - event.at)} earlier than the event before it"
        if event.at > now:
            yield f"{place} is {_span(event.at - now)} later than this machine's clock"
        before[event.study] = event.at


def _span(passed: timedelta) -> str:
    short = passed < timedelta(minutes=1)
    return f"{passed.total_seconds():.3f} s" if short else str(passed).partition(".")[0]


def in_pages(events: QuerySet[Event], by: str = "pk") -> Iterator[Event]:
    """Yield events some thousand at a time: a cursor that stays open would keep others from saving on SQLite."""
    last = -1
    while page := list(events.filter(**{f"{by}__gt": last}).order_by(by)[:PAGE]):
        yield from page
        last = getattr(page[-1], by)


def _chain_faults(chain: Chain) -> Iterator[Fault]:
    """Follow a chain; its last page and its head are read under the lock that every new event waits for."""
    previous, expected = GENESIS, 1

    def look(events: Iterable[Event]) -> Iterator[Fault]:
        nonlocal previous, expected
        for event in events:
            if event.sequence != expected:
                yield Fault(chain.study, event.sequence, f"expected event {expected}, got {event.sequence}")
            if event.previous != previous:
                yield Fault(chain.study, event.sequence, "the event does not follow the one before it")
            if not hmac.compare_digest(event.digest, event_digest(event)):
                yield Fault(chain.study, event.sequence, "the event was changed after it was written")
            previous, expected = event.digest, event.sequence + 1

    of_chain = Event.objects.filter(study=chain.study)
    yield from look(in_pages(of_chain, by="sequence"))
    with transaction.atomic():
        head = Chain.objects.select_for_update().filter(pk=chain.pk).first() or chain
        more = list(of_chain.filter(sequence__gte=expected).order_by("sequence"))
    yield from look(more)
    if (head.sequence, head.digest) != (expected - 1, previous):
        why = f"the chain ends at {expected - 1}, its head says {head.sequence}"
        yield Fault(chain.study, head.sequence, why)
