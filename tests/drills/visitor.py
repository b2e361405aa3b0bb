"""A reader's browser with its windows, over Django's test client, and a request that dies with its process."""

import os
import sys
import traceback
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from django.db import connections
from django.test import Client

from readerstudy.accounts.models import User
from readerstudy.audit import anchor
from readerstudy.study.reading import answering as reading
from readerstudy.study.reading import visits

DIED, SAVED, REFUSED, BROKE = 9, 10, 11, 99
"""How a child ended: at the chosen moment, after an answer of 200, after another answer, by an error of its own."""
BACKEND = "django.contrib.auth.backends.ModelBackend"


@dataclass
class Sent:
    """One attempt to save: the case, where it goes, what is sent. The key stays the same when it is sent again."""

    case: str
    url: str
    body: dict[str, Any]

    @property
    def key(self) -> str:
        """The idempotency key, made by the browser."""
        return str(self.body["idempotency_key"])


@dataclass
class Window:
    """One tab: the token it was loaded with, and the case that it shows; None before it has one."""

    token: str = ""
    case: dict[str, Any] | None = None


@dataclass
class Browser:
    """A cookie jar and its windows. Requests check the token, and an error of the server is an answer of 500."""

    person: User
    slug: str
    windows: list[Window] = field(default_factory=lambda: [Window(), Window()])
    doubt: list[Sent] = field(default_factory=list)
    requests: int = 0

    def __post_init__(self) -> None:
        self.client = Client(enforce_csrf_checks=True, raise_request_exception=False)

    def sign_in(self) -> None:
        """Sign in and load the page in every window."""
        self.client.force_login(self.person, backend=BACKEND)
        for window in self.windows:
            self.load(window)

    def load(self, window: Window) -> None:
        """Load the page, which gives the window its token; the case is asked for afterwards."""
        self.get(f"/read/{self.slug}/")
        cookie = self.client.cookies.get("csrftoken")
        window.token = cookie.value if cookie else ""

    def get(self, address: str) -> Any:
        """Ask, and read the answer to its end."""
        self.requests += 1
        answer = self.client.get(address)
        answer.body = answer.getvalue()  # type: ignore[attr-defined]
        return answer

    def post(self, window: Window, address: str, body: Any) -> Any:
        """Post JSON as the page of a window does."""
        self.requests += 1
        return self.client.post(
            address, body, content_type="application/json", headers={"X-CSRFToken": window.token}
        )

    def attempt(self, window: Window, answers: dict[str, Any], comment: str) -> Sent:
        """Fill the form of the case that a window shows, under a new key."""
        assert window.case is not None
        body = {
            "idempotency_key": str(uuid.uuid4()), "revision": window.case["revision"], "answers": answers,
            "comment": comment, "times": {"painted_ms": 0, "visible_ms": 900, "hidden_ms": 0, "idle_ms": 0},
            "display": {"width": 1920, "height": 1080, "pixel_ratio": 1, "renderer": "canvas"},
        }  # fmt: skip
        return Sent(window.case["id"], window.case["answer_url"], body)


def die(before_the_commit: bool) -> list[Any]:
    """Return patches under which a process ends in the middle of a save, as by kill -9."""

    def end(*given: Any, **named: Any) -> Any:
        os._exit(DIED)

    if before_the_commit:
        return [mock.patch.object(reading, "record", end), mock.patch.object(visits, "record", end)]
    append = anchor.append

    def end_when_confirmed(path: Any, line: anchor.Line, **named: Any) -> None:
        if line.state != anchor.BEGUN:  # the first thing that happens after the commit
            end()
        append(path, line, **named)

    return [mock.patch.object(anchor, "append", end_when_confirmed)]


def in_children(acts: list[Callable[[], int]]) -> list[int]:
    """Run each in a process of its own, all at once; return how each ended (DIED, SAVED, REFUSED).

    Raises
    ------
    RuntimeError: one ended by an error of its own.
    """
    connections.close_all()
    children = [_fork(act) for act in acts]
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    if set(codes) - {DIED, SAVED, REFUSED}:
        raise RuntimeError(f"a child ended with {codes}")
    return codes


def _fork(act: Callable[[], int]) -> int:
    child = os.fork()
    if child:
        return child
    code = BROKE
    try:
        code = act()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)
