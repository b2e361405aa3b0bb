"""Epochs of the audit trail: the events from which an anchor counts, each with its reason and what was before.

An anchor is begun once, by `setup`. Beginning it again (a restore, a lost disk, another host) is an event of the site's
chain, signed like every other, with the heads of all chains at that time and the events that are given up: from then on
the trail can pass again, and always says why.
"""

import os
import platform
import pwd
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import transaction

from readerstudy.audit import anchor
from readerstudy.audit.agreement import EPOCH, Heads, Known, Ranges, held, ranges_of
from readerstudy.audit.models import Chain, Event
from readerstudy.audit.services import AuditError, record

CAUSES = {
    "setup": "a new site was made",
    "upgrade": "a site of a version without epochs was upgraded",
    "restore": "a backup was put back",
    "anchor_audit": "an operator had it begun",
}


def begin_epoch(*, cause: str, reason: str, **values: Any) -> Event:
    """Begin an epoch of this host's anchor; the file is made where there is none, and otherwise goes on.

    Parameters
    ----------
    cause: one of `CAUSES`.
    reason: why, in the operator's words.
    values: what else the event should hold.

    Raises
    ------
    AuditError: the file is the anchor of another site.
    OSError: the file cannot be written; nothing is begun.
    """
    path = settings.AUDIT_ANCHOR
    found = held(path, Known.read())
    if found.foreign:
        raise AuditError(
            f"{path}: expected a new file or this site's anchor; all of its lines are of another site, or of a state "
            "of this one that is gone: name another file in AUDIT_ANCHOR"
        )
    name = found.epochs[0].anchor if found.epochs else uuid4()
    with transaction.atomic():
        told = {
            "anchor": str(name), "cause": cause, "operator": _operator(), "host": platform.node(),
            "heads": heads_of_all(), "given_up": ranges_of(found.lost), "lacked": found.missing, **values,
        }  # fmt: skip
        return record(EPOCH, None, values=told, reason=reason, begins=name)


def begin_first_epoch() -> str:
    """Begin the anchor of a site that never had an epoch; return what `setup` should say, nothing if all is well.

    An anchor that was lost later is never begun in silence: it stays a fault until `anchor_audit` gives a reason.
    """
    path = settings.AUDIT_ANCHOR
    if Event.objects.filter(study=None, kind=EPOCH).exists():
        if anchor.identity(path):
            return ""
        return f"the audit anchor {path} is missing or holds no epoch: put it back, or see 'manage.py anchor_audit'"
    found = held(path, Known.read())
    if found.lost:
        return (
            f"no audit anchor was begun: {path} tells of events that this database does not have; "
            "see 'manage.py anchor_audit'"
        )
    old = len(found.known.events)
    begin_epoch(cause="upgrade" if old else "setup", reason="", events=old, in_older_anchor=len(found.events))
    if not old:
        return ""
    return f"the audit anchor {path} counts from now; {len(found.events)} of {old} earlier events stood in it"


def heads_of_all() -> Heads:
    """Return where each chain ends."""
    rows = Chain.objects.order_by("pk").values_list("study", "sequence", "digest")
    return {anchor.name_of(study): [sequence, digest] for study, sequence, digest in rows}


def told_epochs() -> Iterator[str]:
    """Yield every epoch as a sentence."""
    for event in list(Event.objects.filter(study=None, kind=EPOCH).order_by("sequence")):
        said = event.values
        cause = CAUSES.get(said["cause"], said["cause"])
        yield (
            f"epoch from event {event.sequence} of the site, {event.at:%Y-%m-%d %H:%M} UTC, by {said['operator']} on "
            f"{said['host']}: {cause}"
            + (f" (of {said['backup']})" if "backup" in said else "")
            + (f", because {' '.join(event.reason.split())}" if event.reason else "")
            + _ranges("; given up, since the database does not have them", said["given_up"])
            + _ranges("; not in the anchor", said["lacked"])
        )


def _ranges(words: str, ranges: Ranges) -> str:
    told = [f"{chain} {first} to {last}" for chain, (first, last) in sorted(ranges.items())]
    return f"{words}: events {', '.join(told)}" if told else ""


def _operator() -> str:
    """Return the name of the user who runs this; a container may know none."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"user {os.getuid()}"
