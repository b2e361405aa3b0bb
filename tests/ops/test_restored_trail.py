"""What a backup's anchor and the database that came with it do not agree on keeps `restore` from making it green."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from readerstudy.audit import anchor
from readerstudy.audit.agreement import EPOCH
from readerstudy.audit.epochs import begin_first_epoch, heads_of_all
from readerstudy.audit.models import Event
from readerstudy.audit.services import record
from readerstudy.ops.backup.backing_up import ANCHOR
from readerstudy.ops.backup.manifest import BackupError
from readerstudy.ops.backup.restore import _ask_for_a_reason, _begin_epoch

pytestmark = pytest.mark.django_db
STUDY = UUID(int=9)


@pytest.fixture
def backup(settings: Any, tmp_path: Path, django_capture_on_commit_callbacks: Any) -> dict[str, Any]:
    """The manifest of a backup in tmp_path whose anchor is intact; this host has the database and no anchor yet."""
    settings.AUDIT_ANCHOR = tmp_path / "old.jsonl"
    with django_capture_on_commit_callbacks(execute=True):
        begin_first_epoch()
    for study in (None, STUDY, STUDY):
        with django_capture_on_commit_callbacks(execute=True):
            record(kind="a", actor=None, study=study)
    heads = heads_of_all()
    assert anchor.copy_until(settings.AUDIT_ANCHOR, tmp_path / ANCHOR, heads)
    settings.AUDIT_ANCHOR = tmp_path / "host" / "anchor.jsonl"
    return {"format": 2, "at": "2026-12-01", "anchor": ANCHOR, "chains": heads}


@pytest.fixture
def put_back(
    tmp_path: Path, backup: dict[str, Any], django_capture_on_commit_callbacks: Any
) -> Callable[..., list[str]]:
    def run(**values: Any) -> list[str]:
        with django_capture_on_commit_callbacks(execute=True):
            return _begin_epoch(tmp_path, backup | values, "a disk was lost")

    return run


def test_a_whole_one_begins_an_epoch(put_back: Callable[..., list[str]], settings: Any) -> None:
    put_back()
    _, epoch = Event.objects.filter(kind=EPOCH).order_by("sequence")
    assert (epoch.reason, epoch.values["cause"], epoch.values["backup"]) == (
        "a disk was lost",
        "restore",
        "2026-12-01",
    )
    assert epoch.values["old_heads"] == {}  # this host knew of nothing
    lines = [line for line in anchor.read(settings.AUDIT_ANCHOR) if line]
    assert lines[-1].anchor == lines[1].anchor is not None  # the same anchor goes on, in a new epoch
    assert anchor.COPY not in {line.state for line in lines}
    assert settings.AUDIT_ANCHOR.stat().st_mode & 0o777 == 0o600


def test_without_a_reason_the_epoch_says_what_was_done(
    tmp_path: Path, backup: dict[str, Any], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        _begin_epoch(tmp_path, backup, "")
    assert Event.objects.filter(kind=EPOCH).last().reason == "the backup of 2026-12-01 was put back"


def test_the_epoch_holds_where_this_hosts_anchor_had_ended(
    put_back: Callable[..., list[str]], backup: dict[str, Any], settings: Any, tmp_path: Path
) -> None:
    """Events that came after the backup are in this host's anchor only: the epoch tells where it stood."""
    shutil.copytree(tmp_path, tmp_path / "host", ignore=lambda *_: {"host"})
    settings.AUDIT_ANCHOR = tmp_path / "host" / "old.jsonl"
    late = anchor.Line(str(STUDY), 5, "ab" * 32)
    anchor.append(settings.AUDIT_ANCHOR, late)
    put_back()
    epoch = Event.objects.filter(kind=EPOCH).last()
    assert epoch.values["old_heads"] == backup["chains"] | {str(STUDY): [5, late.digest]}
    assert epoch.values["given_up"] == {str(STUDY): [5, 5]}


def test_what_does_not_hold_after_the_epoch_is_returned(
    put_back: Callable[..., list[str]], settings: Any, tmp_path: Path
) -> None:
    """Lines of two anchors in one file: the chains are intact, and no epoch repairs it."""
    settings.AUDIT_ANCHOR = tmp_path / "old.jsonl"
    anchor.append(settings.AUDIT_ANCHOR, anchor.Line(anchor.SITE, 90, "cd" * 32, anchor=UUID(int=3)))
    assert put_back() == ["event 0: old.jsonl: expected one anchor, got lines of several"]


def test_a_chain_of_another_key_is_no_proof(put_back: Callable[..., list[str]], settings: Any) -> None:
    settings.AUDIT_KEY = "ab" * 32
    said = put_back()
    assert "event 1 of the site: the event was changed after it was written" in said
    assert f"event 2 of {STUDY}: the event was changed after it was written" in said


def test_an_anchor_that_lacked_events_is_no_proof(put_back: Callable[..., list[str]], tmp_path: Path) -> None:
    copy = tmp_path / ANCHOR
    copy.write_text(
        "".join(line for line in copy.read_text().splitlines(keepends=True) if str(STUDY) not in line)
    )
    assert put_back() == [f"chain {STUDY}: the backup's anchor lacks events 1 to 2"]
    assert Event.objects.filter(kind=EPOCH).count() == 1


def test_an_anchor_that_knows_another_event_is_no_proof(
    put_back: Callable[..., list[str]], tmp_path: Path
) -> None:
    copy = tmp_path / ANCHOR
    last = Event.objects.get(study=STUDY, sequence=2)
    copy.write_text(copy.read_text().replace(last.digest, "ab" * 32))
    assert put_back() == [f"event 2 of chain {STUDY}: the anchor has a different event"]


def test_a_chain_that_ends_otherwise_is_no_proof(
    put_back: Callable[..., list[str]], backup: dict[str, Any]
) -> None:
    chains = backup["chains"] | {str(STUDY): [3, "ab" * 32]}
    assert put_back(chains=chains) == [f"chain {STUDY}: it ends differently from when the backup was taken"]
    chains = backup["chains"] | {str(UUID(int=8)): [1, "ab" * 32]}  # the database has no such chain at all
    assert put_back(chains=chains) == [
        f"chain {UUID(int=8)}: it ends differently from when the backup was taken"
    ]


def test_the_anchor_of_another_site_is_named(put_back: Callable[..., list[str]], settings: Any) -> None:
    other = anchor.Line(anchor.SITE, 90, "cd" * 32, anchor=UUID(int=3))
    anchor.append(settings.AUDIT_ANCHOR, other, create=True)
    (said,) = put_back()
    assert "name another file in AUDIT_ANCHOR" in said
    assert list(anchor.read(settings.AUDIT_ANCHOR)) == [other]


def test_a_reason_is_wanted_where_heads_differ(backup: dict[str, Any], settings: Any) -> None:
    _ask_for_a_reason(backup, "")
    _ask_for_a_reason({**backup, "format": 1, "anchor": None}, "")
    with pytest.raises(BackupError, match="has no audit anchor"):
        _ask_for_a_reason({**backup, "anchor": None}, " ")
    last = Event.objects.get(study=STUDY, sequence=2)
    line = anchor.Line(str(STUDY), 2, last.digest)
    anchor.append(settings.AUDIT_ANCHOR, line, create=True)
    _ask_for_a_reason(backup, "")  # this host's anchor ends as the backup does
    anchor.append(settings.AUDIT_ANCHOR, anchor.Line(str(STUDY), 3, "ab" * 32))
    with pytest.raises(BackupError, match=f"{STUDY} ends at 3 here and at 2 in the backup"):
        _ask_for_a_reason(backup, "")
    _ask_for_a_reason(backup, "a disk was lost")
