"""Few passwords are hashed at a time on a host, and every page that hashes one says so when it gets no turn."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import pytest
from django.conf import settings as configured
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.db import connection
from django.http import HttpResponse
from django.test import Client, override_settings

from readerstudy.accounts import hashing
from readerstudy.accounts.models import Attempts, User
from readerstudy.accounts.services import add_person, begin_recovery, new_password
from readerstudy.audit.models import Event
from readerstudy.environment import BASE
from readerstudy.settings import PASSWORD_HASHERS
from readerstudy.study.people.invitations import invite
from tests.accounts.test_sign_in import sign_in
from tests.stock import PASSWORD, Stock, hashed, person

pytestmark = pytest.mark.django_db
NEW = "moraine-valley-82"
HOLD = """
import sys, django
django.setup()
from pathlib import Path
from django.conf import settings
settings.HASHING_SLOTS = Path(sys.argv[1])
from readerstudy.accounts import hashing
taken = [hashing._lock("slot", hashing.AT_ONCE) for _ in range(hashing.AT_ONCE)]
print("held" if None not in taken else "not held", flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module", autouse=True)
def _full_cost() -> Iterator[None]:
    """Hash as the product does: all other tests hash at the least cost."""
    with override_settings(PASSWORD_HASHERS=PASSWORD_HASHERS):
        hashed.cache_clear()
        yield
    hashed.cache_clear()


def test_a_hash_costs_what_django_has_it_cost() -> None:
    assert "$m=102400,t=2,p=8$" in person("Anna").password


@contextmanager
def another_process_hashes() -> Iterator["subprocess.Popen[str]"]:
    """Hold every slot of the host in another process, as its hashes do."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(configured.HASHING_SLOTS)], cwd=BASE, text=True,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "readerstudy.settings"},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    try:
        yield holder
    finally:
        holder.kill()
        holder.communicate()


@contextmanager
def full(*queues: hashing.Queue) -> Iterator[None]:
    """Take every place of these queues."""
    with ExitStack() as stack:
        for queue in queues:
            for _ in range(queue.places):
                place = hashing._lock(queue.name, queue.places)
                assert place is not None
                stack.callback(os.close, place)
        yield


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KNOWN", "RETURNING", "STRANGERS"):
        monkeypatch.setattr(hashing, name, replace(getattr(hashing, name), patience=0.1))


def test_another_process_holds_the_slots_of_the_host(impatient: None) -> None:
    person("Anna")
    with another_process_hashes() as holder:
        busy = sign_in(Client(), "anna@example.org")
        assert (busy.status_code, busy["Retry-After"]) == (429, "2")
        assert b"sign in again" in busy.content
        assert b'value="anna@example.org"' in busy.content
        assert PASSWORD.encode() not in busy.content
        assert not Event.objects.filter(kind__startswith="person.sign").exists()
        assert not Attempts.objects.exists(), "what was not tried does not count"
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
        assert sign_in(Client(), "anna@example.org").status_code == 302, "a slot falls with its process"


def test_no_more_hashes_at_a_time_than_there_are_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[bool] = []

    def seen(self: object, *given: Any) -> str:
        taken.append(hashing._lock("slot", hashing.AT_ONCE) is None)
        return "hash"

    monkeypatch.setattr(hashing, "AT_ONCE", 1)
    monkeypatch.setattr(Argon2PasswordHasher, "encode", seen)
    hashing.Hasher().encode(PASSWORD, "salt")
    with hashing.turn(hashing.STRANGERS):
        hashing.Hasher().encode(PASSWORD, "salt")  # a thread that holds a slot waits for no other
    assert taken == [True, True]
    assert hashing._lock("slot", 1) is not None, "and gives it back"


def test_the_known_have_places_that_strangers_cannot_take(impatient: None) -> None:
    anna = person("Anna")
    own, signed_in = Client(), Client()
    sign_in(own, anna.email)
    own.post("/accounts/sign-out/")
    signed_in.force_login(anna)
    with full(hashing.STRANGERS, hashing.RETURNING):
        assert sign_in(Client(), anna.email).status_code == 429
        assert sign_in(own, anna.email).status_code == 302
        assert signed_in.post("/accounts/me/elsewhere/", {"password": PASSWORD}).status_code == 302


def test_who_was_sent_away_and_comes_again_finds_a_place(monkeypatch: pytest.MonkeyPatch) -> None:
    anna, otto = person("Anna"), person("Otto")
    sign_in(Client(), otto.email, "wrong")
    later = time.time()
    monkeypatch.setattr(hashing.time, "time", lambda: later)
    with full(hashing.STRANGERS):
        for email in (anna.email, otto.email):
            assert sign_in(Client(), email).status_code == 429
            assert sign_in(Client(), email).status_code == 429, "not at once"
        later += 0.9
        assert sign_in(Client(), anna.email).status_code == 429, "nor before a second has passed"
        later += 0.9
        assert sign_in(Client(), anna.email).status_code == 429, "and who tries meanwhile starts over"
        later += 1.1
        assert sign_in(Client(), "nobody@example.org").status_code == 429, "this one comes for the first time"
        assert sign_in(Client(), otto.email).status_code == 429, "Otto's name failed here lately"
        assert sign_in(Client(), anna.email).status_code == 302
        assert sign_in(Client(REMOTE_ADDR="198.51.100.1"), otto.email).status_code == 429
        later += hashing.REMEMBERED_S + 1
        assert sign_in(Client(), "nobody@example.org").status_code == 429, "that is forgotten"


def test_who_is_locked_out_takes_no_place_in_a_queue(impatient: None) -> None:
    anna = person("Anna")
    session = Client()
    session.force_login(anna)
    for number in range(10):
        sign_in(Client(), anna.email, f"wrong {number}")
        session.post("/accounts/me/elsewhere/", {"password": f"wrong {number}"})
    with full(hashing.KNOWN, hashing.STRANGERS, hashing.RETURNING):
        told = [
            sign_in(Client(), anna.email),
            session.post("/accounts/me/elsewhere/", {"password": PASSWORD}),
        ]
    assert [int(answer["Retry-After"]) > 800 for answer in told] == [True, True]


def test_a_process_keeps_threads_for_its_pages(impatient: None) -> None:
    """Places of the host are free, but too many threads of this process wait already."""
    inside: list[str] = []

    def wait() -> None:
        with pytest.raises(hashing.BusyError), hashing.turn(hashing.KNOWN):
            pass
        inside.append("sent away")

    with another_process_hashes(), pytest.MonkeyPatch.context() as patched:
        patched.setattr(hashing, "KNOWN", replace(hashing.KNOWN, places=9, patience=3.0))
        threads = [threading.Thread(target=wait) for _ in range(4)]
        for thread in threads:
            thread.start()
        while not inside:
            time.sleep(0.01)
        assert len(inside) == 1, "three of the four wait on"
        with pytest.raises(hashing.BusyError), hashing.turn(replace(hashing.STRANGERS, patience=60.0)):
            pass
        for thread in threads:
            thread.join()
    with hashing.turn(hashing.STRANGERS):
        pass


def forms(stock: Stock) -> dict[str, tuple[Client, str, dict[str, str]]]:
    """Return every form that hashes a password: client, address and values."""
    alice, stranger = Client(), Client()
    alice.force_login(stock.alice)
    _, link = begin_recovery(email=stock.charlie.email, reason="lost", actor=None)
    tokens: list[str] = []
    invite(
        study=stock.study,
        email="nora@example.org",
        role="statistician",
        actor=stock.alice,
        link_for=tokens.append,
    )  # type: ignore[arg-type, return-value]
    new = {"new_password1": NEW, "new_password2": NEW}
    hub = "/accounts/me/second-factor/"
    return {
        "sign in": (stranger, "/accounts/sign-in/", {"username": stock.bob.email, "password": PASSWORD}),
        "recover": (stranger, f"/accounts/recover/{link}/", new),
        "register": (
            stranger, f"/invitations/{tokens[0]}/", {"name": "Nora", "password": NEW, "again": NEW},
        ),
        "elsewhere": (alice, "/accounts/me/elsewhere/", {"password": PASSWORD}),
        "codes": (alice, f"{hub}recovery-codes/", {"password": PASSWORD}),
        "change": (alice, "/accounts/me/password/", {"password": PASSWORD, **new}),
    }  # fmt: skip


FORMS = ("sign in", "recover", "register", "elsewhere", "codes", "change")


def post(form: tuple[Client, str, dict[str, str]]) -> HttpResponse:
    client, address, values = form
    return client.post(address, values)


@pytest.mark.parametrize("name", FORMS)
def test_every_form_waits_for_its_turn_and_changes_nothing_without(
    stock: Stock, impatient: None, name: str
) -> None:
    form = forms(stock)[name]
    people = list(User.objects.order_by("pk").values())
    events = Event.objects.count()
    with full(hashing.KNOWN, hashing.STRANGERS, hashing.RETURNING):
        busy = post(form)
    assert (busy.status_code, busy["Retry-After"]) == (429, "2")
    assert list(User.objects.order_by("pk").values()) == people
    assert Event.objects.count() == events
    assert post(form).status_code in {200, 302}


def test_nobody_waits_for_the_writers_lock_while_a_password_is_hashed(
    stock: Stock, monkeypatch: pytest.MonkeyPatch
) -> None:
    outer, depths = len(connection.savepoint_ids), []

    def watched(work: Callable[..., Any]) -> Callable[..., Any]:
        def run(*given: Any) -> Any:
            depths.append(len(connection.savepoint_ids))
            return work(*given)

        return run

    there = forms(stock)
    monkeypatch.setattr(hashing.Hasher, "encode", watched(hashing.Hasher.encode))
    monkeypatch.setattr(hashing.Hasher, "verify", watched(hashing.Hasher.verify))
    for name in FORMS:
        before = len(depths)
        assert post(there[name]).status_code in {200, 302}
        assert len(depths) > before, name
    add_person(email="late@example.org", name="Late", actor=None)
    new_password(user=stock.bella, actor=None)
    assert depths == [outer] * len(depths)


def test_every_name_costs_one_hash_known_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    person("Anna")
    off, lost = person("Off"), person("Lost")
    User.objects.filter(pk=off.pk).update(is_active=False)
    lost.set_unusable_password()
    lost.save()
    hashed: list[str] = []
    for name in ("encode", "verify"):
        work = getattr(Argon2PasswordHasher, name)

        def counted(self: Argon2PasswordHasher, *given: Any, _work: Any = work) -> Any:
            hashed.append("once")
            return _work(self, *given)

        monkeypatch.setattr(Argon2PasswordHasher, name, counted)
    for email in ("anna@example.org", "nobody@example.org", "off@example.org", "lost@example.org"):
        hashed.clear()
        assert sign_in(Client(), email, "wrong").status_code == 200
        assert hashed == ["once"], email


def test_who_shares_a_place_in_the_memory_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    hashing.remember("0" * 64)
    later = time.time() + 5
    monkeypatch.setattr(hashing.time, "time", lambda: later)
    assert hashing.has_come_again("0" * 64)
    assert not hashing.has_come_again("0000" + "1" * 60)
    assert not hashing.has_come_again("1" * 64)
