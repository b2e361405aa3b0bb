"""A person's own account, and attempts that are stopped."""

import pytest
from django.test import Client

from readerstudy.accounts.models import User
from readerstudy.audit.models import Event
from tests.accounts.test_sign_in import sign_in
from tests.stock import PASSWORD, person

pytestmark = pytest.mark.django_db
NEW = "moraine-valley-82"


@pytest.fixture
def alice() -> User:
    return person("Alice")


@pytest.fixture
def here(alice: User) -> Client:
    client = Client()
    client.force_login(alice)
    return client


@pytest.fixture
def elsewhere(alice: User) -> Client:
    client = Client()
    client.force_login(alice)
    return client


def test_guessing_is_stopped_for_one_address_from_one_host(
    alice: User, settings: pytest.FixtureRequest
) -> None:
    person("Bob")
    client = Client()
    pages = [sign_in(client, "alice@example.org", f"wrong password {number}") for number in range(10)]
    assert [page.status_code for page in pages] == [200] * 9 + [429]
    stopped = sign_in(client, "Alice@example.org ")
    assert stopped.status_code == 429, "the right password comes too late, however the address is spelled"
    assert b"Too many attempts" in stopped.content
    assert b"alice" not in stopped.content
    assert sign_in(client, "bob@example.org").status_code == 302, "others sign in"
    other = Client(REMOTE_ADDR="198.51.100.7")
    assert sign_in(other, "alice@example.org").status_code == 302, "Alice signs in from elsewhere"
    assert Event.objects.filter(kind="person.locked_out").exists()
    assert "wrong password" not in str(list(Event.objects.values()))


def test_the_admin_site_has_no_sign_in_of_its_own(alice: User) -> None:
    client = Client()
    for number in range(10):
        sign_in(client, "alice@example.org", f"wrong password {number}")
    answer = client.post("/admin/login/", {"username": "alice@example.org", "password": PASSWORD})
    assert (answer.status_code, answer["Location"]) == (302, "/accounts/sign-in/?next=/admin/")
    stopped = sign_in(client, "alice@example.org", next="/admin/")
    assert stopped.status_code == 429


def test_success_forgets_the_failures(alice: User) -> None:
    client = Client()
    for _ in range(2):
        for number in range(9):
            assert sign_in(client, "alice@example.org", f"wrong password {number}").status_code == 200
        assert sign_in(client, "alice@example.org").status_code == 302
        client.post("/accounts/sign-out/")


def test_a_new_password_ends_every_other_session(alice: User, here: Client, elsewhere: Client) -> None:
    values = {"password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    assert here.post("/accounts/me/password/", values).status_code == 302
    assert here.get("/").status_code == 200
    assert elsewhere.get("/").status_code == 302
    assert sign_in(Client(), alice.email).status_code == 200, "the old one is refused"
    assert sign_in(Client(), alice.email, NEW).status_code == 302


@pytest.mark.parametrize(
    "change",
    [
        {"password": "not it"},
        {"new_password2": "another-word-9"},
        {"new_password1": "short", "new_password2": "short"},
    ],
)
def test_a_password_is_changed_by_its_owner_and_holds_the_rules(
    alice: User, here: Client, elsewhere: Client, change: dict[str, str]
) -> None:
    values = {"password": PASSWORD, "new_password1": NEW, "new_password2": NEW, **change}
    page = here.post("/accounts/me/password/", values)
    assert page.status_code == 200
    assert b"errorlist" in page.content
    assert elsewhere.get("/").status_code == 200
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


def test_signing_out_everywhere_else_asks_for_the_password(
    alice: User, here: Client, elsewhere: Client
) -> None:
    assert b"not your password" in here.post("/accounts/me/elsewhere/", {"password": "guess"}).content
    assert elsewhere.get("/").status_code == 200
    assert here.post("/accounts/me/elsewhere/", {"password": PASSWORD}).status_code == 302
    assert here.get("/").status_code == 200
    assert elsewhere.get("/").status_code == 302
    assert sign_in(Client(), alice.email).status_code == 302, "the password is the same"
    assert Event.objects.filter(kind="person.sessions_ended", actor=alice).count() == 1


def test_profile(alice: User, here: Client) -> None:
    values = {"name": "Alice B", "specialty": "paediatric radiology", "years_reading": "7"}
    assert here.post("/accounts/me/profile/", values).status_code == 302
    alice.refresh_from_db()
    assert (alice.name, alice.specialty, alice.years_reading) == ("Alice B", "paediatric radiology", 7)
    assert b"errorlist" in here.post("/accounts/me/profile/", {"name": ""}).content
    assert not User.objects.filter(is_superuser=True).exists()
