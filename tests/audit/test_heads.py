"""A head of the chains that somebody kept finds a chain that was cut or rebuilt, with key and all, since."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from readerstudy.audit.epochs import begin_epoch, begin_first_epoch
from readerstudy.audit.models import Chain, Event
from readerstudy.audit.services import event_digest, head_faults, heads, record
from readerstudy.study.design import lifecycle
from readerstudy.study.design.locking import locked_document
from tests.guards import drop_append_only
from tests.stock import Stock

pytestmark = pytest.mark.django_db


def rebuild(study: Any, sequence: int, reason: str) -> None:
    """Do what only the owner of database and key can: change an event and rehash the chain after it."""
    events = list(Event.objects.filter(study=study).order_by("sequence"))
    events[sequence - 1].reason = reason
    for number, event in enumerate(events):
        event.previous = events[number - 1].digest if number else event.previous
        event.digest = event_digest(event)
        Event.objects.filter(pk=event.pk).update(
            reason=event.reason, previous=event.previous, digest=event.digest
        )
    Chain.objects.filter(study=study).update(digest=events[-1].digest)


@pytest.fixture
def _writable(db: None) -> None:
    """Take away what keeps the database from changing events."""
    drop_append_only()


def test_the_lock_and_the_close_hold_the_heads(stock: Stock) -> None:
    document = locked_document(stock.study)
    locked = Event.objects.get(study=stock.study.key, kind="study.locked")
    assert document["audit_heads"]["study"] == {"sequence": locked.sequence - 1, "digest": locked.previous}
    site = document["audit_heads"]["site"]
    assert Event.objects.get(study=None, sequence=site["sequence"]).digest == site["digest"]
    lifecycle.close(study=stock.study, actor=stock.alice, reason="over")
    closed = Event.objects.get(study=stock.study.key, kind="study.closed")
    assert closed.values["audit_heads"]["study"] == {
        "sequence": closed.sequence - 1,
        "digest": closed.previous,
    }


@pytest.mark.usefixtures("_writable")
def test_a_kept_head_finds_a_rebuilt_chain(
    stock: Stock, tmp_path: Path, settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        begin_first_epoch()
    file = tmp_path / "protocol.json"
    file.write_text(stock.study.locked_file)
    said = StringIO()
    call_command("verify_audit", heads=[file], stdout=said)
    assert "the heads of 1 files are in their chains" in said.getvalue()
    rebuild(stock.study.key, 2, "another reason")
    settings.AUDIT_ANCHOR = tmp_path / "another.jsonl"
    with django_capture_on_commit_callbacks(execute=True):
        begin_epoch(cause="anchor_audit", reason="the owner of key and database owns the anchor too")
    call_command("verify_audit", stdout=StringIO())  # the chain itself holds again
    with pytest.raises(CommandError, match="1 faults"):
        call_command("verify_audit", heads=[file], stderr=StringIO())


@pytest.mark.usefixtures("_writable")
def test_a_kept_head_finds_a_chain_that_was_cut(stock: Stock) -> None:
    for number in range(3):
        record(kind="study.noted", actor=None, study=stock.study.key, values={"n": number})
    kept = heads(stock.study.key)
    Event.objects.filter(study=stock.study.key, sequence=kept["study"]["sequence"]).delete()
    (fault,) = head_faults(stock.study.key, kept)
    assert fault.reason == "a saved head is no longer in the chain"
    assert fault.sequence == kept["study"]["sequence"]


def test_a_file_without_heads_is_refused(stock: Stock, tmp_path: Path) -> None:
    for number, content in enumerate(
        ("no JSON", "[]", "{}", json.dumps({"study": str(stock.study.key), "audit_heads": {}}))
    ):
        file = tmp_path / f"{number}.json"
        file.write_text(content)
        with pytest.raises(CommandError, match="expected a file with study and audit_heads"):
            call_command("verify_audit", heads=[file])
