"""Faults 9 to 12 and 15: a real server that dies before or after the commit, hangs, meets a lock or a full disk."""

import http.client
import json
import os
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.blinding.crowd import payload
from tests.servers.process import children_of

pytestmark = pytest.mark.drill

ROOT = Path(__file__).resolve().parents[2]
MAKE = """
from pathlib import Path
import json, sys
from tests.drills.site import open_site
folder = Path(sys.argv[1])
open_site(folder)
from tests.drills.web import Plan, _study
print(json.dumps(_study(Plan(kills=2, readers=2, seed=1), folder)))
"""


@dataclass
class Site:
    """A site on SQLite, its server, and one reader's session."""

    home: Path
    port: int
    headers: dict[str, str]
    server: "subprocess.Popen[bytes]"
    own_disk: bool

    def ask(
        self, method: str, address: str, body: dict[str, Any] | None = None, fault: str = ""
    ) -> tuple[int, Any]:
        """Return the status and the JSON; 0 when the connection broke."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=90)
        headers = self.headers | ({"X-Fault": fault} if fault else {})
        try:
            connection.request(method, address, json.dumps(body) if body else None, headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError):  # no answer, or the server's own word
            return 0, None
        finally:
            connection.close()

    def state(self) -> dict[str, Any]:
        """Return the reader's state, as soon as the server answers again."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            status, state = self.ask("GET", "/read/chest/state/")
            if status == 200:
                return dict(state)
            time.sleep(0.1)
        raise AssertionError("the server did not come back")

    def count(self, table: str) -> int:
        """Count the rows of a table."""
        with sqlite3.connect(self.home / "db.sqlite3") as database:
            return int(database.execute(f"SELECT count(*) FROM {table}").fetchone()[0])

    def rows(self, key: str) -> int:
        """Count the ratings under a key, with a connection of its own."""
        with sqlite3.connect(self.home / "db.sqlite3") as database:
            query = "SELECT count(*) FROM study_rating WHERE idempotency_key = ?"
            return int(database.execute(query, [uuid.UUID(key).hex]).fetchone()[0])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("faults")
    (folder / "site").mkdir()
    # A disk of its own, so that it can be filled. Containers often may mount nothing, not even as root.
    mounting = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder / "site")]
    mounted = subprocess.run(mounting, check=False, capture_output=True).returncode == 0
    left_out = {"READERSTUDY_HOME", "SECRET_KEY", "AUDIT_KEY", "DATABASE_URL", "CACHE_URL", "BROKER_URL"}
    environment = {name: value for name, value in os.environ.items() if name not in left_out}
    environment |= {
        "READERSTUDY_HOME": str(folder / "site"), "SECRET_KEY": "of the drill", "AUDIT_KEY": "11" * 32,
        "PYTHONWARNINGS": "ignore", "LOG_LEVEL": "CRITICAL",
    }  # fmt: skip
    made = subprocess.run(
        [sys.executable, "-c", MAKE, str(folder)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    cookies, token = json.loads(made.stdout.splitlines()[-1])[0]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable, "-m", "gunicorn", "tests.faults.dying:application", "--bind", f"127.0.0.1:{port}",
        "--workers", "1", "--timeout", "6", "--log-level", "critical",
    ]  # fmt: skip
    server = subprocess.Popen(
        command, cwd=ROOT, env=environment, start_new_session=True, stderr=subprocess.DEVNULL
    )
    headers = {"Cookie": cookies, "X-CSRFToken": token, "Content-Type": "application/json"}
    yield Site(folder / "site", port, headers, server, mounted)
    os.killpg(server.pid, signal.SIGKILL)
    server.wait()
    if mounted:
        subprocess.run(["umount", "--lazy", str(folder / "site")], check=True)


@pytest.mark.parametrize(("fault", "kept"), [("before", 0), ("after", 1), ("hang", 1)])
def test_a_save_that_was_cut_off_is_saved_once_when_sent_again(site: Site, fault: str, kept: int) -> None:
    case = site.state()["case"]
    body = payload()
    assert site.ask("POST", case["answer_url"], body, fault=fault) == (0, None)
    assert site.rows(body["idempotency_key"]) == kept
    after = site.state()
    assert (after["case"]["id"] == case["id"]) == (kept == 0)
    status, said = site.ask("POST", case["answer_url"], body)
    assert (status, said["saved"]) == (200, True)
    assert site.rows(body["idempotency_key"]) == 1
    assert site.state()["case"]["id"] != case["id"]


def test_a_database_locked_for_a_moment_is_waited_for(site: Site) -> None:
    """One request, sent while another program writes, is answered by that program's end and not refused."""
    case = site.state()["case"]
    other = sqlite3.connect(site.home / "db.sqlite3", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    ended: list[float] = []

    def end() -> None:
        ended.append(time.monotonic())
        other.execute("ROLLBACK")

    timer = threading.Timer(1.0, end)
    timer.start()
    body = payload()
    status, said = site.ask("POST", case["answer_url"], body)
    answered = time.monotonic()
    timer.join()
    other.close()
    assert (status, said["saved"]) == (200, True)
    assert answered > ended[0]
    assert site.rows(body["idempotency_key"]) == 1


def test_a_database_that_stays_locked_loses_nothing(site: Site) -> None:
    case = site.state()["case"]
    other = sqlite3.connect(site.home / "db.sqlite3", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    try:
        body = payload()
        began = time.monotonic()
        # The server's process waits for 20 s at most; it is given up after 6 by this drill's server.
        assert site.ask("POST", case["answer_url"], body)[0] in {0, 503}
        assert time.monotonic() - began < 60
        assert site.rows(body["idempotency_key"]) == 0
    finally:
        other.execute("ROLLBACK")
        other.close()
    assert site.state()["case"]["id"] == case["id"]
    assert site.ask("POST", case["answer_url"], body)[0] == 200
    assert site.rows(body["idempotency_key"]) == 1


@pytest.mark.parametrize("by", ["a filled disk", "the kernel"])
def test_a_full_disk_is_told_and_nothing_is_half_saved(site: Site, by: str) -> None:
    """Filled is a small file system of the site's own; where none may be mounted, the kernel refuses both times."""
    case = site.state()["case"]
    events = site.count("audit_event")
    body = payload(comment="x" * 3_900)
    with (
        _filled(site.home / "filler")
        if by == "a filled disk" and site.own_disk
        else _no_byte_more(site.server.pid)
    ):
        status, said = site.ask("POST", case["answer_url"], body)
        assert (status, set(said)) == (503, {"error"})
    assert site.rows(body["idempotency_key"]) == 0
    assert site.count("audit_event") == events
    assert site.ask("POST", case["answer_url"], body)[0] == 200
    assert site.rows(body["idempotency_key"]) == 1


@contextmanager
def _filled(filler: Path) -> Iterator[None]:
    try:
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(b"x" * 4_096)
        with filler.open("ab", buffering=0) as file, pytest.raises(OSError, match="No space left"):
            file.write(b"x" * 4_096)
        yield
    finally:
        filler.unlink()


@contextmanager
def _no_byte_more(server: int) -> Iterator[None]:
    """Let the kernel refuse every byte that the server's processes write to a file, as a full disk does."""
    processes = [server, *children_of(server)]
    usual = {pid: resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in processes}
    try:
        for pid, (_, hard) in usual.items():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
        yield
    finally:
        for pid, limits in usual.items():
            with suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)
