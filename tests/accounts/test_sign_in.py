"""Signing in and out: the address in any case, one answer for every wrong pair, sessions that end."""

import pytest
from django.db import IntegrityError, transaction
from django.http import HttpResponse
from django.test import Client

from readerstudy.accounts.models import OpenSession, User
from tests.stock import PASSWORD, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> User:
    return person("Alice")


def sign_in(client: Client, email: str, password: str = PASSWORD, **extra: str) -> HttpResponse:
    return client.post("/accounts/sign-in/", {"username": email, "password": password, **extra})


@pytest.mark.parametrize("email", ["alice@example.org", "ALICE@Example.ORG", " Alice@example.org "])
def test_the_address_counts_in_any_case(client: Client, alice: User, email: str) -> None:
    response = sign_in(client, email)
    assert (response.status_code, response["Location"]) == (302, "/")
    assert client.get("/").context["user"] == alice


def test_every_wrong_pair_gets_the_same_words(client: Client, alice: User) -> None:
    alice_is_off = person("Off")
    User.objects.filter(pk=alice_is_off.pk).update(is_active=False)
    pages = [
        sign_in(client, email, password)
        for email, password in (
            ("alice@example.org", "a wrong password"),
            ("nobody@example.org", PASSWORD),
            ("off@example.org", PASSWORD),
            ("alice@example.org", PASSWORD.upper()),
        )
    ]
    assert {page.status_code for page in pages} == {200}
    assert len({str(page.context["form"].non_field_errors()) for page in pages}) == 1
    assert not OpenSession.objects.exists()


def test_what_was_typed_as_password_never_comes_back(client: Client, alice: User) -> None:
    assert b"a wrong password" not in sign_in(client, "alice@example.org", "a wrong password").content


@pytest.mark.parametrize(
    ("wanted", "came"),
    [
        ("/studies/new/", "/studies/new/"),
        ("https://elsewhere.example/", "/"),
        ("//elsewhere.example/", "/"),
        ("javascript:alert(1)", "/"),
    ],
)
def test_one_goes_on_within_the_site_only(client: Client, alice: User, wanted: str, came: str) -> None:
    assert sign_in(client, "alice@example.org", next=wanted)["Location"] == came


def test_signing_in_changes_the_session_and_its_cookie_is_closed_to_scripts(
    client: Client, alice: User
) -> None:
    client.get("/accounts/sign-in/")
    response = sign_in(client, "alice@example.org")
    cookie = response.cookies["sessionid"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert response.cookies["csrftoken"]["samesite"] == "Strict"


def test_signing_out_ends_the_session_on_the_server(client: Client, alice: User) -> None:
    sign_in(client, "alice@example.org")
    session = client.cookies["sessionid"].value
    response = client.post("/accounts/sign-out/")
    assert (response.status_code, response["Location"]) == (302, "/accounts/sign-in/")
    client.cookies["sessionid"] = session
    assert client.get("/").status_code == 302
    assert not OpenSession.objects.filter(session_key=session).exists()


def test_a_link_cannot_sign_out(client: Client, alice: User) -> None:
    sign_in(client, "alice@example.org")
    assert client.get("/accounts/sign-out/").status_code == 405
    assert client.get("/").status_code == 200


def test_a_person_switched_off_is_out_at_once(client: Client, alice: User) -> None:
    sign_in(client, "alice@example.org")
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert client.get("/").status_code == 302


def test_passwords_are_kept_as_argon2(alice: User) -> None:
    assert alice.password.startswith("argon2$argon2id$")


def test_database_refuses_capitals_and_the_same_address_twice(alice: User) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(pk=alice.pk).update(email="Alice@example.org")
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.bulk_create([User(email="alice@example.org", name="Other")])
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(pk=alice.pk).update(name="")
