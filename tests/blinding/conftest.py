"""The stock study with everybody around it."""

import pytest
from pytest_django import DjangoDbBlocker, Settings

from tests.blinding.crowd import Crowd, gather, make_bystanders
from tests.stock import Stock


@pytest.fixture(scope="module")
def _bystanders(
    _stock_of_module: Stock, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Make the others once per module, inside the module's transaction."""
    with django_db_blocker.unblock():
        make_bystanders(_stock_of_module, tmp_path_factory.mktemp("bystanders"))
    return


@pytest.fixture
def crowd(_bystanders: None, stock: Stock, settings: Settings) -> Crowd:
    """Give each test everybody, signed in; what the test changes is undone after it.

    The cache is outside the database, or what was computed for one would be undone before another asks for it.
    """
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    return gather(stock)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many of the planted leaks were caught, when they were tried."""
    tried = {
        outcome: sum("is_caught[" in report.nodeid for report in terminalreporter.stats.get(outcome, []))
        for outcome in ("passed", "failed", "error")
    }
    if sum(tried.values()):
        terminalreporter.write_line(f"planted leaks caught: {tried['passed']} of {sum(tried.values())}")
