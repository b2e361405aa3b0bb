"""A draft of 16 cases in matched pairs, made once per module."""

from collections.abc import Iterator
from typing import Any

import pytest

from readerstudy.study.models import Assignment
from tests.site import stock_of
from tests.stock import Stock, fresh

PAIRS = 8


@pytest.fixture(scope="module")
def _draft_of_module(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stock]:
    with (
        django_db_blocker.unblock(),
        stock_of(tmp_path_factory.mktemp("draft"), pairs=PAIRS, reading=False, locked=False) as made,
    ):
        for reader in made.readers:
            Assignment.objects.filter(reader=reader).delete()
            reader.delete()
        yield made


@pytest.fixture
def draft(_draft_of_module: Stock, db: None) -> Stock:
    """Give a draft with 16 cases in matched pairs and no readers."""
    return fresh(_draft_of_module)
