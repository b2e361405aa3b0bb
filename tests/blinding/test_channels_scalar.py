"""Leaks planted in a study of 200 cases, whose arms are those of its own key: the scalars see each of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pytest_django import DjangoDbBlocker

from tests.blinding.channels import Channel, Scene
from tests.blinding.channels.table import CHANNELS
from tests.blinding.test_channels import named, try_out
from tests.site import stock_of
from tests.stock import Stock, fresh

pytestmark = [pytest.mark.django_db, pytest.mark.drill]

SCALARS = [channel for channel in CHANNELS if channel.detector == "scalars"]


@pytest.fixture(scope="module")
def large(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stock]:
    """Build a study of 200 cases, once, and take it back."""
    with django_db_blocker.unblock(), stock_of(tmp_path_factory.mktemp("large"), pairs=100) as stock:
        yield stock


@pytest.mark.parametrize("channel", SCALARS, ids=named)
def test_planted_leak_in_a_scalar_is_caught(
    channel: Channel, large: Stock, settings: Any, tmp_path: Path
) -> None:
    key = pd.read_csv(large.case_set.key, dtype=str)
    arms = dict(zip(key["case"], key["arm"].astype(int), strict=True))
    assert len(arms) == 200
    try_out(channel, Scene(fresh(large), arms, tmp_path, settings))
