"""Fixtures: each server is started once per test process, on first use."""

from collections.abc import Iterator

import pytest

from tests.servers import brokers, postgresql
from tests.servers.process import Server


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Server]:
    """A running PostgreSQL cluster; tests may restart it, and leave it running."""
    with postgresql.postgresql() as server:
        yield server


@pytest.fixture
def postgresql_url(postgresql_server: Server) -> str:
    """The address of an empty database of this test's own."""
    return postgresql.new_database(postgresql_server)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Server]:
    """A running Redis that forgets everything when it is restarted."""
    with brokers.redis() as server:
        yield server


@pytest.fixture(scope="session")
def rabbitmq_server() -> Iterator[Server]:
    """A running RabbitMQ node."""
    with brokers.rabbitmq() as server:
        yield server
