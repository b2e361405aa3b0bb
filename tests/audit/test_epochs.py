"""An anchor that is missing, empty, cut, older, newer or another's is a fault, until somebody says why, by record."""

import os
import platform
import pwd
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from readerstudy.audit import anchor
from readerstudy.audit.agreement import EPOCH, Known, anchor_faults
from readerstudy.audit.epochs import begin_epoch, begin_first_epoch
from readerstudy.audit.models import Chain, Event
from readerstudy.audit.services import DELETED, AuditError, event_digest, faults, record
from tests.audit.conftest import Happen
from tests.blinding.crowd import undone
from tests.guards import drop_append_only

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_writable")]
STUDY = UUID(int=7)


@pytest.fixture
def _writable(db: None) -> None:
    """Take away what keeps the database from changing events, as its owner can."""
    drop_append_only()


def told() -> str:
    """Return all that verify_audit says, which ends without a fault."""
    out, err = StringIO(), StringIO()
    call_command("verify_audit", stdout=out, stderr=err)
    assert "every chain is intact" in out.getvalue()
    return out.getvalue() + err.getvalue()


def refused(**options: Any) -> str:
    """Return what verify_audit complains of."""
    out, err = StringIO(), StringIO()
    with pytest.raises(CommandError, match="faults in the audit trail"):
        call_command("verify_audit", stdout=out, stderr=err, **options)
    assert "every chain is intact" not in out.getvalue()
    return err.getvalue()


def cut(study: UUID | None, keep: int) -> None:
    """Cut the end of a chain off and move its head back, as the owner of the database can."""
    Event.objects.filter(study=study, sequence__gt=keep).delete()
    last = Event.objects.get(study=study, sequence=keep)
    Chain.objects.filter(study=study).update(sequence=keep, digest=last.digest)
    assert list(faults()) == []


@pytest.fixture
def begin(django_capture_on_commit_callbacks: Any) -> Callable[[], str]:
    """Restart the anchor, as `anchor_audit` does; return what the command prints."""

    def run(reason: str = "the disk was lost") -> str:
        out = StringIO()
        with django_capture_on_commit_callbacks(execute=True):
            call_command("anchor_audit", reason=reason, stdout=out)
        return out.getvalue()

    return run


def older(path: Path, happen: Happen) -> None:
    kept = path.read_bytes()
    happen(3)
    path.write_bytes(kept)


def older_and_used_since(path: Path, happen: Happen) -> None:
    older(path, happen)
    happen(3)


def last_lines_lost(path: Path, happen: Happen) -> None:
    happen(3, STUDY)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-2]))


def middle_overwritten(path: Path, happen: Happen) -> None:
    happen(3)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:4], b"x" * len(lines[4] + lines[5]), *lines[6:]]))


def unwritable(path: Path, happen: Happen) -> None:
    mine = path.with_name("kept")
    path.rename(mine)
    path.mkdir()
    happen(2)
    path.rmdir()
    mine.rename(path)


def other_sites(path: Path, happen: Happen) -> None:
    happen(2)
    lines = [
        anchor.Line(anchor.SITE, n + 1, f"{n:064x}", anchor=UUID(int=1) if n == 0 else None) for n in range(9)
    ]
    path.write_text("".join(line.text() for line in lines))


def older_format(path: Path, happen: Happen) -> None:
    """What 0.1.0 wrote: a line for each event, and none that says which anchor it is."""
    happen(2)
    path.write_text(
        "".join(anchor.Line(anchor.SITE, e.sequence, e.digest).text() for e in Event.objects.all())
    )


def copy_of_a_backup(path: Path, happen: Happen) -> None:
    (last,) = happen(1)
    anchor.append(path, anchor.Line(anchor.SITE, last.sequence, last.digest, anchor.COPY))


def renamed(path: Path, happen: Happen) -> None:
    """The line of an epoch that was, under the name of an anchor that never was."""
    happen(1)
    name = str(anchor.identity(path))
    path.write_text(path.read_text().replace(name, str(uuid4())))


def two_in_one(path: Path, happen: Happen) -> None:
    (last,) = happen(1)
    anchor.append(path, anchor.Line(anchor.SITE, last.sequence, last.digest, anchor=uuid4()))


WAYS: dict[str, tuple[Callable[[Path, Happen], object], str]] = {
    "deleted": (lambda path, _: path.unlink(), "the anchor is missing"),
    "deleted and used since": (lambda path, happen: (path.unlink(), happen(2)), "the anchor is missing"),
    "emptied": (lambda path, _: path.write_bytes(b""), "is empty"),
    "emptied and used since": (lambda path, happen: (path.write_bytes(b""), happen(2)), "is empty"),
    "blank": (lambda path, _: path.write_bytes(b"\n\n"), "has no epoch"),
    "no lines at all": (lambda path, _: path.write_bytes(os.urandom(5000)), "has no epoch"),
    "a folder": (lambda path, _: (path.unlink(), path.mkdir()), "the anchor is missing"),
    "a device": (lambda path, _: (path.unlink(), path.symlink_to("/dev/null")), "the anchor is missing"),
    "a pipe": (lambda path, happen: (path.unlink(), os.mkfifo(path), happen(1)), "the anchor is missing"),
    "without its last lines": (last_lines_lost, "lacks events between this one and 3"),
    "overwritten in the middle": (middle_overwritten, "lacks events between this one and 3"),
    "an older copy": (older, "lacks events between this one and 5"),
    "an older copy, used since": (older_and_used_since, "lacks events between this one and 5"),
    "not to be written to": (unwritable, "no anchor holds the events from this one to 4"),
    "another site's": (other_sites, "to another site"),
    "without any epoch": (older_format, "has no epoch"),
    "the copy of a backup": (copy_of_a_backup, "only restore may put it in place"),
    "under another name": (renamed, "lacks the event that began the anchor's last epoch"),
    "of two": (two_in_one, "got lines of several"),
}


@pytest.mark.parametrize("name", WAYS)
def test_an_anchor_that_does_not_hold_is_a_fault(anchored: Path, happen: Happen, name: str) -> None:
    happen(1)
    assert "epoch from event 1 of the site" in told()
    way, words = WAYS[name]
    way(anchored, happen)
    assert words in refused()
    wrong = [line for line in refused().splitlines() if not line.startswith("warning: ")]
    assert len(wrong) == 1  # one thing is wrong, and it is said once


def test_no_event_begins_an_anchor_by_itself(anchored: Path, happen: Happen) -> None:
    anchored.unlink()
    (event,) = happen(1)
    assert event.anchor is None
    assert not anchored.exists()
    assert "missing or holds no epoch" in begin_first_epoch()
    assert not anchored.exists()


def test_setup_begins_one_epoch_however_often_it_runs(anchored: Path, happen: Happen) -> None:
    happen(2)
    assert begin_first_epoch() == ""
    assert Event.objects.filter(kind=EPOCH).count() == 1


def test_a_site_that_never_had_one_is_at_fault(happen: Happen) -> None:
    assert "the anchor is missing" in refused()
    happen(2)
    assert "the anchor is missing" in refused()


def test_a_database_older_than_the_anchor_is_a_fault(anchored: Path, happen: Happen) -> None:
    happen(5)
    happen(2, STUDY)
    cut(None, 3)
    said = refused()
    assert [line.partition(":")[0] for line in said.splitlines()] == [f"site event {n}" for n in (4, 5, 6)]
    Event.objects.filter(study=STUDY).delete()
    Chain.objects.filter(study=STUDY).delete()
    assert f"{STUDY} event 2: the anchor has this event, but the database has lost it" in refused()


def test_another_event_in_the_place_of_a_known_one_is_called_so(anchored: Path, happen: Happen) -> None:
    """The owner of the key as well can repair the chain."""
    (last,) = happen(1)
    last.reason = "forged"
    last.digest = event_digest(last)
    last.save()
    Chain.objects.update(digest=last.digest)
    assert list(faults()) == []
    assert refused() == "site event 2: the anchor has a different event at this place\n"


def test_a_database_of_before_the_last_epoch_is_named_once(
    anchored: Path, happen: Happen, begin: Callable[[], str]
) -> None:
    happen(5)
    begin()
    happen(2)
    cut(None, 4)
    assert refused() == (
        "anchor: anchor.jsonl: the database lacks the event that began the anchor's last epoch, and 5 events in all: "
        "it is an older copy that was not restored with the restore command\n"
    )


def test_a_process_killed_around_its_commit_leaves_no_fault(anchored: Path, happen: Happen) -> None:
    """Before the commit a line `begun` stands alone, after it the event has that line."""
    with undone():
        record(kind="a", actor=None)  # written into the anchor, then killed
    record(kind="a", actor=None, study=STUDY)  # committed, then killed: nothing confirms it
    happen(1)
    assert "warning" not in told()


def test_what_could_not_be_anchored_is_said_and_later_events_hold_it(anchored: Path, happen: Happen) -> None:
    unwritable(anchored, happen)
    happen(1)
    assert "warning: 2 events were recorded where no anchor could be written" in told()


def test_what_an_epoch_vouches_for_is_no_longer_told(
    anchored: Path, happen: Happen, begin: Callable[[], str]
) -> None:
    unwritable(anchored, happen)
    begin()
    assert "warning" not in told()


def test_an_older_copy_goes_on_by_record(anchored: Path, happen: Happen, begin: Callable[..., str]) -> None:
    older(anchored, happen)
    assert "lacks events between this one and 4" in refused()
    begin("the disk\nwas copied back")
    (line,) = [line for line in told().splitlines() if "because the disk" in line]
    assert line.endswith(
        f" UTC, by {pwd.getpwuid(os.getuid()).pw_name} on {platform.node()}: an operator had it begun, because the "
        "disk was copied back; not in the anchor: events site 2 to 4"
    )


def test_a_user_without_a_name_begins_one_too(
    anchored: Path, begin: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container that runs under a number."""
    monkeypatch.setattr(pwd, "getpwuid", lambda user: {}[user])
    begin()
    assert f"by user {os.getuid()} on " in told()


def test_an_event_that_comes_while_the_trail_is_looked_at_is_no_fault(
    anchored: Path, happen: Happen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is in the anchor by then, and was not in the database when that was read."""
    happen(1)
    read = Known.read

    def then_something_happens() -> Known:
        found = read()
        happen(1)
        return found

    monkeypatch.setattr(Known, "read", then_something_happens)
    assert list(anchor_faults()) == []


def test_an_epoch_says_why_and_makes_it_green(
    anchored: Path, happen: Happen, begin: Callable[[], str]
) -> None:
    happen(5)
    cut(None, 4)
    refused()
    assert "counts from event 5" in begin()
    said = told()
    assert "an operator had it begun, because the disk was lost" in said
    assert "given up, since the database does not have them: events site 5 to 6" in said
    happen(2)
    told()
    cut(None, 6)
    assert refused().startswith("site event 7: the anchor has this event")


def test_a_lost_anchor_is_begun_again_only_by_record(
    anchored: Path, happen: Happen, begin: Callable[[], str], capsys: pytest.CaptureFixture[str]
) -> None:
    happen(2, STUDY)
    first = anchor.identity(anchored)
    anchored.unlink()
    with pytest.raises(CommandError, match="expected a reason"):
        call_command("anchor_audit", reason="  ")
    begin()
    assert anchor.identity(anchored) not in {first, None}
    assert told().count("epoch from event") == 2
    cut(STUDY, 1)
    assert refused() == f"{STUDY} event 2: the anchor has this event, but the database has lost it\n"


def test_an_epochs_line_given_again_voids_nothing(
    anchored: Path, happen: Happen, begin: Callable[[], str]
) -> None:
    """On an append-only disk a thief of the database can only add: a line that gave something up once is no pass."""
    happen(3)
    cut(None, 2)
    begin()
    lines = [line for line in anchor.read(anchored) if line and line.anchor]
    happen(3)
    cut(None, 3)
    anchor.append(anchored, lines[-1])
    assert refused().count("the database has lost it") == 3


def test_an_epoch_that_somebody_wrote_without_the_key_counts_for_nothing(
    anchored: Path, happen: Happen
) -> None:
    happen(3)
    cut(None, 2)
    values = Event.objects.get(kind=EPOCH).values | {"given_up": {"site": [1, 99]}}
    name = anchor.identity(anchored)
    forged = Event(
        sequence=3, at=Event.objects.get(sequence=2).at, kind=EPOCH, values=values, anchor=name,
        previous=Chain.objects.get().digest, digest="ab" * 32,
    )  # fmt: skip
    forged.save(force_insert=True)
    Chain.objects.update(sequence=3, digest=forged.digest)
    anchor.append(anchored, anchor.Line(anchor.SITE, 3, forged.digest, anchor=name))
    assert "was changed after it was written" in refused()
    assert "the database lacks the event that began" in refused()


def test_the_chains_themselves_must_hold(anchored: Path, happen: Happen) -> None:
    happen(3)
    Event.objects.filter(sequence=3).update(reason="other words")
    with pytest.raises(CommandError, match="would not repair"):
        call_command("anchor_audit", reason="to make it green")
    assert Event.objects.filter(kind=EPOCH).count() == 1


def test_another_sites_anchor_is_never_gone_on_with(anchored: Path, happen: Happen) -> None:
    other_sites(anchored, happen)
    before = anchored.read_bytes()
    with pytest.raises(CommandError, match="name another file in AUDIT_ANCHOR"):
        call_command("anchor_audit", reason="x")
    assert anchored.read_bytes() == before


def test_an_emptied_database_beside_an_anchor_is_not_begun(anchored: Path, happen: Happen) -> None:
    happen(3)
    Event.objects.all().delete()
    Chain.objects.all().delete()
    assert "tells of events that this database does not have" in begin_first_epoch()
    assert Event.objects.count() == 0


@pytest.mark.parametrize("lines", [0, 2, 3])
def test_a_site_of_0_1_0_begins_its_anchor_by_record(
    happen: Happen, settings: Any, django_capture_on_commit_callbacks: Any, lines: int
) -> None:
    events = happen(3)
    for event in events[:lines]:
        anchor.append(
            settings.AUDIT_ANCHOR, anchor.Line(anchor.SITE, event.sequence, event.digest), create=True
        )
    with django_capture_on_commit_callbacks(execute=True):
        said = begin_first_epoch()
    assert said.endswith(f"{lines} of 3 earlier events stood in it")
    assert "a site of a version without epochs was upgraded" in told()
    cut(None, 2)
    refused()


def test_a_site_of_0_1_0_whose_anchor_knows_more_is_not_begun(happen: Happen, settings: Any) -> None:
    for event in happen(3):
        line = anchor.Line(anchor.SITE, event.sequence, event.digest)
        anchor.append(settings.AUDIT_ANCHOR, line, create=True)
    cut(None, 2)
    assert "tells of events that this database does not have" in begin_first_epoch()
    refused()


def test_events_of_0_1_0_keep_their_hash() -> None:
    event = Event(
        sequence=1, at=Event._meta.get_field("at").to_python("2026-01-02T03:04:05.000006+00:00"), kind="a",
        subject="b", values={"c": 1}, reason="d", previous="0" * 64,
    )  # fmt: skip
    assert event_digest(event) == "1948bdcea5ab2db8fe94a887831f3bdf25ab1b314be8696735d8269f59e8935d"
    event.anchor = UUID(int=1)
    assert event_digest(event) != "1948bdcea5ab2db8fe94a887831f3bdf25ab1b314be8696735d8269f59e8935d"


def test_hosts_with_anchors_of_their_own(
    anchored: Path, happen: Happen, begin: Callable[[], str], settings: Any, tmp_path: Path
) -> None:
    settings.AUDIT_ANCHOR = tmp_path / "second.jsonl"
    begin("a second web host")
    happen(2)
    settings.AUDIT_ANCHOR = anchored
    happen(2, STUDY)
    assert "no anchor holds the events from this one to 4" in refused()
    call_command("verify_audit", anchors=[tmp_path / "second.jsonl"], stdout=StringIO())
    cut(None, 3)
    assert "site event 4: the anchor has" in refused(anchors=[tmp_path / "second.jsonl"])


def test_a_study_deleted_by_record_is_no_loss(anchored: Path, happen: Happen) -> None:
    events = happen(3, STUDY)
    Event.objects.filter(study=STUDY).delete()
    Chain.objects.filter(study=STUDY).delete()
    assert refused().count("the database has lost it") == 3
    with undone():  # a tombstone that says less than what was there
        record(kind=DELETED, actor=None, values={"chains": {str(STUDY): [2, events[1].digest]}})
        assert refused().count("the database has lost it") == 1
    with undone():  # one that names another last event
        record(kind=DELETED, actor=None, values={"chains": {str(STUDY): [3, events[1].digest]}})
        assert refused() == f"{STUDY} event 3: the anchor has this event, but the database has lost it\n"
    record(kind=DELETED, actor=None, values={"chains": {str(STUDY): [3, events[2].digest]}})
    told()


WRITER = """
import sys
from pathlib import Path
from readerstudy.audit.anchor import Line, append
for number in range(400):
    append(Path(sys.argv[1]), Line("site", number, sys.argv[2] * 64))
"""


def test_processes_side_by_side_do_not_mix_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "anchor.jsonl"
    path.touch()
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), digit], cwd=Path(__file__).parents[2])
        for digit in "abc"
    ]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    lines = list(anchor.read(path))
    assert None not in lines
    assert {(line.digest[0], line.sequence) for line in lines if line} == {
        (digit, number) for digit in "abc" for number in range(400)
    }


def test_a_clock_that_ran_backwards_is_named(
    anchored: Path, happen: Happen, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "clock" not in told()
    began = timezone.now() - timedelta(hours=10)
    for hours in (0, -2, -1, 14):
        then = began + timedelta(hours=hours)
        with monkeypatch.context() as patch:
            patch.setattr("readerstudy.audit.services.timezone", SimpleNamespace(now=lambda then=then: then))
            happen(1, STUDY)
    said = told()
    warning = f"warning: the clock ran backwards: event {{}} of study {STUDY} is "
    assert warning.format(2) + "2:00:00 earlier than the event before it" in said
    assert re.search(warning.format(4) + "3:59:.. later than this machine's clock", said)
    assert said.count("clock ran backwards") == 2


def test_many_steps_of_the_clock_are_counted(
    anchored: Path, happen: Happen, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = timezone.now() - timedelta(days=1)
    for hours in range(24):
        then = began - timedelta(hours=hours)
        with monkeypatch.context() as patch:
            patch.setattr("readerstudy.audit.services.timezone", SimpleNamespace(now=lambda then=then: then))
            happen(1, STUDY)
    said = told()
    assert said.count("earlier than the event before it") == 20
    assert "warning: the clock ran backwards at 3 more events" in said


def test_reading_the_trail_leaves_others_the_database(anchored: Path, happen: Happen) -> None:
    """An open cursor would keep others from committing on SQLite; pages are read whole, and are enough of them."""
    import readerstudy.audit.services as module

    happen(7)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "PAGE", 2)
        assert len(list(module.in_pages(Event.objects.all()))) == 8
        assert list(faults()) == []
        assert list(anchor_faults()) == []


def test_an_anchor_elsewhere_may_be_a_link(anchored: Path, happen: Happen, tmp_path: Path) -> None:
    place = tmp_path / "another disk"
    shutil.move(anchored, place)
    anchored.symlink_to(place)
    happen(2)
    told()


def test_begin_refuses_what_cannot_be_written(settings: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings.AUDIT_ANCHOR = tmp_path / "file" / "anchor.jsonl"
    with pytest.raises((OSError, AuditError)):
        begin_epoch(cause="setup", reason="")
    assert not Event.objects.filter(kind=EPOCH).exists()
