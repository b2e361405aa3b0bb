"""The pages for load balancers: ok or no, whatever is wrong."""

import logging
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from readerstudy.ops import readiness

pytestmark = pytest.mark.django_db


def test_ready_when_everything_answers(client: Client, settings: Any, tmp_path: Path) -> None:
    settings.FRAMES_ROOT = tmp_path
    answer = client.get("/readyz/")
    assert (answer.status_code, answer.content) == (200, b"ok\n")
    assert client.get("/healthz/").content == b"ok\n"


def broken(*args: Any) -> bool:
    raise OperationalError("password authentication failed for user reader_study")


@pytest.mark.parametrize("part", ["_database", "_migrations", "_cache", "_frames"])
def test_not_ready_tells_nothing(
    client: Client, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    settings.FRAMES_ROOT = tmp_path
    broken.__name__ = part
    monkeypatch.setattr(readiness, part, broken)
    with caplog.at_level(logging.WARNING):
        answer = client.get("/readyz/")
    assert (answer.status_code, answer.content) == (503, b"no\n")
    assert f"not ready: {part.strip('_')} (OperationalError)" in caplog.text
    assert "reader_study" not in caplog.text
    assert client.get("/healthz/").status_code == 200


def test_frames_that_are_not_there_are_not_ready(client: Client, settings: Any, tmp_path: Path) -> None:
    settings.FRAMES_ROOT = tmp_path / "absent"
    assert client.get("/readyz/").status_code == 503
