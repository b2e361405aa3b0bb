"""The pages for load balancers: ok or no, whatever is wrong."""

import logging
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from readerstudy.accounts.models import Attempts
from readerstudy.ops.serve import readiness

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "_found", (float("-inf"), False))


def test_ready_when_everything_answers(client: Client, settings: Any, tmp_path: Path) -> None:
    settings.FRAMES_ROOT = tmp_path
    answer = client.get("/readyz/")
    assert (answer.status_code, answer.content) == (200, b"ok\n")
    assert client.get("/healthz/").content == b"ok\n"


def broken(*args: Any) -> bool:
    raise OperationalError("password authentication failed for user reader_study")


@pytest.mark.parametrize("part", ["_database", "_writes", "_migrations", "_cache", "_frames", "_room"])
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


def test_what_was_found_is_told_for_a_moment(
    client: Client, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.FRAMES_ROOT = tmp_path
    looks: list[bool] = []
    monkeypatch.setattr(readiness, "look", lambda: looks.append(True) or True)
    monkeypatch.setattr(readiness, "FRESH_S", 60)
    assert [client.get("/readyz/").status_code for _ in range(5)] == [200] * 5
    monkeypatch.setattr(readiness, "FRESH_S", -1)
    client.get("/readyz/")
    assert len(looks) == 2


def test_looking_leaves_nothing(client: Client, settings: Any, tmp_path: Path) -> None:
    settings.FRAMES_ROOT = settings.HOME = tmp_path
    assert client.get("/readyz/").status_code == 200
    assert not Attempts.objects.exists()
    assert {path.name for path in tmp_path.iterdir()} <= {"small"}, "what the styles are made into, no more"


def test_frames_that_are_not_there_are_not_ready(client: Client, settings: Any, tmp_path: Path) -> None:
    settings.FRAMES_ROOT = tmp_path / "absent"
    assert client.get("/readyz/").status_code == 503
