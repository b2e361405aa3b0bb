"""A full or locked database at every address of the site: a calm 503, and nothing is changed by halves."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.cookies import SimpleCookie
from typing import Any

import pytest
from allauth.mfa.totp.internal import auth as app
from django.db import OperationalError, connection, transaction
from django.http import HttpResponse
from django.test import Client

from readerstudy.accounts.browsers import COOKIE
from readerstudy.accounts.models import User
from readerstudy.accounts.open_sessions import sessions_of
from readerstudy.accounts.services import begin_recovery
from readerstudy.ops.serve import readiness
from readerstudy.study.people.invitations import invite
from tests.accounts.test_second_factor import code_of
from tests.blinding.access import ASKED_BY_SCRIPTS, ROLES, Rule, rules
from tests.blinding.crowd import Crowd, undone
from tests.stock import PASSWORD

pytestmark = pytest.mark.django_db
NEW = "moraine-valley-82"

WRITES = ("INSERT", "UPDATE", "DELETE")
APART = {"accounts_attempts"}
"""What was tried stays counted, whatever became of it."""


@contextmanager
def full_from(number: int, verbs: tuple[str, ...]) -> Iterator[list[str]]:
    """Refuse the statement of this number and all later ones as SQLite refuses them on a full disk; list those."""
    seen, refused = [0], []

    def look(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.lstrip().startswith(verbs):
            seen[0] += 1
            if seen[0] >= number:
                refused.append(sql)
                fault = sqlite3.OperationalError("database or disk is full")
                fault.sqlite_errorcode = sqlite3.SQLITE_FULL
                raise OperationalError(str(fault)) from fault
        return execute(sql, params, many, context)

    with connection.execute_wrapper(look):
        yield refused


@pytest.fixture
def outermost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let blocks that make no savepoint make one where they are the outermost ones of a request, as on a site."""
    monkeypatch.setattr(readiness, "_found", (float("-inf"), False))  # what is found here is forgotten
    enter, outside = transaction.Atomic.__enter__, len(connection.savepoint_ids) + 1

    def entered(self: transaction.Atomic) -> None:
        usual = self.savepoint
        self.savepoint = usual or len(connection.savepoint_ids) == outside
        try:
            enter(self)
        finally:
            self.savepoint = usual

    monkeypatch.setattr(transaction.Atomic, "__enter__", entered)


def everything() -> dict[str, list[Any]]:
    with connection.cursor() as cursor:
        tables = sorted(set(connection.introspection.table_names(cursor)) - APART)
        found = {}
        for table in tables:
            cursor.execute(f'SELECT * FROM "{table}"')
            found[table] = cursor.fetchall()
    return found


def ask(crowd: Crowd, role: str, rule: Rule) -> HttpResponse:
    crowd.client.cookies = SimpleCookie(crowd.sessions[role])
    address = crowd.address(rule.address)
    if rule.method == "POST":
        return crowd.client.post(address, **crowd._body(rule.address))
    return crowd.client.generic(rule.method, address)


def permitted(method: str) -> list[tuple[str, Rule]]:
    """Return each address of the matrix with somebody who may use it while the study is read."""
    found = []
    for rule in rules():
        if rule.method != method or "reading" not in rule.phases:
            continue
        able = [role for role in ROLES[1:] if rule.expected(role) in {200, 302}]
        if rule.address == "/accounts/sign-in/":
            able = ["anonymous"]
        found += [(able[0], rule)] if able else []
    return found


def is_calm(answer: HttpResponse, by_script: bool) -> bool:
    if answer.status_code != 503 or b"nothing was changed" not in answer.content:
        return False
    in_form = (
        set(json.loads(answer.content)) == {"error"}
        if by_script
        else b"Not available at the moment" in answer.content
    )
    asks_again = int(answer["Retry-After"]) > 0 and "no-store" in answer["Cache-Control"]
    return in_form and asks_again and COOKIE not in answer.cookies


Ask = Callable[[], HttpResponse]


def cut_off(ask: Ask, name: str, by_script: bool = False) -> tuple[int, list[str]]:
    """Cut a request off at its first write, its second, and so on; return how often, and what was wrong."""
    number, wrong = 0, []
    while True:
        number += 1
        with undone():
            before = everything()
            with full_from(number, WRITES) as refused:
                answer = ask()
            connection.needs_rollback = False  # one refused statement by itself undoes nothing on a site
            changed = [table for table, rows in everything().items() if rows != before[table]]
        if not refused:
            return number - 1, wrong
        if changed or not is_calm(answer, by_script):
            wrong.append(f"{name}, write {number} ({refused[0][:60]}): {answer.status_code}, {changed}")


@pytest.mark.usefixtures("outermost")
def test_wherever_a_post_is_cut_off_it_is_503_and_nothing_is_changed(crowd: Crowd) -> None:
    tried, wrong = 0, []
    for role, rule in permitted("POST"):
        asking = partial(ask, crowd, role, rule)
        times, faults = cut_off(asking, rule.address, rule.address in ASKED_BY_SCRIPTS)
        tried, wrong = tried + times, wrong + faults
    assert not wrong, "\n".join(wrong)
    assert tried > 100


@pytest.mark.usefixtures("outermost")
def test_signing_in_by_every_way_is_whole_or_not_at_all(crowd: Crowd) -> None:
    wrong = []
    for name, asking in ways_in(crowd).items():
        times, faults = cut_off(asking, name)
        wrong += faults if times > 2 else [f"{name}: {times} writes"]
        with undone():
            assert asking().status_code == 302, name
    assert not wrong, "\n".join(wrong)


def ways_in(crowd: Crowd) -> dict[str, Ask]:
    """Return what the matrix has no fitting form for: links, second factors, another session."""
    stock = crowd.stock
    new, tokens = {"new_password1": NEW, "new_password2": NEW}, []
    _, link = begin_recovery(email=stock.charlie.email, reason="lost", actor=None)
    for email, role in (("nora@example.org", "reader"), ("carl@example.org", "statistician")):
        invite(
            study=stock.study,
            email=email,
            role=role,
            actor=stock.alice,
            link_for=lambda t: tokens.append(t) or t,
        )  # type: ignore[func-returns-value]
    hub, secret = "/accounts/me/second-factor/", app.generate_totp_secret()
    factor = app.TOTP.activate(stock.bella, secret).instance
    newcomer = session_of(stock.rita)
    own = "".join(newcomer.get(f"{hub}app/").context["secret"].split())
    holder = Client(raise_request_exception=False)
    holder.post("/accounts/sign-in/", {"username": stock.bella.email, "password": PASSWORD})
    known = session_of(stock.bella)
    known.post("/accounts/second-step/", {"code": code_of(secret, steps=-1)})
    other = sessions_of(session_of(stock.olga) and User.objects.get(pk=stock.olga.pk), this=None)
    form = {"name": "Nora", "password": NEW, "again": NEW}
    return {
        "recover": as_stranger(f"/accounts/recover/{link}/", new),
        "register a reader": as_stranger(f"/invitations/{tokens[0]}/", form),
        "register a statistician": as_stranger(f"/invitations/{tokens[1]}/", form),
        "hold": as_stranger("/accounts/sign-in/", {"username": stock.bella.email, "password": PASSWORD}),
        "second step": as_in(holder, "/accounts/second-step/", lambda: {"code": code_of(secret)}),
        "add an app": as_in(newcomer, f"{hub}app/", lambda: {"code": code_of(own), "password": PASSWORD}),
        "remove one": as_in(known, f"{hub}{factor.pk}/remove/", lambda: {"password": PASSWORD}),
        "end another": as_in(session_of(stock.olga), f"/accounts/me/sessions/{other[0]['name']}/end/", dict),
    }


def session_of(person: User) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(User.objects.get(pk=person.pk))
    return client


def as_stranger(address: str, values: dict[str, str]) -> Ask:
    return lambda: Client(raise_request_exception=False).post(address, values)


def as_in(client: Client, address: str, values: Callable[[], dict[str, str]]) -> Ask:
    """Ask in a session whose cookies are put back afterwards, as the rows are."""
    cookies = client.cookies.output(header="", sep=";")

    def ask() -> HttpResponse:
        client.cookies = SimpleCookie(cookies)
        return client.post(address, values())

    return ask


@pytest.mark.usefixtures("outermost")
def test_a_page_that_cannot_be_read_is_503(crowd: Crowd) -> None:
    wrong = []
    for role, rule in [*permitted("GET"), *permitted("POST")]:
        with undone(), full_from(1, ("SELECT", *WRITES)) as refused:
            answer = ask(crowd, role, rule)
        calm = answer.status_code == 503 and (
            rule.address == "/readyz/" or is_calm(answer, rule.address in ASKED_BY_SCRIPTS)
        )
        if refused and not calm:
            wrong.append(f"{rule.method} {rule.address} as {role}: {answer.status_code}")
    assert not wrong, "\n".join(wrong)
