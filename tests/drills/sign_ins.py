"""Sign-ins under load: python -m tests.drills.sign_ins --connections 24 --seconds 30

Anonymous connections post sign-ins as fast as they are answered, each with names of its own; every other one makes up
a new name each time. Meanwhile a signed-in reader looks at a page again and again, and somebody with a right password,
at a browser that was never seen, tries to get in, coming again when told to. Nothing is asserted about time: the
figures are printed beside their targets. Everything comes from one address, as from behind a proxy whose header is not
read: from several addresses it is easier.
"""

import argparse
import http.client
import json
import re
import statistics
import sys
import tempfile
import threading
import time
import urllib.parse
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers.site import Site

PASSWORD = "a right password, typed once"
PEOPLE = """
import json, sys, django
django.setup()
from django.conf import settings
from django.test import Client
from readerstudy.accounts.models import User
made = [User.objects.create_user(f"right{n}@example.org", sys.argv[1], name="Right") for n in range(int(sys.argv[2]))]
reader = User.objects.create(email="looks@example.org", name="Looks", password="!")
client = Client()
client.force_login(reader, backend="django.contrib.auth.backends.ModelBackend")
print(json.dumps(client.cookies[settings.SESSION_COOKIE_NAME].value))
"""
TOKEN = "a" * 32
TRIES = 5
"""Right passwords that are tried one after the other, each of another person."""


@dataclass
class Storm:
    """What was seen: answers of the sign-ins by status, 429 without a time to come again, and two lists of seconds."""

    answers: Counter[int] = field(default_factory=Counter)
    untimed: int = 0
    pages: list[float] = field(default_factory=list)
    quiet: list[float] = field(default_factory=list)
    entered: list[float] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether somebody got in, every 429 said when to come again, and nothing was answered with 5xx."""
        return bool(self.entered) and not self.untimed and max(self.answers, default=0) < 500

    def table(self, connections: int) -> str:
        """Return what the drill prints."""
        rest = {status: count for status, count in sorted(self.answers.items()) if status not in {200, 429}}
        lines = [
            f"Sign-ins posted over {connections} connections",
            f"  a reader's page, quiet:            median {_ms(self.quiet)} ms ({len(self.quiet)})",
            f"  a reader's page, under sign-ins:   median {_ms(self.pages)} ms, "
            f"longest {1000 * max(self.pages):.0f} ms ({len(self.pages)})   target 200",
            "  right passwords got in after:      "
            + ", ".join(f"{each:.1f} s" for each in self.entered)
            + f" (of {TRIES})   target 10",
            f"  sign-ins: {self.answers[200]} tried and refused, {self.answers[429]} answered 429 "
            f"({self.untimed} without Retry-After), others {rest or 'none'}",
        ]
        return "\n".join(lines)


def _ms(seconds: list[float]) -> str:
    return f"{1000 * statistics.median(seconds):.0f}"


def post_sign_in(connection: http.client.HTTPConnection, name: str, password: str) -> tuple[int, float]:
    """Post a sign-in; return the status and after how many seconds to come again."""
    form = {"username": name, "password": password, "csrfmiddlewaretoken": TOKEN}
    headers = {"Cookie": f"csrftoken={TOKEN}", "Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/accounts/sign-in/", urllib.parse.urlencode(form), headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status, float(answer.getheader("Retry-After") or 0)


def look(address: str, cookie: str) -> float:
    """Fetch a reader's page and return the seconds that it took."""
    connection = http.client.HTTPConnection(address, timeout=120)
    began = time.monotonic()
    connection.request("GET", "/", headers={"Cookie": f"sessionid={cookie}"})
    answer = connection.getresponse()
    assert (answer.status, bool(re.search(b"Looks", answer.read()))) == (200, True)
    connection.close()
    return time.monotonic() - began


@contextmanager
def knocking(address: str, connections: int, storm: Storm) -> Iterator[None]:
    """Post sign-ins over so many connections while the block runs."""
    over, lock = threading.Event(), threading.Lock()

    def knock(number: int) -> None:
        connection, turn = http.client.HTTPConnection(address, timeout=120), 0
        while not over.is_set():
            turn += 1
            name = f"knocks{number}-{turn if number % 2 else 0}@example.org"
            status, wait = post_sign_in(connection, name, "a wrong password")
            with lock:
                storm.answers[status] += 1
                storm.untimed += status == 429 and not wait
        connection.close()

    threads = [threading.Thread(target=knock, args=(number,), daemon=True) for number in range(connections)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join(120)


def run_storm(site: Site, *, connections: int, seconds: int) -> Storm:
    """Serve a site as it is shipped, let the connections knock, and watch.

    Parameters
    ----------
    seconds: for which the first right password is tried; each further one has ten more.
    """
    address = site.serve(workers=None)
    try:
        return _watched(site, address, connections, seconds)
    finally:
        site.stop()


def _watched(site: Site, address: str, connections: int, seconds: int) -> Storm:
    cookie = json.loads(site.run("-c", PEOPLE, PASSWORD, str(TRIES)).stdout.splitlines()[-1])
    storm, over = Storm(), threading.Event()
    storm.quiet = [look(address, cookie) for _ in range(20)]

    def read() -> None:
        while not over.is_set():
            storm.pages.append(look(address, cookie))
            over.wait(0.2)

    reader = threading.Thread(target=read, daemon=True)
    began = time.monotonic()
    with knocking(address, connections, storm):
        reader.start()
        time.sleep(2)
        for number in range(TRIES):
            _enter(address, f"right{number}@example.org", storm, until=began + seconds + 10 * number)
        over.set()
        reader.join(120)
    return storm


def _enter(address: str, name: str, storm: Storm, *, until: float) -> None:
    connection, began = http.client.HTTPConnection(address, timeout=120), time.monotonic()
    while time.monotonic() < until:
        status, wait = post_sign_in(connection, name, PASSWORD)
        if status == 302:
            storm.entered.append(time.monotonic() - began)
            break
        time.sleep(wait)
    connection.close()


def main() -> int:
    """Make a site, serve it as it is shipped, and print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--connections", type=int, default=24)
    parser.add_argument("--seconds", type=int, default=30)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sign-ins-") as folder:
        site = Site(Path(folder) / "site")
        site.manage("setup")
        storm = run_storm(site, connections=asked.connections, seconds=asked.seconds)
    print(storm.table(asked.connections))
    return 0 if storm.clean else 1


if __name__ == "__main__":
    sys.exit(main())
