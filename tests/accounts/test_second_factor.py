"""Second factors: one way in from every page; codes that work once; set-up, removal, and who must have one."""

import json
import re
import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.db import connection
from django.test import Client
from pytest_django import Settings as SettingsWrapper

from readerstudy.accounts import attempts
from readerstudy.accounts.factors import codes_left, factors
from readerstudy.accounts.models import Attempts, User
from readerstudy.audit.models import Event
from readerstudy.study.design.lifecycle import create_study
from readerstudy.study.duties import add_member
from readerstudy.study.models import Role
from readerstudy.study.protocol import Protocol
from tests.accounts.test_sign_in import sign_in
from tests.stock import PASSWORD, person

pytestmark = pytest.mark.django_db

STEP = "/accounts/second-step/"
HUB = "/accounts/me/second-factor/"
APP = f"{HUB}app/"
CODES = f"{HUB}recovery-codes/"


def code_of(secret: str, *, steps: int = 0) -> str:
    """Return what an authenticator app shows, `steps` half minutes from now."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + steps))


def set_up_app(client: Client) -> str:
    """Set an app up through the pages; return its secret."""
    secret = re.sub(r"\s", "", client.get(APP).context["secret"])
    code = code_of(secret)
    done = client.post(APP, {"code": code, "password": PASSWORD})
    assert (done.status_code, done["Location"]) == (302, CODES)
    forget_code(int(client.session["_auth_user_id"]), code)
    return secret


def forget_code(person: int, code: str) -> None:
    """Let a code hold once more, as if its time were over and the next one had come."""
    assert Attempts.objects.filter(name=attempts._name("code", str(person), code)).delete()[0], (
        "it was used up"
    )


@pytest.fixture
def alice() -> User:
    return person("Alice")


@pytest.fixture
def here(alice: User) -> Client:
    client = Client(HTTP_USER_AGENT="Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
    assert sign_in(client, alice.email).status_code == 302
    return client


@pytest.fixture
def secret(here: Client) -> str:
    return set_up_app(here)


def signed_in(client: Client) -> bool:
    return client.get("/").status_code == 200


def test_the_password_alone_signs_nobody_in_who_has_a_second_factor(alice: User, secret: str) -> None:
    client = Client()
    held = sign_in(client, alice.email)
    assert (held.status_code, held["Location"]) == (302, STEP)
    assert not signed_in(client)
    assert client.get(HUB)["Location"].startswith("/accounts/sign-in/")
    assert not Event.objects.filter(kind="person.signed_in").exclude(sequence=_first_sign_in()).exists()
    wrong = client.post(STEP, {"code": "000000" if code_of(secret) != "000000" else "111111"})
    assert b"was not valid" in wrong.content
    assert not signed_in(client)
    done = client.post(STEP, {"code": code_of(secret)})
    assert (done.status_code, done["Location"]) == (302, "/")
    assert signed_in(client)
    used = Event.objects.get(kind="person.second_factor_used")
    assert (used.actor, used.values) == (alice, {"factor": "totp"})


def _first_sign_in() -> int:
    return Event.objects.filter(kind="person.signed_in").earliest("sequence").sequence


def test_one_goes_on_to_where_one_wanted(alice: User, secret: str) -> None:
    client = Client()
    sign_in(client, alice.email, next="/studies/new/")
    assert client.post(STEP, {"code": code_of(secret)})["Location"] == "/studies/new/"


@pytest.mark.parametrize("steps", [-4, -2, 2, 4])
def test_a_code_of_another_time_does_not_fit(alice: User, secret: str, steps: int) -> None:
    client = Client()
    sign_in(client, alice.email)
    assert client.post(STEP, {"code": code_of(secret, steps=steps)}).status_code == 200


def test_a_code_holds_once(alice: User, secret: str) -> None:
    code = code_of(secret)
    first, second = Client(), Client()
    for client in (first, second):
        sign_in(client, alice.email)
    assert first.post(STEP, {"code": code}).status_code == 302
    assert second.post(STEP, {"code": code}).status_code == 200


def test_the_code_that_set_the_app_up_is_used_up(alice: User, here: Client) -> None:
    secret = re.sub(r"\s", "", here.get(APP).context["secret"])
    code = code_of(secret)
    assert here.post(APP, {"code": code, "password": PASSWORD}).status_code == 302
    client = Client()
    sign_in(client, alice.email)
    assert client.post(STEP, {"code": code}).status_code == 200


def test_a_recovery_code_holds_once(alice: User, here: Client, secret: str) -> None:
    codes = here.get(CODES).context["codes"]
    assert len(set(codes)) == 10
    for status in (302, 200):
        client = Client()
        sign_in(client, alice.email)
        assert client.post(STEP, {"code": f" {codes[3][:4]} {codes[3][4:]}"}).status_code == status
    assert codes_left(alice) == 9


def test_recovery_codes_are_shown_until_they_are_kept_and_others_replace_them(
    alice: User, here: Client, secret: str
) -> None:
    codes = here.get(CODES).context["codes"]
    assert here.get(CODES).context["codes"] == codes
    assert here.post(CODES, {"kept": "yes"}).status_code == 302
    assert codes[0][:4].encode() not in here.get(CODES).content
    assert here.post(CODES, {"password": "guess"}).status_code == 200
    assert here.post(CODES, {"password": PASSWORD}).status_code == 302
    assert not set(here.get(CODES).context["codes"]) & set(codes)
    client = Client()
    sign_in(client, alice.email)
    assert client.post(STEP, {"code": codes[0]}).status_code == 200, "the old ones are worthless"


def test_guessing_codes_is_stopped_for_the_person_from_anywhere(alice: User, secret: str) -> None:
    statuses = []
    for number in range(11):
        client = Client(REMOTE_ADDR=f"198.51.100.{number}")
        sign_in(client, alice.email)
        statuses.append(client.post(STEP, {"code": "not it"}).status_code)
    assert statuses == [200] * 10 + [429]
    client = Client(REMOTE_ADDR="198.51.100.99")
    sign_in(client, alice.email)
    assert client.post(STEP, {"code": code_of(secret)}).status_code == 429


def test_wrong_codes_count_with_wrong_passwords_from_one_host(alice: User, secret: str) -> None:
    client = Client()
    for number in range(5):
        sign_in(client, alice.email, f"wrong {number}")
    sign_in(client, alice.email)
    came = [client.post(STEP, {"code": "not it"}).status_code for _ in range(6)]
    assert came == [200] * 4 + [429] * 2
    assert sign_in(client, alice.email).status_code == 429


def test_a_right_password_does_not_wait_for_ever(
    alice: User, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client()
    sign_in(client, alice.email)
    later = time.time() + 601
    monkeypatch.setattr("readerstudy.accounts.signing_in.time.time", lambda: later)
    assert client.post(STEP, {"code": code_of(secret, steps=20)})["Location"] == "/accounts/sign-in/"


def test_a_held_password_ends_with_the_password_or_the_person(alice: User, secret: str) -> None:
    client, other = Client(), Client()
    for each in (client, other):
        sign_in(each, alice.email)
    alice.refresh_from_db()
    alice.set_password("another one, later")
    alice.save()
    assert client.post(STEP, {"code": code_of(secret)})["Location"] == "/accounts/sign-in/"
    sign_in(other, alice.email, "another one, later")
    User.objects.update(is_active=False)
    assert other.post(STEP, {"code": code_of(secret)})["Location"] == "/accounts/sign-in/"


def test_a_session_begun_elsewhere_owes_the_second_factor_too(alice: User, secret: str) -> None:
    alice.refresh_from_db()
    client = Client()
    client.force_login(alice)
    for address in ("/", HUB, "/accounts/me/", "/admin/", "/invitations/nothing/", APP):
        assert client.get(address)["Location"] == STEP, address
    assert client.get("/healthz/").status_code == 200
    assert client.post(STEP, {"code": code_of(secret)}).status_code == 302
    assert signed_in(client)


def test_a_new_factor_ends_every_session_that_began_without_it(alice: User, here: Client) -> None:
    elsewhere = Client()
    sign_in(elsewhere, alice.email)
    set_up_app(here)
    assert signed_in(here)
    assert not signed_in(elsewhere)


@pytest.mark.parametrize("change", [{"password": "guess"}, {"code": "12"}, {"code": ""}])
def test_an_app_is_kept_for_its_code_and_the_password_only(
    alice: User, here: Client, change: dict[str, str]
) -> None:
    secret = re.sub(r"\s", "", here.get(APP).context["secret"])
    page = here.post(APP, {"code": code_of(secret), "password": PASSWORD, **change})
    assert page.status_code == 200
    assert b"errorlist" in page.content
    assert not factors(alice).exists()


def test_the_picture_holds_the_secret_and_is_for_this_session_alone(alice: User, here: Client) -> None:
    assert here.get(f"{APP}code.svg").status_code == 404, "nothing is being set up"
    here.get(APP)
    picture = here.get(f"{APP}code.svg")
    assert picture["Content-Type"] == "image/svg+xml"
    assert b"<path" in picture.content
    assert "no-store" in picture["Cache-Control"]
    set_up_app(here)
    assert here.get(f"{APP}code.svg").status_code == 404


def test_secrets_are_not_readable_in_the_database(alice: User, here: Client, secret: str) -> None:
    codes = here.get(CODES).context["codes"]
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            rows = str(cursor.fetchall())
            assert not [word for word in (secret, *codes) if word in rows], table


def test_with_another_secret_key_no_code_fits_and_nothing_breaks(
    alice: User, secret: str, settings: SettingsWrapper
) -> None:
    settings.SECRET_KEY = "another"
    client = Client()
    sign_in(client, alice.email)
    assert client.post(STEP, {"code": code_of(secret)}).status_code == 200
    assert codes_left(alice) == 0


def test_removing_asks_for_the_password_and_takes_the_codes_along(
    alice: User, here: Client, secret: str
) -> None:
    number = factors(alice).get().pk
    page = f"{HUB}{number}/remove/"
    assert b"not your password" in here.post(page, {"password": "guess"}).content
    assert factors(alice).exists()
    assert here.post(page, {"password": PASSWORD}).status_code == 302
    assert not Authenticator.objects.exists()
    assert signed_in(here)
    client = Client()
    sign_in(client, alice.email)
    assert signed_in(client)
    kinds = [event.kind for event in Event.objects.filter(kind__startswith="person.second_factor")]
    assert kinds == ["person.second_factor_added", "person.second_factor_removed"]


def test_nobody_removes_another_persons_factor(alice: User, here: Client, secret: str) -> None:
    bob = Client()
    bob.force_login(person("Bob"))
    page = f"{HUB}{factors(alice).get().pk}/remove/"
    assert bob.get(page).status_code == 404
    assert bob.post(page, {"password": PASSWORD}).status_code == 404
    assert factors(alice).exists()


@pytest.mark.parametrize(
    "credential", ["", "no json", "[]", "{}", '{"id": 1}', json.dumps({"id": "a", "rawId": "a"})]
)
def test_a_made_up_passkey_is_refused(alice: User, here: Client, secret: str, credential: str) -> None:
    values = {"name": "key", "password": PASSWORD, "credential": credential}
    here.get(f"{HUB}passkey/")
    assert b"errorlist" in here.post(f"{HUB}passkey/", values).content
    assert factors(alice).count() == 1
    client = Client()
    sign_in(client, alice.email)
    client.get(STEP)
    assert client.post(STEP, {"credential": credential}).status_code == 200
    assert not signed_in(client)


@pytest.mark.parametrize(
    ("host", "named"),
    [("localhost", True), ("testserver", True), ("127.0.0.1:8000", False), ("[::1]:8000", False)],
)
def test_passkeys_need_a_host_name_and_the_page_says_so(
    here: Client, settings: SettingsWrapper, host: str, named: bool
) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    for address in (HUB, f"{HUB}passkey/"):
        page = here.get(address, HTTP_HOST=host)
        assert (f"at the address {host.removesuffix(':8000')}" in page.content.decode()) is not named
    assert (b"data-options" in here.get(f"{HUB}passkey/", HTTP_HOST=host).content) is named


@pytest.mark.parametrize(
    ("rule", "led"),
    [("none", set()), ("staff", {"olga", "rita", "stan"}), ("all", {"olga", "rita", "stan", "bob"})],
)
def test_who_must_have_one_is_led_to_set_it_up_and_nowhere_else(
    rule: str, led: set[str], settings: SettingsWrapper
) -> None:
    from readerstudy.accounts.services import grant_researcher

    settings.MFA_REQUIRED = rule
    people = {
        "olga": person("Olga", superuser=True),
        "rita": person("Rita"),
        "bob": person("Bob"),
        "stan": person("Stan"),
    }
    grant_researcher(user=people["rita"], actor=None)
    study = create_study(slug="s", title="S", protocol=Protocol(), actor=None)
    add_member(study=study, person=people["stan"], role=Role.STATISTICIAN, actor=None)
    for name, user in people.items():
        client = Client()
        sign_in(client, user.email)
        page = client.get("/")
        assert (page.status_code == 302) is (name in led), name
        if name in led:
            assert page["Location"] == HUB
            assert client.get("/accounts/me/")["Location"] == HUB
            assert b"asks you for a second factor" in client.get(HUB).content
            set_up_app(client)
            assert signed_in(client)
            number = factors(user).get().pk
            assert (
                b"requires a second factor"
                in client.post(f"{HUB}{number}/remove/", {"password": PASSWORD}).content
            )
            assert factors(user).exists()


def test_the_audit_trail_holds_no_secret(alice: User, here: Client, secret: str) -> None:
    codes = here.get(CODES).context["codes"]
    trail = str(list(Event.objects.values()))
    assert not [word for word in (secret, *codes, PASSWORD) if word in trail]
