"""Whatever is done to the trail behind the program's back is found."""

from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from readerstudy.audit.models import Chain, Event
from readerstudy.audit.services import event_digest, faults, record
from tests.guards import drop_append_only

pytestmark = pytest.mark.django_db


@pytest.fixture
def chain() -> list[Event]:
    """Ten events, with the triggers out of the way, as for somebody who owns the database file."""
    events = [record(kind="thing.done", actor=None, subject=str(n), values={"n": n}) for n in range(10)]
    drop_append_only()
    return events


def test_untouched_chain_holds(
    anchored: Path, chain: list[Event], capsys: pytest.CaptureFixture[str]
) -> None:
    assert list(faults()) == []
    call_command("verify_audit")
    assert "11 audit events, every chain is intact" in capsys.readouterr().out


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "x"},
        {"subject": "x"},
        {"values": {}},
        {"reason": "x"},
        {"study": "0" * 32},
        {"previous": "1" * 64},
    ],
)
def test_edit_is_found(chain: list[Event], change: dict[str, Any]) -> None:
    Event.objects.filter(pk=chain[4].pk).update(**change)
    assert list(faults())
    with pytest.raises(CommandError, match="faults in the audit trail"):
        call_command("verify_audit")


@pytest.mark.parametrize("number", [0, 4, 9])
def test_deletion_is_found(chain: list[Event], number: int) -> None:
    Event.objects.filter(pk=chain[number].pk).delete()
    assert list(faults())


def test_truncation_with_a_moved_head_is_found_only_outside(chain: list[Event]) -> None:
    """Cutting the end and moving the head back leaves a chain that holds: only an anchor outside finds it."""
    Event.objects.filter(sequence__gt=5).delete()
    assert list(faults())
    Chain.objects.update(sequence=5, digest=chain[4].digest)
    assert list(faults()) == []


def test_reordering_is_found(chain: list[Event]) -> None:
    Event.objects.filter(pk=chain[2].pk).update(sequence=100)
    Event.objects.filter(pk=chain[3].pk).update(sequence=3)
    Event.objects.filter(pk=chain[2].pk).update(sequence=4)
    assert list(faults())


def test_recomputing_without_the_key_is_found(chain: list[Event], settings: Any) -> None:
    event = chain[4]
    event.values = {"n": 99}
    settings.AUDIT_KEY = "11" * 32
    event.digest = event_digest(event)
    settings.AUDIT_KEY = "00" * 32
    event.save()
    assert [fault.sequence for fault in faults()] == [5, 6]


def test_studies_have_chains_of_their_own() -> None:
    import uuid

    one, two = uuid.uuid4(), uuid.uuid4()
    for _ in range(3):
        record(kind="a", actor=None, study=one)
        record(kind="a", actor=None, study=two)
    assert [event.sequence for event in Event.objects.filter(study=one)] == [1, 2, 3]
    assert Chain.objects.count() == 2
    assert list(faults()) == []
