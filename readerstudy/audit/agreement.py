"""Whether anchor and database agree: what one has and the other lacks, each way."""

import hmac
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings

from readerstudy.audit import anchor
from readerstudy.audit.anchor import Line
from readerstudy.audit.models import Event
from readerstudy.audit.services import DELETED, Fault, event_digest, in_pages

EPOCH = "audit.epoch_begun"
Heads = dict[str, list[Any]]
"""The end of each chain: `site` or a study's key to number and keyed hash of its last event."""
Ranges = dict[str, list[int]]
"""Of some chains, the first and the last number of events."""


@dataclass
class Known:
    """What the database has: digest and anchor of each event, and by record the epochs and the deleted chains."""

    events: dict[tuple[str, int], tuple[str, UUID | None]] = field(default_factory=dict)
    epochs: dict[str, dict[str, Any]] = field(default_factory=dict)
    deleted: dict[str, list[Any]] = field(default_factory=dict)

    @classmethod
    def read(cls) -> "Known":
        """Read the database."""
        known = cls()
        for event in in_pages(Event.objects.only("study", "sequence", "digest", "anchor")):
            known.events[anchor.name_of(event.study), event.sequence] = event.digest, event.anchor
        of_site = Event.objects.filter(study=None, kind__in=(EPOCH, DELETED)).order_by("sequence")
        for event in list(of_site):
            if not hmac.compare_digest(event.digest, event_digest(event)):
                continue  # what somebody changed says nothing; `faults` names it
            if event.kind == EPOCH:
                known.epochs[event.digest] = event.values
            else:  # 0.1.0 wrote down the study's own chain alone
                told = {event.values["study"]: event.values["chain"]} if "chain" in event.values else {}
                known.deleted |= event.values.get("chains", told)
        return known

    def has(self, line: Line) -> bool:
        """Say whether an event is there as the anchor tells it."""
        digest, _ = self.events.get((line.chain, line.sequence), ("", None))
        return hmac.compare_digest(digest.encode(), line.digest.encode())

    def gone_by_record(self, line: Line) -> bool:
        """Say whether a line is of a chain whose study was deleted, up to where the tombstone says it ended."""
        sequence, digest = self.deleted.get(line.chain, (0, ""))
        return line.sequence < sequence or (line.sequence, line.digest) == (sequence, digest)


@dataclass
class Held:
    """An anchor file against the database.

    `epochs`: its epochs, each once; `begun`: those of them that the database has. `events`: events that both have.
    `lost`: lines of committed events that the database does not have and no later epoch gave up.
    """

    path: Path
    known: Known
    epochs: list[Line] = field(default_factory=list)
    events: set[tuple[str, int]] = field(default_factory=set)
    lost: list[Line] = field(default_factory=list)
    torn: int = 0
    copy: bool = False

    @property
    def begun(self) -> list[dict[str, Any]]:
        """What the database says of the file's epochs."""
        return [said for line in self.epochs if (said := self._said(line)) is not None]

    @property
    def foreign(self) -> bool:
        """Whether it has lines and none of them is of this database."""
        return not self.events and bool(self.lost or self.epochs)

    @property
    def usable(self) -> bool:
        """Whether the database has the event that began its last epoch, as one of this very anchor."""
        return bool(self.epochs) and self._said(self.epochs[-1]) is not None

    @property
    def missing(self) -> Ranges:
        """Which events say that this anchor holds them, and it has no line at all in their place."""
        mine = self.epochs[0].anchor if self.epochs else None
        told = self.events | {(line.chain, line.sequence) for line in self.lost}
        return ranges_of([
            Line(chain, sequence, digest)
            for (chain, sequence), (digest, of) in self.known.events.items()
            if mine is not None and of == mine
            and (chain, sequence) not in told and sequence > self.vouched(chain)
        ])  # fmt: skip

    def _said(self, line: Line) -> dict[str, Any] | None:
        said = self.known.epochs.get(line.digest)
        return said if said is not None and said["anchor"] == str(line.anchor) else None

    def vouched(self, chain: str) -> int:
        """Return the last event of a chain that its epochs vouch for."""
        return max((each["heads"].get(chain, [0])[0] for each in self.begun), default=0)


def held(path: Path, known: Known) -> Held:
    """Read an anchor file against the database: its epochs first, for a later one may give up what was before it."""
    found = Held(path, known)
    places: dict[str, int] = {}
    for number, line in enumerate(anchor.read(path)):
        if line is not None and line.anchor is not None and line.digest not in places:
            places[line.digest] = number
            found.epochs.append(line)
    given_up = [(places[of], said["given_up"]) for of, said in known.epochs.items() if of in places]
    for number, line in enumerate(anchor.read(path)):
        if line is None:
            found.torn += 1
            continue
        found.copy |= line.state == anchor.COPY
        for each in (line, *_vouched(line, known)):
            if known.has(each):
                found.events.add((each.chain, each.sequence))
                continue
            excused = any(number < place and _within(each, ranges) for place, ranges in given_up)
            if each.state == anchor.COMMITTED and not excused and not known.gone_by_record(each):
                found.lost.append(each)
    if not found.foreign:
        found.lost = [line for line in found.lost if not _came_since(line)]
    return found


def _vouched(line: Line, known: Known) -> Iterator[Line]:
    """Yield the heads that an epoch vouches for, as if they stood in the anchor as well."""
    if line.anchor is not None and line.digest in known.epochs:
        for chain, (sequence, digest) in known.epochs[line.digest]["heads"].items():
            yield Line(chain, sequence, digest)


def ranges_of(lines: Sequence[Line]) -> Ranges:
    """Return the first and the last number of the lines of each chain."""
    numbers: dict[str, list[int]] = defaultdict(list)
    for line in lines:
        numbers[line.chain].append(line.sequence)
    return {chain: [min(each), max(each)] for chain, each in numbers.items()}


def anchor_faults(paths: Sequence[Path] | None = None, remarks: list[str] | None = None) -> Iterator[Fault]:
    """Yield every place at which the anchors and the database differ, and every end of a chain that no anchor holds.

    Parameters
    ----------
    paths: the anchor files of all hosts that write events; by default this host's.
    remarks: filled with what is no fault and should be said.
    """
    known = Known.read()
    files = [held(path, known) for path in paths or [settings.AUDIT_ANCHOR]]
    unusable = [fault for file in files for fault in _unusable(file)]
    yield from unusable
    named: set[str] = set()
    for file in files:
        if file.usable:
            for line in file.lost:
                named.add(line.chain)
                other = (line.chain, line.sequence) in known.events
                lost = (
                    "has a different event at this place"
                    if other
                    else "has this event, but the database has lost it"
                )
                yield Fault(_study(line.chain), line.sequence, f"the anchor {lost}")
            for chain, (first, last) in file.missing.items():
                named.add(chain)
                yield Fault(
                    _study(chain), first,
                    f"the anchor lacks events between this one and {last}: it is an older copy, was truncated, "
                    "or lost its last lines in a power failure",
                )  # fmt: skip
    if not unusable:
        yield from _unprotected(files, known, named)
    if remarks is not None:
        remarks += _remarks(files, known)


def _unusable(file: Held) -> Iterator[Fault]:
    """Yield why a file is no anchor of this database, if it is none; then its lines are not gone through."""
    why = ""
    if not file.path.is_file():
        why = "the anchor is missing; put it back, or see anchor_audit"
    elif not file.epochs:
        cut = "has no epoch: it was truncated, or is from version 0.1.0"
        state = "is empty" if not file.path.stat().st_size else cut
        why = f"the anchor {state}; put it back, or see anchor_audit"
    elif file.copy:
        why = "this is a backup's copy of an anchor: only restore may put it in place"
    elif len({line.anchor for line in file.epochs}) > 1:
        why = "expected one anchor, got lines of several"
    elif file.foreign:
        why = "the anchor belongs to another site, or to another state of this one"
    elif not file.usable:
        why = (
            f"the database lacks the event that began the anchor's last epoch, and {len(file.lost)} events in all: "
            "it is an older copy that was not restored with the restore command"
        )
    if why:
        yield Fault(None, 0, f"{file.path.name}: {why}")


def _unprotected(files: Sequence[Held], known: Known, named: set[str]) -> Iterator[Fault]:
    """Yield the chains whose last events no anchor holds: those could be cut off and nobody would know."""
    held_to = dict(sorted(event for file in files for event in file.events))  # the last of a chain stays
    for chain, last in dict(sorted(known.events)).items():
        first = held_to.get(chain, 0) + 1
        if first <= last and chain not in named:
            yield Fault(
                _study(chain), first,
                f"no anchor holds the events from this one to {last}: none could be written, or that of another host "
                "was not named with --anchors",
            )  # fmt: skip


def _remarks(files: Sequence[Held], known: Known) -> Iterator[str]:
    for file in files:
        if file.torn:
            yield f"{file.path.name}: {file.torn} lines are incomplete, as after a power failure"
    chains = {chain for chain, _ in known.events}
    vouched = {chain: max(file.vouched(chain) for file in files) for chain in chains}
    events = known.events.items()
    alone = sum(of is None and sequence > vouched[chain] for (chain, sequence), (_, of) in events)
    if alone:
        yield f"{alone} events were recorded where no anchor could be written"


def _within(line: Line, ranges: Ranges) -> bool:
    first, last = ranges.get(line.chain, (1, 0))
    return first <= line.sequence <= last


def _came_since(line: Line) -> bool:
    """Look again: on a site in use the event may have come after the database was read."""
    return Event.objects.filter(study=_study(line.chain), sequence=line.sequence, digest=line.digest).exists()


def _study(chain: str) -> UUID | None:
    return None if chain == anchor.SITE else UUID(chain)
