"""The reading drill: readers answer over HTTP while the web server is killed again and again.

    python -m tests.drills.web --kills 300 --readers 8 --seed 1

A real server (gunicorn, two processes) serves a study; each reader is a thread that answers case after case and
sends a request again, under the same key, until it is acknowledged; now and then one is sent twice on purpose.
Meanwhile the server is killed (kill -9, all of it or one of its processes) at seeded moments and started again.
At the end every acknowledged key is looked for in the database. The program ends with 1 if an acknowledged
answer is lost, one is stored twice, a row differs from what was sent, or the audit trail disagrees.

It runs on the site that the environment names, or on one of its own; on PostgreSQL with DATABASE_URL.
"""

import argparse
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.servers.process import children_of

ROOT = Path(__file__).resolve().parents[2]
CASES, PATIENCE = 10, 120.0
"""Cases in the study, and seconds without any acknowledgement after which the drill gives up."""


@dataclass(frozen=True)
class Plan:
    """How many kills, how many readers at once; the seed decides when and what is killed."""

    kills: int
    readers: int
    seed: int


@dataclass
class Sent:
    """What one reader sent: the answers under each key, which keys were acknowledged, and how often asked."""

    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    acknowledged: set[str] = field(default_factory=set)
    requests: int = 0
    broken: int = 0
    refused: list[str] = field(default_factory=list)


@dataclass
class Outcome:
    """What the drill counted."""

    kills: int = 0
    requests: int = 0
    broken: int = 0
    acknowledged: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def clean(self) -> bool:
        """Whether everything acknowledged is there once, as it was sent."""
        return self.acknowledged > 0 and not (self.lost or self.doubled or self.silent or self.refused)

    def table(self, plan: Plan) -> str:
        """Return the table that the drill prints."""
        rows = {
            "server kills": self.kills,
            "requests": self.requests,
            "requests broken off": self.broken,
            "acknowledged": self.acknowledged,
            "lost": len(self.lost),
            "doubled": len(self.doubled),
            "silent (differs from what was sent)": len(self.silent),
            "refused": len(self.refused),
        }
        head = f"Reading drill, seed {plan.seed}, {plan.readers} readers, {self.seconds:.0f} s"
        lines = [head, *(f"  {name:44}{value:>8}" for name, value in rows.items())]
        for name in ("lost", "doubled", "silent", "refused"):
            lines += [f"  {name}: {what}" for what in getattr(self, name)[:10]]
        return "\n".join(lines)


class Server:
    """The site's web server as `serve` runs it, in a process group of its own."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.handle = self._start()

    def _start(self) -> "subprocess.Popen[bytes]":
        from readerstudy.ops.serve.supervisor import web_command

        return subprocess.Popen(
            web_command("127.0.0.1", self.port), cwd=ROOT, start_new_session=True, stderr=subprocess.DEVNULL
        )

    def kill(self, chance: random.Random) -> None:
        """Kill one of its processes, or all of them and start it again."""
        workers = children_of(self.handle.pid)
        if workers and chance.random() < 0.5:
            with suppress(ProcessLookupError):  # one that ended by itself meanwhile
                os.kill(chance.choice(workers), signal.SIGKILL)
            return
        os.killpg(self.handle.pid, signal.SIGKILL)
        self.handle.wait()
        self.handle = self._start()

    def stop(self) -> None:
        """End it."""
        self.handle.terminate()
        self.handle.wait(30)


class ReaderThread(threading.Thread):
    """A reader's page: asks what is to be read, answers, and asks again until the answer is acknowledged."""

    def __init__(self, server: Server, cookies: str, token: str, seed: int, over: threading.Event) -> None:
        super().__init__(daemon=True)
        self.server, self.over = server, over
        self.chance = random.Random(seed)
        self.headers = {"Cookie": cookies, "X-CSRFToken": token, "Content-Type": "application/json"}
        self.sent = Sent()

    def run(self) -> None:
        """Read until told to end."""
        while not self.over.is_set():
            status, state = self._ask("GET", "/read/chest/state/")
            if status == 200 and state["case"] is not None:
                self._answer(state["case"])
            elif status == 200:
                self.sent.refused.append("the study ran out of cases before the drill was over")
                return

    def _answer(self, case: dict[str, Any]) -> None:
        key = str(uuid.UUID(int=self.chance.getrandbits(128), version=4))
        scale = {
            name: {"status": "answered", "value": self.chance.randint(1, 5)}
            for name in ("quality", "difficulty")
        }
        answers = {"agree": {"status": "answered", "value": self.chance.randint(0, 1)}, **scale}
        body = {
            "idempotency_key": key, "revision": case["revision"], "answers": answers, "comment": f"key {key}",
            "times": {"painted_ms": 1, "visible_ms": 900, "hidden_ms": 0, "idle_ms": 0},
            "display": {"width": 1920, "height": 1080, "pixel_ratio": 1, "renderer": "canvas"},
        }  # fmt: skip
        self.sent.answers[key] = answers
        while True:
            status, said = self._ask("POST", case["answer_url"], json.dumps(body))
            if status == 200:
                self.sent.acknowledged.add(key)
                if self.chance.random() < 0.1:
                    self._ask("POST", case["answer_url"], json.dumps(body))
                return
            if status not in {0, 503}:
                self.sent.refused.append(f"{status} {said}")
                return
            if self.over.is_set():
                return

    def _ask(self, method: str, address: str, body: str | None = None) -> tuple[int, Any]:
        """Return the status and the JSON, or 0 when the connection broke or no server answered."""
        self.sent.requests += 1
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        try:
            connection.request(method, address, body, self.headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError):
            self.sent.broken += 1
            time.sleep(0.05)
            return 0, None
        finally:
            connection.close()


def run_drill(plan: Plan, folder: Path) -> Outcome:
    """Make the study, let everybody read, kill, and count.

    Raises
    ------
    TimeoutError: nothing was acknowledged for PATIENCE seconds.
    """
    began = time.monotonic()
    people = _study(plan, folder)
    server, over, chance = Server(), threading.Event(), random.Random(plan.seed)
    readers = [
        ReaderThread(server, cookies, token, plan.seed * 1_000 + number, over)
        for number, (cookies, token) in enumerate(people)
    ]
    outcome = Outcome()
    try:
        for reader in readers:
            reader.start()
        _disturb(plan, server, readers, chance, outcome)
    finally:
        over.set()
        for reader in readers:
            reader.join(60)
        server.stop()
    _count([reader.sent for reader in readers], outcome)
    outcome.seconds = time.monotonic() - began
    return outcome


def _study(plan: Plan, folder: Path) -> list[tuple[str, str]]:
    """Make a study with as many readers and presentations as the drill can use; return cookies and tokens."""
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

    from readerstudy.accounts.open_sessions import SessionStore
    from readerstudy.study.design import lifecycle
    from readerstudy.study.models import Assignment
    from readerstudy.study.people.members import enrol_reader
    from tests.stock import make_stock, person

    stock = make_stock(folder / "stock", pairs=CASES // 2, reading=False, locked=False)
    for number in range(plan.readers - 2):
        enrol_reader(study=stock.study, person=person(f"Reader{number}"), actor=stock.alice)
    lifecycle.lock(study=stock.study, actor=stock.alice)
    lifecycle.start(study=stock.study, actor=stock.alice)
    cookies = []
    for reader in stock.study.readers.select_related("person"):
        first = list(reader.assignments.order_by("position"))
        Assignment.objects.bulk_create(
            Assignment(
                study=row.study, reader=reader, case=row.case, presentation=again,
                position=len(first) * (again - 1) + row.position,
            )
            for again in range(2, 3 + plan.kills * 6) for row in first
        )  # fmt: skip
        session = SessionStore()
        session[SESSION_KEY] = str(reader.person.pk)
        session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
        session[HASH_SESSION_KEY] = reader.person.get_session_auth_hash()
        session.create()
        token = "a" * 32
        cookies.append((f"sessionid={session.session_key}; csrftoken={token}", token))
    return cookies


def _disturb(
    plan: Plan, server: Server, readers: list[ReaderThread], chance: random.Random, outcome: Outcome
) -> None:
    """Kill after a few acknowledgements each, so that every kill meets requests under way."""
    done, changed_at, next_kill = 0, time.monotonic(), plan.readers
    while outcome.kills < plan.kills:
        now_done = sum(len(reader.sent.acknowledged) for reader in readers)
        if now_done != done:
            done, changed_at = now_done, time.monotonic()
        if time.monotonic() - changed_at > PATIENCE:
            raise TimeoutError(f"nothing was acknowledged for {PATIENCE:.0f} s, after {outcome.kills} kills")
        if done >= next_kill:
            time.sleep(chance.random() * 0.05)
            server.kill(chance)
            outcome.kills += 1
            next_kill = done + chance.randint(plan.readers, 3 * plan.readers)
        time.sleep(0.002)


def _count(sent: list[Sent], outcome: Outcome) -> None:
    """Compare what was sent and acknowledged with the rows and with the audit trail."""
    from collections import Counter

    from readerstudy.audit.models import Event
    from readerstudy.audit.services import faults
    from readerstudy.study.models import Rating

    rows = {str(row.idempotency_key): row for row in Rating.objects.all()}
    asked = {key: answers for each in sent for key, answers in each.answers.items()}
    acknowledged = {key for each in sent for key in each.acknowledged}
    outcome.requests = sum(each.requests for each in sent)
    outcome.broken = sum(each.broken for each in sent)
    outcome.refused = [what for each in sent for what in each.refused]
    outcome.acknowledged = len(acknowledged)
    outcome.lost = sorted(acknowledged - rows.keys())
    per_case = Counter(row.assignment_id for row in rows.values())
    outcome.doubled = [f"assignment {pk}" for pk, count in per_case.items() if count > 1]
    for key, row in rows.items():
        kept = {name: answer for name, answer in row.answers.items() if name in asked.get(key, {})}
        if kept != asked.get(key):
            outcome.silent.append(key)
    saved = Event.objects.filter(kind="answers.saved").count()
    if saved != len(rows):
        outcome.silent.append(f"the audit trail tells of {saved} answers, there are {len(rows)}")
    outcome.silent += [str(fault) for fault in faults()]


def main() -> int:
    """Run the drill and print its table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, number in (("kills", 300), ("readers", 8), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=number)
    plan = Plan(**vars(parser.parse_args()))
    with tempfile.TemporaryDirectory(prefix="reading-drill-") as folder:
        from tests.drills.site import open_site

        os.environ.setdefault("LOG_LEVEL", "CRITICAL")
        open_site(Path(folder))
        outcome = run_drill(plan, Path(folder))
    print(outcome.table(plan))
    return 0 if outcome.clean else 1


if __name__ == "__main__":
    sys.exit(main())
