"""Everything a reader can fetch in a whole reading, written down byte for byte.

Randomness is frozen by the caller, so that what differs between two visits differs for another reason; only
dates are taken out.
"""

import hashlib
import itertools
import os
import random
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from readerstudy.study.design import lifecycle
from readerstudy.study.models import Reader
from tests.blinding.crowd import payload
from tests.stock import PASSWORD, Stock, hashed

STATIC = Path(__file__).resolve().parents[2] / "static"
DATE = re.compile(r"[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT")
ABSENT = UUID(int=7)


@dataclass(frozen=True)
class Exchange:
    """One request and all of its answer: status, headers in order, cookies, body, number of queries."""

    what: str
    url: str
    status: int
    headers: tuple[str, ...]
    cookies: tuple[str, ...]
    body: bytes
    queries: int


def differences(one: Sequence[Exchange], other: Sequence[Exchange]) -> list[str]:
    """Name every field of every exchange that differs, and a visit that goes on longer."""
    found = [
        f"{a.what}: {field}"
        for a, b in zip(one, other, strict=False)
        for field in Exchange.__dataclass_fields__
        if getattr(a, field) != getattr(b, field)
    ]
    return found if len(one) == len(other) else [*found, f"{len(one)} and {len(other)} exchanges"]


@contextmanager
def frozen_randomness(seed: str) -> Iterator[None]:
    """Let every draw from the operating system (secrets, uuid4, tokens, salts) come from one seed."""
    # What a process draws once for itself would set the first visit apart: a salt, names of files that are written.
    hashed(PASSWORD)
    Client().get("/accounts/sign-in/")
    count = itertools.count()

    def drawn(size: int) -> bytes:
        return hashlib.shake_256(f"{seed} {next(count)}".encode()).digest(size)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "urandom", drawn)
        patch.setattr(random, "_urandom", drawn)  # what secrets and SystemRandom draw from
        yield


@contextmanager
def thrown_away() -> Iterator[None]:
    """Undo everything, and allow durable blocks inside, as Django's own test cases do."""
    block = transaction.atomic()
    block._from_testcase = True
    with block:
        yield
        transaction.set_rollback(True)


class Visitor:
    """A reader's browser that keeps everything it gets."""

    def __init__(self, number: int) -> None:
        self.keys = (str(UUID(int=number * 1_000_000 + key)) for key in itertools.count(1))
        self.client = Client(enforce_csrf_checks=True, raise_request_exception=False)
        self.kept: list[Exchange] = []

    def get(self, what: str, url: str) -> Any:
        return self._keep(what, url, self.client.get, {})

    def form(self, what: str, url: str, **values: str) -> Any:
        token = self.client.cookies["csrftoken"].value
        return self._keep(what, url, self.client.post, {"data": {**values, "csrfmiddlewaretoken": token}})

    def post(self, what: str, url: str, body: Any, *, token: bool = True) -> Any:
        headers = {"X-CSRFToken": self.client.cookies["csrftoken"].value} if token else {}
        return self._keep(
            what,
            url,
            self.client.post,
            {"data": body, "content_type": "application/json", "headers": headers},
        )

    def _keep(self, what: str, url: str, send: Any, extra: dict[str, Any]) -> Any:
        before = set(self.client.cookies)
        connection.queries_log.clear()  # it holds 9000 queries, and a whole visit makes more
        with CaptureQueriesContext(connection) as queries:
            response = send(url, **extra)
        body = response.getvalue()
        headers = tuple(DATE.sub("DATE", f"{name}: {value}") for name, value in response.items())
        cookies = tuple(DATE.sub("DATE", morsel.OutputString()) for morsel in response.cookies.values())
        kept = (*sorted(set(self.client.cookies) - before), *cookies)
        self.kept.append(Exchange(what, url, response.status_code, headers, kept, body, len(queries)))
        return response


def whole_visit(stock: Stock) -> list[Exchange]:
    """Let both readers read, fetch whatever an address can give them on the way, and come back after the close."""
    visits = [(Visitor(number), reader) for number, reader in enumerate(stock.readers, 1)]
    for visitor, reader in visits:
        _arrive(visitor, reader)
        _read(visitor, reader, stock)
    lifecycle.close(study=stock.study, actor=stock.alice, reason="the visit is over")
    for visitor, reader in visits:
        _come_back(visitor, reader)
    return [exchange for visitor, _ in visits for exchange in visitor.kept]


def short_visit(stock: Stock) -> list[Exchange]:
    """Let one reader, already signed in, read one case and begin the second."""
    visitor, reader = Visitor(1), stock.readers[0]
    visitor.client.force_login(reader.person)
    visitor.get("reading page", "/read/chest/")
    _read(visitor, reader, stock, until=2)
    return visitor.kept


def _arrive(visitor: Visitor, reader: Reader) -> None:
    visitor.get("start, signed out", "/")
    visitor.get("sign-in page", "/accounts/sign-in/?next=/read/chest/")
    visitor.form("wrong password", "/accounts/sign-in/", username=reader.person.email, password="wrong")
    visitor.form("sign-in", "/accounts/sign-in/", username=reader.person.email, password=PASSWORD)
    visitor.get("start", "/")
    visitor.get("reading page", "/read/chest/")
    for url in ("/nothing/", "/read/nothing/", "/studies/chest/", "/results/chest/", "/runs/", "/admin/"):
        visitor.get(f"not there: {url}", url)
    visitor.post("state by the wrong method", "/read/chest/state/", {})
    for path in sorted(STATIC.rglob("*")):
        if path.is_file():
            url = f"/static/{path.relative_to(STATIC)}"
            visitor.get(url, url)


def _read(visitor: Visitor, reader: Reader, stock: Stock, *, until: int | None = None) -> None:
    own = [row.public_id for row in reader.assignments.order_by("position")]
    foreign = stock.readers[1 - stock.readers.index(reader)].assignments.order_by("position")[0].public_id
    for number in itertools.count(1):
        state = visitor.get(f"state {number}", "/read/chest/state/").json()
        if state["done"] or number == until:
            break
        for name in ("case", "next"):
            if state[name]:
                for image in (state[name], *state[name]["also"]):
                    visitor.get(f"frame of {name} {number}", image["frame_url"])
        for name, public_id in {
            "first": own[0],
            "last": own[-1],
            "foreign": foreign,
            "absent": ABSENT,
        }.items():
            visitor.get(f"{name} frame at {number}", f"/read/chest/frames/{public_id}/")
        _answer(visitor, state["case"], number, foreign)
    visitor.get("start after reading", "/")


def _answer(visitor: Visitor, case: dict[str, Any], number: int, foreign: UUID) -> None:
    url = case["answer_url"]
    body = payload(idempotency_key=next(visitor.keys), comment=f"comment {number}")
    visitor.post(f"no token {number}", url, body, token=False)
    visitor.post(f"no answers {number}", url, {**body, "answers": {}})
    visitor.post(f"foreign answers {number}", f"/read/chest/answers/{foreign}/", body)
    visitor.post(f"answers {number}", url, body)
    visitor.post(f"same answers {number}", url, body)
    visitor.post(f"stale answers {number}", url, {**body, "idempotency_key": next(visitor.keys)})


def _come_back(visitor: Visitor, reader: Reader) -> None:
    last = reader.assignments.order_by("position").last().public_id
    visitor.get("start after the close", "/")
    visitor.get("page after the close", "/read/chest/")
    visitor.get("state after the close", "/read/chest/state/")
    visitor.get("frame after the close", f"/read/chest/frames/{last}/")
    visitor.post(
        "answers after the close", f"/read/chest/answers/{last}/", payload(idempotency_key=next(visitor.keys))
    )
    visitor.form("sign-out", "/accounts/sign-out/")
    visitor.get("sign-in page afterwards", "/accounts/sign-in/")
