"""A forgotten password: a mailed link changes it, and neither tells who is here nor opens more than it did before."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends import locmem
from django.test import Client
from pytest_django import Settings

from readerstudy.accounts import services
from readerstudy.accounts.attempts import LINKS
from readerstudy.accounts.models import OpenSession, User
from readerstudy.accounts.tasks import ask_for_link
from readerstudy.audit.models import Event
from readerstudy.audit.services import faults
from readerstudy.celery import app
from readerstudy.study.duties import IN_OTHER_HANDS, _other_hands
from tests.accounts.test_account import NEW
from tests.accounts.test_second_factor import code_of, set_up_app, signed_in
from tests.accounts.test_sign_in import sign_in
from tests.stock import PASSWORD, Stock, person

pytestmark = pytest.mark.django_db
ASK = "/accounts/recover/"
CHOSEN = {"new_password1": NEW, "new_password2": NEW}


class EmailBackend(locmem.EmailBackend):
    """Keeps mails as Django's own for tests does, under a name that counts as sending."""


@pytest.fixture(autouse=True)
def _mail_is_set(settings: Settings) -> Iterator[None]:
    settings.EMAIL_BACKEND = "tests.accounts.test_by_mail.EmailBackend"
    app.conf.update(task_always_eager=True)  # the worker's part at once
    yield
    app.conf.update(task_always_eager=False)


@pytest.fixture
def bruno() -> User:
    return person("Bruno")


def asked(address: str = " Bruno@Example.org", **more: Any) -> bytes:
    answer = Client().post(ASK, {"email": address}, **more)
    assert answer.status_code == 200
    return re.sub(rb'name="csrfmiddlewaretoken" value="[^"]*"', b"", answer.content)


def link_in_mail() -> str:
    return re.search(r"http://localhost:8000(/accounts/recover/\S+)", mail.outbox[-1].body)[1]  # type: ignore[index]


def test_the_link_changes_the_password_and_ends_every_session(bruno: User) -> None:
    before = Client()
    sign_in(before, bruno.email)
    assert b"have a link" in Client().get("/accounts/sign-in/").content.lower()
    asked()
    assert [letter.to for letter in mail.outbox] == [["bruno@example.org"]]
    path = link_in_mail()
    client = Client()
    assert b"bruno@example.org" in client.get(path).content
    assert b"errorlist" in client.post(path, {"new_password1": "short", "new_password2": "short"}).content
    done = client.post(path, CHOSEN)
    assert (done.status_code, done["Location"]) == (302, "/accounts/sign-in/")
    assert not signed_in(client), "the link alone signs nobody in"
    assert not OpenSession.objects.filter(person=bruno).exists()
    assert not signed_in(before)
    assert sign_in(Client(), bruno.email).status_code == 200, "the old password holds no more"
    assert sign_in(Client(), bruno.email, NEW).status_code == 302
    assert Client().post(path, CHOSEN).status_code == 404, "the link held once"
    told = Event.objects.filter(kind__in=("person.link_mailed", "person.password_reset")).order_by("pk")
    assert [(each.kind, each.subject) for each in told] == [
        ("person.link_mailed", str(bruno.pk)), ("person.password_reset", str(bruno.pk)),
    ]  # fmt: skip
    assert path.split("/")[-2] not in str(list(Event.objects.values()))
    assert list(faults()) == []


def test_the_second_factor_is_still_asked_for(bruno: User) -> None:
    here = Client()
    sign_in(here, bruno.email)
    secret = set_up_app(here)
    asked()
    client = Client()
    client.post(link_in_mail(), CHOSEN)
    assert sign_in(client, bruno.email, NEW)["Location"] == "/accounts/second-step/"
    assert not signed_in(client)
    client.post("/accounts/second-step/", {"code": code_of(secret, steps=1)})
    assert signed_in(client)


def test_the_answer_is_the_same_for_everybody(bruno: User) -> None:
    theirs = asked()
    assert asked("nobody@example.org") == theirs
    User.objects.update(is_active=False)
    assert asked() == theirs
    assert len(mail.outbox) == 1


def test_a_mailbox_alone_opens_no_account_of_the_staff(stock: Stock) -> None:
    olga = stock.olga
    for someone in (stock.alice, stock.rita, olga):
        asked(someone.email, REMOTE_ADDR=f"10.0.0.{someone.pk}")
    assert mail.outbox == []
    here = Client()
    sign_in(here, olga.email)
    set_up_app(here)
    asked(olga.email)
    assert [letter.to for letter in mail.outbox] == [[olga.email]]


def test_an_admin_behind_a_mailed_link_is_no_second_admin(stock: Stock) -> None:
    here = Client()
    sign_in(here, stock.alice.email)
    set_up_app(here)
    last = Event.objects.order_by("pk").last()
    asked(stock.alice.email)
    assert _other_hands(stock.alice, stock.study, last) == "", "anybody can ask; only the link used counts"
    Client().post(link_in_mail(), CHOSEN)
    assert _other_hands(stock.alice, stock.study, last) == IN_OTHER_HANDS["person.password_reset"]


def test_it_is_no_way_round_a_recovery_that_was_begun(bruno: User) -> None:
    asked()
    path = link_in_mail()
    services.begin_recovery(email=bruno.email, reason="phone lost", actor=None)
    assert Client().post(path, CHOSEN).status_code == 404
    asked()
    assert len(mail.outbox) == 1


def test_who_remembers_makes_the_link_worthless(bruno: User) -> None:
    asked()
    sign_in(Client(), bruno.email)
    assert Client().post(link_in_mail(), CHOSEN).status_code == 404
    bruno.refresh_from_db()
    assert bruno.check_password(PASSWORD)


@pytest.mark.parametrize("address", ["bruno@example.org", "nobody@example.org"])
def test_requests_are_throttled_by_address_and_by_sender(
    bruno: User, settings: Settings, address: str
) -> None:
    for number in range(LINKS):
        asked(address, REMOTE_ADDR=f"10.1.0.{number}")
    again = Client().post(ASK, {"email": address.upper()}, REMOTE_ADDR="10.1.0.99")
    assert (again.status_code, len(mail.outbox)) == (429, LINKS * (address == bruno.email))
    for number in range(settings.SIGN_IN_ATTEMPTS):
        asked(f"somebody{number}@example.org", REMOTE_ADDR="10.1.0.77")
    again = Client().post(ASK, {"email": "somebody@example.org"}, REMOTE_ADDR="10.1.0.77")
    assert again.status_code == 429


def test_without_mail_there_is_no_such_page(bruno: User, settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    assert Client().get(ASK).status_code == 404
    assert Client().post(ASK, {"email": bruno.email}).status_code == 404
    assert b"link" not in Client().get("/accounts/sign-in/").content.partition(b"<main")[2]


def test_no_address_reaches_the_log(
    bruno: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refused(*_: Any) -> int:
        raise OSError("550 bruno@example.org is unknown")

    monkeypatch.setattr(EmailBackend, "send_messages", refused)
    ask_for_link(bruno.email)
    assert "could not be mailed: OSError" in caplog.text
    assert "bruno@" not in caplog.text
