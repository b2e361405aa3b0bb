"""What tests of the site share, loaded where Django is installed: quick passwords, static files, the stock study."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings as configured
from django.db import transaction
from hypothesis import settings
from whitenoise.middleware import WhiteNoiseMiddleware

from readerstudy.accounts.hashing import Hasher

if TYPE_CHECKING:
    from pytest_django import DjangoDbBlocker

    from tests.stock import Stock

settings.register_profile("unhurried", deadline=None)  # a shared machine is no stop-watch
settings.load_profile("unhurried")

os.environ["DATABASE_URL"] = os.environ["CACHE_URL"] = ""
"""The settings are read by now. A site that a test makes and serves in a process of its own has its own."""


class QuickHasher(Hasher):
    """The product's hasher with its queue and its format, at the least cost that argon2 knows."""

    time_cost, memory_cost, parallelism = 1, 8, 1


configured.PASSWORD_HASHERS = ["tests.site.QuickHasher"]


def _find_static_files_once() -> None:
    """Let the test clients, each of which loads the middleware again, share what the first finds in the folders."""
    look = WhiteNoiseMiddleware.add_files_from_finders
    found: dict[str, Any] = {}

    def add(self: WhiteNoiseMiddleware) -> None:
        if not found:
            look(self)
            found.update(self.files)
        self.files.update(found)

    WhiteNoiseMiddleware.add_files_from_finders = add


_find_static_files_once()


@pytest.fixture(scope="module")
def _stock_of_module(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stock]:
    """Make the stock study once per module, inside a transaction that is undone at its end."""
    with django_db_blocker.unblock(), stock_of(tmp_path_factory.mktemp("stock")) as made:
        yield made


@contextmanager
def undone() -> Iterator[None]:
    """Take back at the end whatever the block did to the database."""
    outer = transaction.atomic()
    outer._from_testcase = True  # as Django's TestCase does: durable blocks are allowed inside
    outer.__enter__()
    try:
        yield
    finally:
        transaction.set_rollback(True)
        outer.__exit__(None, None, None)


@contextmanager
def stock_of(folder: Path, **choices: Any) -> Iterator[Stock]:
    """Make a stock study and take it back at the end."""
    from tests.stock import make_stock

    with undone():
        yield make_stock(folder, **choices)


@pytest.fixture
def stock(_stock_of_module: Stock, db: None) -> Stock:
    """Give each test the stock study as it was made; what the test changes is undone after it."""
    from tests.stock import fresh

    return fresh(_stock_of_module)
