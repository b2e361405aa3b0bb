"""An anchor of its own for each test: the site's has what browser tests committed before."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from readerstudy.audit import anchor
from readerstudy.audit.epochs import begin_first_epoch
from readerstudy.audit.models import Event
from readerstudy.audit.services import record

Happen = Callable[..., list[Event]]


@pytest.fixture(autouse=True)
def _own_anchor(settings: Any, tmp_path: Path) -> None:
    settings.AUDIT_ANCHOR = tmp_path / "anchor.jsonl"


@pytest.fixture
def anchored(db: None, settings: Any, django_capture_on_commit_callbacks: Any) -> Path:
    """Begin the anchor as `setup` does; the first event of the site's chain is that."""
    with django_capture_on_commit_callbacks(execute=True):
        assert begin_first_epoch() == ""
    assert anchor.identity(settings.AUDIT_ANCHOR) is not None
    return settings.AUDIT_ANCHOR  # type: ignore[no-any-return]


@pytest.fixture
def happen(db: None, django_capture_on_commit_callbacks: Any) -> Happen:
    """Record some events, each committed as far as the anchor knows."""

    def committed(count: int = 1, study: UUID | None = None) -> list[Event]:
        events = []
        for _ in range(count):
            with django_capture_on_commit_callbacks(execute=True):
                events.append(record(kind="a", actor=None, study=study))
        return events

    return committed
