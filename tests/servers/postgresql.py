"""PostgreSQL: a cluster of its own, with a password."""

import secrets
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.servers.process import Server, ServerError, as_user, binary, folder_of, free_port, remove

ROLE = "reader_study"


@contextmanager
def postgresql(*, durable: bool = False, connections: int = 200) -> Iterator[Server]:
    """Run a PostgreSQL cluster; `durable` syncs every commit to disk, as a real site does.

    Without it a killed server process still loses nothing, since the kernel holds the pages; only a loss of
    power would. Measurements want `durable=True`.
    """
    port, password, folder = free_port(), secrets.token_hex(12), folder_of("postgres", "pg")
    secret = folder / "password"
    secret.write_text(password)
    secret.chmod(0o644)
    initdb = [
        binary("initdb") or "initdb", "--pgdata", str(folder / "data"), "--username", ROLE,
        "--auth", "scram-sha-256", "--pwfile", str(secret), "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync",
    ]  # fmt: skip
    done = subprocess.run(as_user("postgres", initdb), capture_output=True, text=True, cwd="/", check=False)
    if done.returncode:
        raise ServerError(f"initdb failed: {done.stderr[-2000:]}")
    sync = "on" if durable else "off"
    command = [
        binary("postgres") or "postgres", "-D", str(folder / "data"), "-c", "listen_addresses=127.0.0.1",
        "-c", f"port={port}", "-c", f"unix_socket_directories={folder}", "-c", f"max_connections={connections}",
        "-c", f"fsync={sync}", "-c", "synchronous_commit=on", "-c", f"full_page_writes={sync}",
    ]  # fmt: skip
    url = f"postgresql://{ROLE}:{password}@127.0.0.1:{port}/postgres"
    server = Server("postgresql", "postgres", command, folder, port, url, stop_signal=signal.SIGINT)
    server.ready = lambda: _answers(url)
    try:
        yield server.start()
    finally:
        remove(server)


def new_database(server: Server) -> str:
    """Make an empty database in a running cluster; return its address."""
    import psycopg

    name = f"site_{secrets.token_hex(4)}"
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return server.url.rpartition("/")[0] + f"/{name}"


def _answers(url: str) -> bool:
    import psycopg

    try:
        with psycopg.connect(url, connect_timeout=2) as connection:
            return connection.execute("SELECT 1").fetchone() == (1,)
    except psycopg.Error:
        return False
