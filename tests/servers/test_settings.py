"""The same site on PostgreSQL, Redis and RabbitMQ by environment variables alone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from readerstudy.environment import BASE, SettingError
from readerstudy.stores import cache, database
from tests.servers.postgresql import postgresql
from tests.servers.process import Server

LOOK = """
import json, django
django.setup()
from django.core.cache import cache
from django.db import connection
from readerstudy.accounts import open_sessions as db
from importlib import import_module
from django.conf import settings
from readerstudy.celery import app
cache.set("seen", 1)
session = import_module(settings.SESSION_ENGINE).SessionStore()
session["who"] = "bob"
session.save()
with app.connection_for_write() as broker:
    broker.ensure_connection(max_retries=1)
    transport = broker.transport.driver_type
print(json.dumps([connection.vendor, cache.get("seen"), settings.SESSION_ENGINE,
                  db.SessionStore(session.session_key).get("who"), transport]))
"""


def run(home: Path, *command: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, *command], cwd=BASE, capture_output=True, text=True, check=False,
        env={**os.environ, "READERSTUDY_HOME": str(home), **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.servers("postgresql", "redis", "rabbitmq")
@pytest.mark.parametrize("broker", ["redis", "rabbitmq"])
def test_a_site_on_servers(
    tmp_path: Path, postgresql_url: str, redis_server: Server, request: pytest.FixtureRequest, broker: str
) -> None:
    address = request.getfixturevalue(f"{broker}_server").url
    environment = {"DATABASE_URL": postgresql_url, "CACHE_URL": redis_server.url, "BROKER_URL": address}
    said = run(tmp_path / "site", "manage.py", "setup", **environment)
    assert "password" in said
    assert not (tmp_path / "site" / "db.sqlite3").exists()
    environment["DJANGO_SETTINGS_MODULE"] = "readerstudy.settings"
    found = json.loads(run(tmp_path / "site", "-c", LOOK, **environment))
    transport = {"redis": "redis", "rabbitmq": "amqp"}[broker]
    assert found == ["postgresql", 1, "readerstudy.accounts.open_sessions", "bob", transport]


@pytest.mark.servers("postgresql")
@pytest.mark.parametrize("durable", [False, True])
def test_a_server_that_acknowledges_before_it_has_written_is_found(tmp_path: Path, durable: bool) -> None:
    with postgresql(durable=durable) as server:
        done = subprocess.run(
            [sys.executable, "manage.py", "check", "--database", "default"], cwd=BASE, capture_output=True,
            text=True, check=False,
            env={**os.environ, "READERSTUDY_HOME": str(tmp_path / "site"), "DATABASE_URL": server.url},
        )  # fmt: skip
    told = [line for line in done.stderr.splitlines() if "readerstudy.E020" in line]
    assert len(told) == (0 if durable else 2), done.stderr
    assert (done.returncode == 0) is durable
    assert durable or "fsync = off: answers that readers saw as saved could be lost" in done.stderr


@pytest.mark.servers("postgresql")
def test_the_database_outlives_its_own_kill(postgresql_server: Server, postgresql_url: str) -> None:
    import psycopg

    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept VALUES (7)")
    postgresql_server.kill()
    postgresql_server.start()
    with psycopg.connect(postgresql_url) as connection:
        assert connection.execute("SELECT n FROM kept").fetchall() == [(7,)]


@pytest.mark.parametrize(
    "url",
    ["mysql://a:secretword@h/db", "postgresql://u:secretword@h:notaport/x", "postgresql://u:secretword@h:5/"],
)
def test_a_senseless_database_address_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(SettingError, match="postgresql://USER") as refusal:
        database(url, Path("db.sqlite3"))
    assert "secretword" not in str(refusal.value)


def test_no_address_is_sqlite_and_a_table() -> None:
    assert database("", Path("db.sqlite3"))["ENGINE"] == "readerstudy.sqlite"
    assert cache("")["BACKEND"].endswith("DatabaseCache")
    with pytest.raises(SettingError, match="redis://"):
        cache("memcached://:secretword@h")
