"""Attempts are counted where nothing is pushed out; nobody shuts another person out, and guessing stays bounded."""

from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.utils import timezone

from readerstudy.accounts.attempts import ANYWHERE_S, TooManyError, limits_of, network_of, use_up
from readerstudy.accounts.browsers import COOKIE, MOST
from readerstudy.accounts.models import Attempts, User
from readerstudy.audit.models import Event
from tests.accounts.test_sign_in import sign_in
from tests.stock import PASSWORD, person

pytestmark = pytest.mark.django_db
HUB = "/accounts/me/second-factor/"


@pytest.fixture
def alice() -> User:
    return person("Alice")


def fail(times: int, *, email: str = "alice@example.org", **client: Any) -> HttpResponse:
    for number in range(times):
        answer = sign_in(Client(**client), email, f"wrong {number}")
    return answer


def wait(answer: HttpResponse) -> int:
    return int(answer["Retry-After"])


def time_passes(seconds: float) -> None:
    for row in Attempts.objects.all():
        row.ends_at -= timedelta(seconds=seconds)
        row.save()


def test_made_up_names_push_no_lock_out_out(alice: User) -> None:
    assert fail(10).status_code == 429
    request = RequestFactory().post("/")
    for number in range(320):
        limits_of(request, f"nobody{number}@example.org").count()
    assert sign_in(Client(), alice.email).status_code == 429
    assert Attempts.objects.count() == 642


def test_what_is_over_is_cleared_away(alice: User) -> None:
    fail(3)
    time_passes(901)
    fail(1, email="bob@example.org")
    assert Attempts.objects.count() == 2


def test_a_lock_out_says_how_long_and_more_attempts_make_it_no_longer(alice: User) -> None:
    assert 890 <= wait(fail(10)) <= 900
    time_passes(600)
    assert 290 <= wait(fail(5)) <= 300
    time_passes(301)
    assert sign_in(Client(), alice.email).status_code == 302


def test_failures_count_from_the_first_one_for_as_long_as_the_pause(alice: User) -> None:
    fail(5)
    time_passes(600)
    fail(1)
    time_passes(301)
    assert fail(9).status_code == 200


def test_a_lock_out_is_one_event_however_often_one_tries(alice: User) -> None:
    fail(14)
    assert Event.objects.filter(kind="person.locked_out").count() == 1
    assert Event.objects.filter(kind="person.sign_in_failed").count() == 10


def test_attempts_side_by_side_cannot_all_be_the_last_one(alice: User) -> None:
    fail(9)
    request = RequestFactory().post("/")
    limits = [limits_of(request, alice.email) for _ in range(3)]
    for each in limits:
        each.refuse_if_shut()
    limits[0].count()
    for each in limits[1:]:
        with pytest.raises(TooManyError):
            each.count()


def test_nobody_at_the_same_address_shuts_a_person_out_of_their_own_browser(alice: User) -> None:
    own = Client()
    assert sign_in(own, alice.email).status_code == 302
    own.post("/accounts/sign-out/")
    assert fail(12).status_code == 429
    assert sign_in(own, alice.email).status_code == 302


def test_a_known_browser_has_no_more_attempts_than_an_address(alice: User) -> None:
    own = Client()
    sign_in(own, alice.email)
    own.post("/accounts/sign-out/")
    assert [sign_in(own, alice.email, f"wrong {n}").status_code for n in range(10)] == [200] * 9 + [429]
    assert sign_in(own, alice.email).status_code == 429
    assert sign_in(Client(), alice.email).status_code == 302, "others are not shut out by it"


def test_a_browser_is_known_for_its_people_only_and_not_by_a_made_up_cookie(alice: User) -> None:
    person("Bob")
    own = Client()
    sign_in(own, "bob@example.org")
    own.post("/accounts/sign-out/")
    assert fail(10).status_code == 429
    assert sign_in(own, alice.email).status_code == 429, "Bob's browser is none of Alice's"
    own.cookies[COOKIE] = own.cookies[COOKIE].value[:-2] + "xx"
    fail(10, email="bob@example.org")
    assert sign_in(own, "bob@example.org").status_code == 429
    assert own.cookies[COOKIE]["httponly"]
    assert "bob" not in own.cookies[COOKIE].value


def test_a_browser_of_several_people_is_known_for_each(alice: User) -> None:
    shared = Client()
    names = ["alice", *(person(f"Reader{number}").email.partition("@")[0] for number in range(MOST))]
    for name in names:
        sign_in(shared, f"{name}@example.org")
        shared.post("/accounts/sign-out/")
    fail(10, email=f"{names[1]}@example.org")
    fail(10)
    assert sign_in(shared, alice.email).status_code == 429, "the first of too many is forgotten"
    assert sign_in(shared, f"{names[1]}@example.org").status_code == 302


def test_guessing_from_many_addresses_is_bounded_and_shuts_out_for_minutes_only(alice: User) -> None:
    tried = [fail(1, REMOTE_ADDR=f"198.51.100.{number}").status_code for number in range(35)]
    assert tried == [200] * 30 + [429] * 5
    newcomer = sign_in(Client(REMOTE_ADDR="203.0.113.5"), alice.email)
    assert (newcomer.status_code, wait(newcomer) <= ANYWHERE_S <= 300) == (429, True)
    time_passes(ANYWHERE_S)
    assert sign_in(Client(REMOTE_ADDR="203.0.113.5"), alice.email).status_code == 302


def test_an_unknown_name_is_counted_like_a_known_one(alice: User) -> None:
    known = [fail(1).status_code for _ in range(12)]
    assert [fail(1, email="nobody@example.org").status_code for _ in range(12)] == known


def test_signing_in_forgets_what_failed_before(alice: User) -> None:
    own = Client()
    for _ in range(3):
        assert {sign_in(own, alice.email, f"wrong {number}").status_code for number in range(9)} == {200}
        assert sign_in(own, alice.email).status_code == 302
        own.post("/accounts/sign-out/")
    assert not Attempts.objects.exists()


def test_a_thing_is_used_up_once_until_its_time_is_over() -> None:
    assert [use_up("code", "1", "123456", seconds=90) for _ in range(3)] == [True, False, False]
    assert use_up("code", "2", "123456", seconds=90)
    time_passes(91)
    assert use_up("code", "1", "123456", seconds=90)


@pytest.mark.parametrize(
    "address",
    [
        "/accounts/me/elsewhere/", "/accounts/me/password/", f"{HUB}recovery-codes/", f"{HUB}app/",
        f"{HUB}passkey/",
    ],
)  # fmt: skip
def test_a_stolen_session_does_not_guess_the_password_and_shuts_nobody_else_out(
    alice: User, address: str
) -> None:
    stolen, own = Client(), Client()
    for client in (stolen, own):
        client.force_login(alice)
    tried = [stolen.post(address, {"password": f"guess {number}"}).status_code for number in range(10)]
    assert tried == [200] * 9 + [429]
    assert stolen.post(address, {"password": PASSWORD}).status_code == 429
    assert own.post("/accounts/me/elsewhere/", {"password": PASSWORD}).status_code == 302


def test_right_passwords_cost_a_session_nothing(alice: User) -> None:
    client = Client()
    client.force_login(alice)
    for _ in range(12):
        page = client.post(f"{HUB}recovery-codes/", {"password": PASSWORD})
        assert page.status_code == 200


@pytest.mark.parametrize(
    ("hops", "sender", "forwarded", "expected"),
    [
        (0, "192.0.2.1", "198.51.100.1", "192.0.2.1"),
        (1, "127.0.0.1", "198.51.100.1", "198.51.100.1"),
        (1, "127.0.0.1", "made up, 203.0.113.9,198.51.100.1", "198.51.100.1"),
        (2, "127.0.0.1", "made up, 198.51.100.1, 10.0.0.7", "198.51.100.1"),
        (2, "192.0.2.1", "198.51.100.1", "192.0.2.1"),
        (1, "192.0.2.1", "", "192.0.2.1"),
        (1, "192.0.2.1", "unknown", "192.0.2.1"),
        (1, "127.0.0.1", "198.51.100.1:4711", "198.51.100.1"),
        (1, "127.0.0.1", "[2001:db8:1:2::7]:4711", "2001:db8:1:2::/64"),
        (0, "2001:db8:1:2:ffff::1", "", "2001:db8:1:2::/64"),
        (0, "::ffff:192.0.2.1", "", "192.0.2.1"),
        (0, "fe80::1%eth0", "", "fe80::/64"),
        (0, "", "", ""),
    ],
)
def test_the_address_comes_from_as_many_proxies_as_are_named(
    settings: Any, hops: int, sender: str, forwarded: str, expected: str
) -> None:
    settings.FORWARDED_HOPS = hops
    request = RequestFactory().get("/", REMOTE_ADDR=sender, HTTP_X_FORWARDED_FOR=forwarded)
    assert network_of(request) == expected


def test_behind_a_proxy_each_address_has_its_own_attempts(alice: User, settings: Any) -> None:
    settings.FORWARDED_HOPS = 1
    for number in range(10):
        fail(1, HTTP_X_FORWARDED_FOR=f"10.9.9.{number}, 198.51.100.1")
    assert sign_in(Client(HTTP_X_FORWARDED_FOR="198.51.100.1"), alice.email).status_code == 429
    assert sign_in(Client(HTTP_X_FORWARDED_FOR="198.51.100.1, 203.0.113.5"), alice.email).status_code == 302


def test_rows_name_nothing_that_was_typed(alice: User) -> None:
    fail(2, email="my secret passphrase")
    assert "secret" not in str(list(Attempts.objects.values()))
    assert all(row.ends_at > timezone.now() for row in Attempts.objects.all())
