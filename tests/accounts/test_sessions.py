"""A person's own sessions: told by browser and time, ended one by one or all together; never a key on a page."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from readerstudy.accounts.browsers import in_words
from readerstudy.accounts.models import OpenSession, User
from readerstudy.audit.models import Event
from tests.accounts.test_sign_in import sign_in
from tests.stock import PASSWORD, person

pytestmark = pytest.mark.django_db
ME = "/accounts/me/"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
EDGE = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 "
    "Safari/537.36 Edg/140.0.0.0"
)
IPAD = (
    "Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 "
    "Mobile/15E148 Safari/604.1"
)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (FIREFOX, "Firefox on Linux"),
        (EDGE, "Edge on Windows"),
        (IPAD, "Safari on iPad"),
        ("curl/8", "Another browser"),
        ("", "Another browser"),
    ],
)
def test_a_browser_is_told_in_words(header: str, words: str) -> None:
    assert in_words(header) == words


@pytest.fixture
def alice() -> User:
    return person("Alice")


def come(user: User, browser: str) -> Client:
    client = Client(HTTP_USER_AGENT=browser)
    assert sign_in(client, user.email).status_code == 302
    return client


def test_sessions_are_listed_with_the_one_that_asks_and_nobody_elses(alice: User) -> None:
    come(person("Bob"), EDGE)
    here, _ = come(alice, FIREFOX), come(alice, IPAD)
    shown = here.get(ME).context["sessions"]
    assert {(each["browser"], each["is_this"]) for each in shown} == {
        ("Firefox on Linux", True),
        ("Safari on iPad", False),
    }
    assert all(abs(timezone.now() - each["began_at"]) < timedelta(minutes=5) for each in shown)
    assert "Mozilla" not in str(list(OpenSession.objects.values()))


def test_no_key_of_a_session_reaches_the_page(alice: User) -> None:
    here, _ = come(alice, FIREFOX), come(alice, IPAD)
    page = here.get(ME).content.decode()
    keys = OpenSession.objects.values_list("session_key", flat=True)
    assert len(keys) == 2
    assert not [key for key in keys if key in page]


def test_one_session_is_ended(alice: User) -> None:
    here, there, third = (come(alice, browser) for browser in (FIREFOX, IPAD, EDGE))
    name = next(
        each["name"] for each in here.get(ME).context["sessions"] if each["browser"] == "Safari on iPad"
    )
    assert here.get(f"{ME}sessions/{name}/end/").status_code == 405
    assert here.post(f"{ME}sessions/{name}/end/").status_code == 302
    assert [client.get("/").status_code for client in (here, there, third)] == [200, 302, 200]
    ended = Event.objects.get(kind="person.session_ended")
    assert (ended.actor, ended.values["browser"]) == (alice, "Safari on iPad")
    assert here.post(f"{ME}sessions/{name}/end/").status_code == 404


def test_nobody_ends_another_persons_session(alice: User) -> None:
    here = come(alice, FIREFOX)
    name = here.get(ME).context["sessions"][0]["name"]
    bob = come(person("Bob"), EDGE)
    assert bob.post(f"{ME}sessions/{name}/end/").status_code == 404
    assert here.get("/").status_code == 200


def test_all_others_end_and_leave_the_list(alice: User) -> None:
    here, there = come(alice, FIREFOX), come(alice, IPAD)
    assert here.post(f"{ME}elsewhere/", {"password": PASSWORD}).status_code == 302
    assert [each["is_this"] for each in here.get(ME).context["sessions"]] == [True]
    assert there.get("/").status_code == 302
    assert OpenSession.objects.filter(person=alice).count() == 1


def test_what_has_ended_otherwise_is_not_listed(alice: User) -> None:
    here, _ = come(alice, FIREFOX), come(alice, IPAD)
    OpenSession.objects.filter(browser="Safari on iPad").update(expire_date=timezone.now())
    assert len(here.get(ME).context["sessions"]) == 1
    alice.refresh_from_db()
    alice.set_password("set by the operator")
    alice.save()
    again = Client()
    sign_in(again, alice.email, "set by the operator")
    assert len(again.get(ME).context["sessions"]) == 1, "those of the old password have ended"


def test_sessions_of_nobody_are_nobodys(client: Client, alice: User) -> None:
    session = client.session
    session["something"] = 1
    session.save()
    assert OpenSession.objects.get().person is None
    assert come(alice, FIREFOX).get(ME).context["sessions"][0]["is_this"]
