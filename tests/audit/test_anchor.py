"""Five hundred tamperings of a chain by somebody who owns the database but neither the key nor the anchor."""

import fcntl
import os
import random
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from readerstudy.audit import anchor
from readerstudy.audit.agreement import anchor_faults
from readerstudy.audit.epochs import heads_of_all
from readerstudy.audit.models import Chain, Event
from readerstudy.audit.services import GENESIS, event_digest, faults, record
from tests.audit.conftest import Happen
from tests.audit.test_chain import chain as ten_events
from tests.blinding.crowd import undone

pytestmark = pytest.mark.django_db

chain = ten_events
TAMPERINGS = 500


@pytest.fixture
def events(anchored: Path, chain: list[Event]) -> list[Event]:
    """The event that began the anchor and ten more, and the anchor after their commits."""
    for event in chain:
        anchor.append(anchored, anchor.Line(anchor.SITE, event.sequence, event.digest))
    return [Event.objects.get(sequence=1), *chain]


def edit(events: list[Event], dice: random.Random) -> None:
    name, value = dice.choice(
        [
            ("kind", "x"),
            ("subject", "x"),
            ("values", {"n": -1}),
            ("reason", "x"),
            ("at", events[0].at.replace(year=2001)),
        ]
    )
    Event.objects.filter(pk=dice.choice(events).pk).update(**{name: value})


def delete(events: list[Event], dice: random.Random) -> None:
    Event.objects.filter(pk__in=[event.pk for event in dice.sample(events, dice.randint(1, 5))]).delete()


def insert(events: list[Event], dice: random.Random) -> None:
    place = dice.randint(1, len(events))
    for event in Event.objects.filter(sequence__gte=place).order_by("-sequence"):
        Event.objects.filter(pk=event.pk).update(sequence=event.sequence + 1)
    new = Event(sequence=place, at=events[0].at, kind="forged", previous=dice.choice(events).digest)
    new.digest = dice.choice([dice.choice(events).digest, f"{dice.getrandbits(256):064x}"])
    new.save(force_insert=True)
    Chain.objects.update(sequence=len(events) + 1)


def reorder(events: list[Event], dice: random.Random) -> None:
    one, other = dice.sample(events, 2)
    for event, place in ((one, 1000), (other, one.sequence), (one, other.sequence)):
        Event.objects.filter(pk=event.pk).update(sequence=place)


def truncate(events: list[Event], dice: random.Random) -> None:
    """Cut the end off and move the head back: the chain itself holds."""
    keep = dice.randint(1, len(events) - 1)
    Event.objects.filter(sequence__gt=keep).delete()
    Chain.objects.update(sequence=keep, digest=events[keep - 1].digest)
    assert list(faults()) == []


def recompute(events: list[Event], dice: random.Random) -> None:
    """Change an event and rehash everything with another key."""
    begin = dice.randrange(len(events))
    with override_settings(AUDIT_KEY=f"{dice.getrandbits(256):064x}"):
        previous = events[begin - 1].digest if begin else GENESIS
        for event in Event.objects.filter(sequence__gt=begin).order_by("sequence"):
            event.subject, event.previous = event.subject + "x", previous
            previous = event.digest = event_digest(event)
            event.save()
    Chain.objects.update(digest=previous)


WAYS: tuple[Callable[[list[Event], random.Random], None], ...] = (
    edit, delete, insert, reorder, truncate, recompute,
)  # fmt: skip


def test_all_tamperings_are_found(events: list[Event]) -> None:
    assert [*faults(), *anchor_faults()] == []
    dice = random.Random(39)
    found = 0
    for number in range(TAMPERINGS):
        with undone():
            WAYS[number % len(WAYS)](events, dice)
            found += bool([*faults(), *anchor_faults()])
    assert [*faults(), *anchor_faults()] == []
    assert found == TAMPERINGS


def test_command_names_what_was_cut_off(events: list[Event], capsys: pytest.CaptureFixture[str]) -> None:
    truncate(events, random.Random(1))
    with pytest.raises(CommandError, match="faults in the audit trail"):
        call_command("verify_audit")
    assert "the database has lost it" in capsys.readouterr().err


@pytest.mark.parametrize(("first", "told"), [(1, 1), (2, 10), (11, 1)])
def test_a_chain_with_the_stolen_key_is_found_by_the_anchor(
    events: list[Event], first: int, told: int
) -> None:
    """With the key all of it holds again; from the first event on it is another site's, which is said once."""
    previous = GENESIS if first == 1 else events[first - 2].digest
    for event in Event.objects.filter(sequence__gte=first).order_by("sequence"):
        event.reason, event.previous = "forged", previous
        previous = event.digest = event_digest(event)
        event.save()
    Chain.objects.update(digest=previous)
    assert list(faults()) == []
    assert len(list(anchor_faults())) == told


def test_what_is_committed_is_confirmed_and_nothing_else(
    anchored: Path, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        event = record(kind="a", actor=None)
        with undone():
            record(kind="b", actor=None)
    lines = [line for line in anchor.read(anchored) if line and line.state == anchor.COMMITTED]
    assert lines[1:] == [anchor.Line(anchor.SITE, 2, event.digest)]
    assert lines[0].anchor == event.anchor
    assert list(anchor_faults()) == []
    assert anchored.stat().st_mode & 0o777 == 0o600


def test_a_torn_line_costs_itself_only(events: list[Event], anchored: Path, happen: Happen) -> None:
    with anchored.open("a") as file:
        file.write('{"chain": "site", "sequ')
    record(kind="a", actor=None)  # all there is of it is what the anchor got before its commit
    happen(2)
    remarks: list[str] = []
    assert list(anchor_faults(remarks=remarks)) == []
    assert remarks == ["anchor.jsonl: 1 lines are incomplete, as after a power failure"]


LINE = anchor.Line(anchor.SITE, 7, "ab" * 32)


def test_a_line_makes_no_file_and_goes_into_plain_ones_only(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        anchor.append(tmp_path / "anchor", LINE)
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/null")):
        with pytest.raises(OSError, match="expected a plain file"):
            anchor.append(path, LINE)
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


def test_a_line_that_the_disk_takes_half_of_is_no_line(tmp_path: Path) -> None:
    path = tmp_path / "anchor"
    anchor.append(path, LINE, create=True)
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 20, usual[1]))
    try:
        with pytest.raises(OSError, match="no room"):
            anchor.append(path, LINE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    anchor.append(path, LINE)
    assert list(anchor.read(path)) == [LINE, None, LINE]


def test_a_line_without_an_end_is_read_in_pieces(tmp_path: Path) -> None:
    (tmp_path / "anchor").write_bytes(b"x" * (2 * anchor.LONGEST + 1))
    assert list(anchor.read(tmp_path / "anchor")) == [None] * 3


def test_the_ends_are_the_last_events_that_were_confirmed(tmp_path: Path) -> None:
    """Lines of processes side by side may be in another order than their events."""
    path, chain = tmp_path / "anchor", str(UUID(int=4))
    for number, state in (
        (1, anchor.COMMITTED),
        (3, anchor.COMMITTED),
        (2, anchor.COMMITTED),
        (4, anchor.BEGUN),
    ):
        anchor.append(path, anchor.Line(chain, number, f"{number}", state), create=True)
    assert anchor.ends(path) == {chain: (3, "3")}


def test_a_backups_copy_ends_where_its_database_does(
    anchored: Path, happen: Happen, tmp_path: Path, settings: Any
) -> None:
    study = UUID(int=5)
    happen(2)
    copy, heads = tmp_path / "copy", heads_of_all()
    happen(1)
    happen(1, study)
    assert anchor.copy_until(anchored, copy, heads)
    lines = [line for line in anchor.read(copy) if line]
    assert lines[:-1] == [line for line in anchor.read(anchored) if line][:6]
    assert lines[-1] == anchor.Line(anchor.SITE, 3, heads["site"][1], anchor.COPY)
    assert copy.stat().st_mode & 0o777 == 0o600
    settings.AUDIT_ANCHOR = copy
    with pytest.raises(CommandError, match="faults in the audit trail"):
        call_command("verify_audit")
    anchored.write_bytes(b"")
    for path in (anchored, tmp_path / "none"):
        assert not anchor.copy_until(path, tmp_path / "another", heads)
    assert not (tmp_path / "another").exists()


def test_an_anchor_that_can_only_be_read_is_said_by_the_event_itself(
    anchored: Path, happen: Happen, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The kernel takes no byte more into a sealed file, from root neither, as from a full disk."""
    file = os.memfd_create("anchor", os.MFD_ALLOW_SEALING)
    os.write(file, anchored.read_bytes())
    fcntl.fcntl(file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW)
    settings.AUDIT_ANCHOR = Path(f"/proc/self/fd/{file}")
    try:
        (event,) = happen(1)
    finally:
        os.close(file)
        settings.AUDIT_ANCHOR = anchored
    event.refresh_from_db()
    assert event.anchor is None
    assert list(faults()) == []
    assert "in no anchor" in caplog.text
    assert [fault.reason[:24] for fault in anchor_faults()] == ["no anchor holds the even"]


def test_an_anchor_that_breaks_after_the_commit_costs_nobody_their_answer(
    anchored: Path, happen: Happen, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        event = record(kind="a", actor=None)
        kept = anchored.rename(anchored.with_name("kept"))
        anchored.mkdir()
    anchored.rmdir()
    kept.rename(anchored)
    assert event.anchor is not None
    assert list(anchor_faults()) == []  # what is there from before the commit is enough


def test_an_anchor_that_cannot_be_written_costs_nobody_their_answer(
    settings: Any, tmp_path: Path, django_capture_on_commit_callbacks: Any, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    settings.AUDIT_ANCHOR = tmp_path / "file" / "anchor.jsonl"
    with django_capture_on_commit_callbacks(execute=True):
        event = record(kind="a", actor=None)
    assert Event.objects.filter(pk=event.pk).exists()
    assert caplog.records
