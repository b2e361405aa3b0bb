"""What every test shares: which tests this machine allows, and why a test is skipped."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import socket
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings as configured
from django.db import transaction

if TYPE_CHECKING:
    from pytest_django import DjangoDbBlocker

    from tests.stock import Stock
from hypothesis import settings
from whitenoise.middleware import WhiteNoiseMiddleware

from readerstudy.accounts.hashing import Hasher
from tests.servers.process import installed

settings.register_profile("unhurried", deadline=None)  # a shared machine is no stop-watch
settings.load_profile("unhurried")

pytest_plugins = ["tests.servers.fixtures"]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what runs in its background so, and every process that a test starts would not hear Ctrl-C either.
    signal.signal(signal.SIGINT, signal.default_int_handler)

os.environ["DATABASE_URL"] = os.environ["CACHE_URL"] = ""
"""The settings are read by now. A site that a test makes and serves in a process of its own has its own."""


class QuickHasher(Hasher):
    """The product's hasher with its queue and its format, at the least cost that argon2 knows."""

    time_cost, memory_cost, parallelism = 1, 8, 1


configured.PASSWORD_HASHERS = ["tests.conftest.QuickHasher"]


def _find_static_files_once() -> None:
    """Let the test clients, of which each loads the middleware anew, share what the first finds in the folders."""
    look = WhiteNoiseMiddleware.add_files_from_finders
    found: dict[str, Any] = {}

    def add(self: WhiteNoiseMiddleware) -> None:
        if not found:
            look(self)
            found.update(self.files)
        self.files.update(found)

    WhiteNoiseMiddleware.add_files_from_finders = add


_find_static_files_once()

LOOPBACK = ("127.", "::1", "localhost")


def chromium() -> str | None:
    """Return the browser's path, or None where there is none."""
    path = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    return path if Path(path).exists() else shutil.which("chromium")


def _gpu_works() -> bool:
    import torch

    return torch.cuda.is_available()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for garbage less often: not while modules are loaded, never among what they are made of, then rarely."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()
        gc.set_threshold(20_000, 20, 20)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what the machine cannot do; each reason begins with the marker, so that a script can count it."""
    gpu = None
    for item in items:
        if item.get_closest_marker("browser") and chromium() is None:
            item.add_marker(
                pytest.mark.skip(reason="[browser] no Chromium; apt install chromium, or set CHROMIUM")
            )
        if item.get_closest_marker("outside_reference") and not os.environ.get("OUTSIDE_REFERENCE"):
            reason = "[outside_reference] OUTSIDE_REFERENCE does not name the folder of outside numbers"
            item.add_marker(pytest.mark.skip(reason=reason))
        if marker := item.get_closest_marker("servers"):
            missing = [name for name in marker.args or ("postgresql",) if not installed(name)]
            if missing:
                reason = f"[servers] not installed: {', '.join(missing)}"
                item.add_marker(pytest.mark.skip(reason=reason))
        if item.get_closest_marker("gpu"):
            gpu = _gpu_works() if gpu is None else gpu
            if not gpu:
                item.add_marker(pytest.mark.skip(reason="[gpu] no NVIDIA GPU that works with this torch"))


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
    outer._from_testcase = True  # as Django's TestCase does: durable blocks may stand inside
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


@pytest.fixture(autouse=True)
def _no_outside_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every connection that leaves this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else ""
        if self.family != socket.AF_UNIX and not str(host).startswith(LOOPBACK):
            raise AssertionError(f"a test tried to reach {address!r}")
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded)
