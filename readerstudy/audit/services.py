"""Add an event to a chain, and check a chain."""

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from readerstudy.audit import anchor
from readerstudy.audit.models import Chain, Event

GENESIS = "0" * 64


class AuditError(Exception):
    """An event cannot be recorded as asked."""


@dataclass(frozen=True)
class Fault:
    """One place where a chain does not hold."""

    study: UUID | None
    sequence: int
    reason: str


@transaction.atomic(savepoint=False)
def record(
    *,
    kind: str,
    actor: AbstractBaseUser | None,
    study: UUID | None = None,
    subject: str = "",
    values: Mapping[str, Any] | None = None,
    reason: str = "",
) -> Event:
    """Append one event to the chain of a study, or of the site when `study` is None.

    Call it inside the transaction of the change it describes, so that both stand or neither. `actor` is None
    for the system itself. `values` must be JSON; it holds old and new values, never patient data.
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
    )
    event.digest = event_digest(event)
    event.save(force_insert=True)
    chain.sequence, chain.digest = event.sequence, event.digest
    chain.save(update_fields=["sequence", "digest"])
    line = anchor.Line(anchor.name_of(study), event.sequence, event.digest)
    # Only what is committed is anchored; a full disk then costs the anchor's line, not the answer.
    transaction.on_commit(lambda: anchor.append(settings.AUDIT_ANCHOR, line), robust=True)
    return event


def event_digest(event: Event) -> str:
    """Return HMAC-SHA256 over the canonical JSON of every field; the key lives outside the database."""
    body = json.dumps(
        {
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
    """Yield every place where a chain does not hold: an edited, missing, inserted or reordered event."""
    for chain in Chain.objects.order_by("study"):
        yield from _chain_faults(chain)
    known = Chain.objects.filter(study__isnull=False).values("study")
    for event in Event.objects.filter(study__isnull=False).exclude(study__in=known):
        yield Fault(event.study, event.sequence, "the event belongs to no chain")


def heads(study: UUID) -> dict[str, dict[str, Any]]:
    """Return where a study's chain and the site's stand: number and keyed hash of the last event of each.

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
            raise AuditError(f"expected sequence and digest of the {name}'s chain, {head!r} came")
        if head["sequence"] == 0:
            continue
        event = Event.objects.filter(study=chain, sequence=head["sequence"]).first()
        if event is None:
            yield Fault(chain, int(head["sequence"]), "a head that was kept is gone from the chain")
        elif not hmac.compare_digest(event.digest, str(head["digest"])):
            yield Fault(chain, int(head["sequence"]), "a head that was kept is another event now")


def anchor_faults() -> Iterator[Fault]:
    """Yield every event that the anchor file knows and the database does not, or otherwise: a cut or rebuilt chain.

    The anchor holds what was committed since it was begun; a line that was torn by a loss of power is passed over.
    """
    known = {
        (anchor.name_of(study), sequence): digest
        for study, sequence, digest in Event.objects.values_list("study", "sequence", "digest").iterator()
    }
    for line in anchor.read(settings.AUDIT_ANCHOR):
        digest = known.get((line.chain, line.sequence))
        study = None if line.chain == anchor.SITE else UUID(line.chain)
        if digest is None:
            yield Fault(study, line.sequence, "the anchor knows this event, the database has lost it")
        elif not hmac.compare_digest(digest, line.digest):
            yield Fault(study, line.sequence, "the anchor knows another event at this place")


def _chain_faults(chain: Chain) -> Iterator[Fault]:
    previous, expected = GENESIS, 1
    for event in Event.objects.filter(study=chain.study).order_by("sequence").iterator():
        if event.sequence != expected:
            yield Fault(chain.study, event.sequence, f"expected event {expected}, {event.sequence} came")
        if event.previous != previous:
            yield Fault(chain.study, event.sequence, "the event does not follow the one before it")
        if not hmac.compare_digest(event.digest, event_digest(event)):
            yield Fault(chain.study, event.sequence, "the event was changed after it was written")
        previous, expected = event.digest, event.sequence + 1
    if (chain.sequence, chain.digest) != (expected - 1, previous):
        yield Fault(
            chain.study, chain.sequence, f"the chain ends at {expected - 1}, its head says {chain.sequence}"
        )
