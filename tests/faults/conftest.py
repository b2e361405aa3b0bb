"""The faults at every address are tried with the people of the allow-matrix."""

import pytest

from tests.blinding.conftest import _bystanders
from tests.blinding.crowd import Crowd, gather
from tests.stock import Stock

__all__ = ["_bystanders"]


@pytest.fixture
def crowd(_bystanders: None, stock: Stock) -> Crowd:
    """Give each test everybody, signed in."""
    return gather(stock)
