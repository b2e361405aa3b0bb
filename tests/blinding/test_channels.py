"""49 leaks, planted one at a time: each detector keeps silent without its leak and fires with it."""

from pathlib import Path
from typing import Any

import pytest

from readerstudy.cases.selectors import cases_of
from tests.blinding.channels import Channel, Scene
from tests.blinding.channels.table import CHANNELS
from tests.blinding.crowd import Crowd

pytestmark = [pytest.mark.django_db, pytest.mark.drill]

OTHERS = [channel for channel in CHANNELS if channel.detector != "scalars"]


def named(channel: Channel) -> str:
    return f"{channel.number:02d} {channel.name}"


def try_out(channel: Channel, scene: Scene) -> None:
    """The detector keeps silent on the study as it is, and fires on the planted leak."""
    assert channel.check(scene, False) == []
    assert channel.check(scene, True)


def test_the_table_is_whole() -> None:
    assert [channel.number for channel in CHANNELS] == list(range(1, 50))
    assert len({channel.name for channel in CHANNELS}) == 49


@pytest.mark.parametrize("channel", OTHERS, ids=named)
def test_planted_leak_is_caught(
    channel: Channel, crowd: Crowd, settings: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keys = [case.key for case in cases_of(crowd.stock.study.key)]
    caplog.set_level("INFO")
    arms = {key: number % 2 for number, key in enumerate(keys)}
    try_out(channel, Scene(crowd.stock, arms, tmp_path, settings, crowd, lambda: caplog.text))
