"""A site of its own in a folder, with a stock study, served by gunicorn as in production."""

import json
import os
import subprocess
import sys
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from readerstudy.environment import BASE
from tests.servers import warm
from tests.servers.process import Server, free_port

STOCK = """
import json, sys, tempfile
from pathlib import Path
import django
django.setup()
from django.conf import settings
from django.test import Client
from tests.stock import make_stock
stock = make_stock(Path(tempfile.mkdtemp(dir=settings.HOME.parent)))  # a key has no place in the site's folder
cookies = {}
for person in (stock.bob, stock.bella, stock.alice, stock.olga):
    client = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    cookies[person.name] = client.cookies[settings.SESSION_COOKIE_NAME].value
print(json.dumps({"study": str(stock.study.key), "cookies": cookies}))
"""


@dataclass
class Site:
    """A site's folder and environment; every command runs in a process of its own."""

    home: Path
    environment: dict[str, str] = field(default_factory=dict)
    server: Server | None = None

    def __post_init__(self) -> None:
        given = {"READERSTUDY_HOME": str(self.home), "ALLOWED_HOSTS": "localhost,127.0.0.1"}
        cleared = {"DATABASE_URL": "", "CACHE_URL": "", "DJANGO_SETTINGS_MODULE": "readerstudy.settings"}
        self.environment = {**os.environ, **cleared, **given, **self.environment}

    def run(
        self, *command: str, check: bool = True, own_session: bool = False
    ) -> "subprocess.CompletedProcess[str]":
        """Run a Python command in the project's folder."""
        done = warm.run(command, self.environment, own_session=own_session)
        if check and done.returncode:
            raise AssertionError(
                f"{command[:3]} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
            )
        return done

    def manage(
        self, *command: str, check: bool = True, own_session: bool = False
    ) -> "subprocess.CompletedProcess[str]":
        """Run a management command."""
        return self.run("manage.py", *command, check=check, own_session=own_session)

    def stock(self) -> dict[str, dict[str, str]]:
        """Make the stock study; return its key and a session cookie for each person."""
        found: dict[str, dict[str, str]] = json.loads(self.run("-c", STOCK).stdout.splitlines()[-1])
        return found

    def serve(self, workers: int | None = 2) -> str:
        """Start gunicorn with the shipped configuration, and its number of workers for None; return host:port."""
        port = free_port()
        address = f"127.0.0.1:{port}"
        self.server = Server(
            "gunicorn", "root",
            [sys.executable, "-m", "gunicorn", "-c", "deploy/gunicorn.conf.py", "readerstudy.wsgi:application"],
            self.home, port, f"http://{address}",
        )  # fmt: skip
        self.server.ready = lambda: _answers(f"http://{address}/healthz/")
        environment = {**self.environment, "WEB_BIND": address}
        if workers is not None:
            environment["WEB_WORKERS"] = str(workers)
        self.server.start_in(BASE, environment)
        return address

    def stop(self) -> None:
        """Stop the web processes."""
        if self.server is not None:
            self.server.stop()
            self.server = None


def _answers(url: str) -> bool:
    """Say whether a page is there: a port is open before a worker takes requests."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
