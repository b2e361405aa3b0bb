"""Account recovery for a lost second factor: everything is taken away at once, and one link leads back in."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

from readerstudy.accounts.factors import factors
from readerstudy.accounts.models import OpenSession, User
from readerstudy.accounts.services import HOLDS_FOR
from readerstudy.audit.models import Event
from readerstudy.audit.services import faults
from tests.accounts.test_account import NEW
from tests.accounts.test_second_factor import HUB, code_of, set_up_app, signed_in
from tests.accounts.test_sign_in import sign_in
from tests.stock import PASSWORD, person

pytestmark = pytest.mark.django_db
CHOSEN = {"new_password1": NEW, "new_password2": NEW}


def recover(email: str = "olga@example.org", **options: str) -> str:
    """Run the command; return the link's path."""
    out = StringIO()
    call_command("recover_admin", email, reason="phone lost, seen in person", stdout=out, **options)
    link = next(line for line in out.getvalue().splitlines() if line.startswith("http"))
    return link.partition("/accounts/")[1] + link.partition("/accounts/")[2]


@pytest.fixture
def olga() -> User:
    return person("Olga", superuser=True)


@pytest.fixture
def here(olga: User) -> Client:
    client = Client()
    sign_in(client, olga.email)
    return client


def test_it_takes_everything_away_at_once(olga: User, here: Client) -> None:
    set_up_app(here)
    assert OpenSession.objects.filter(person=olga).exists()
    recover(" Olga@Example.org")
    assert not factors(olga).exists()
    assert not OpenSession.objects.filter(person=olga).exists()
    assert not signed_in(here)
    assert sign_in(Client(), olga.email).status_code == 200, "the password alone would now be enough"


def test_the_link_leads_to_a_password_and_a_new_factor(olga: User, here: Client) -> None:
    set_up_app(here)
    path = recover()
    client = Client()
    assert b"olga@example.org" in client.get(path).content
    assert b"errorlist" in client.post(path, {"new_password1": "short", "new_password2": "short"}).content
    done = client.post(path, CHOSEN)
    assert (done.status_code, done["Location"]) == (302, HUB)
    assert client.get("/")["Location"] == HUB, "who had a second factor sets one up again"
    client_password = {"code": "", "password": NEW}
    secret = "".join(client.get(f"{HUB}app/").context["secret"].split())
    assert client.post(f"{HUB}app/", {**client_password, "code": code_of(secret)}).status_code == 302
    assert signed_in(client)
    assert client.get("/admin/").status_code == 200
    assert Client().post(path, CHOSEN).status_code == 404, "the link held once"


def test_who_had_none_goes_on_without(olga: User) -> None:
    client = Client()
    assert client.post(recover(), CHOSEN).status_code == 302
    assert signed_in(client)


def test_a_link_expires_and_a_later_one_replaces_it(olga: User, settings: Settings) -> None:
    first, second = recover(), recover()
    assert Client().get(first).status_code == 404
    assert Client().get(second).status_code == 200
    settings.PASSWORD_RESET_TIMEOUT = -1
    assert Client().post(second, CHOSEN).status_code == 404
    settings.PASSWORD_RESET_TIMEOUT = 3600
    olga.refresh_from_db()
    assert not olga.has_usable_password()
    User.objects.update(is_active=False)
    with pytest.raises(CommandError, match="nobody's"):
        recover()


def test_links_that_have_ended_look_like_ones_that_never_were(olga: User) -> None:
    path = recover()
    Client().post(path, CHOSEN)
    client = Client()
    assert client.get(path).content == client.get("/accounts/recover/nothing/").content


def test_a_link_cannot_be_made_out_of_another(olga: User) -> None:
    path = recover()
    number, letter, made = path.split("/")[-2].split("-", 2)
    stan = person("Stan")
    for token in (
        f"{number}-m-{made}", f"{number}-f-{made}", f"{stan.pk}-{letter}-{made}", f"{number}-{letter}-{made}x",
        f"{'9' * 40}-{letter}-{made}", f"{number}--{made}", f"{number}-{letter}", "-s-", f"\u0663-{letter}-{made}",
    ):  # fmt: skip
        assert Client().get(f"/accounts/recover/{token}/").status_code == 404, token
    assert Client().get(path).status_code == 200


def test_it_is_audited_with_its_reason_and_without_the_link(olga: User, here: Client) -> None:
    path = recover()
    Client().post(path, CHOSEN)
    begun = Event.objects.get(kind="person.recovery_begun")
    assert (begun.actor, begun.subject, begun.reason) == (None, str(olga.pk), "phone lost, seen in person")
    assert begun.values["sessions_ended"] == 1
    reset = Event.objects.get(kind="person.second_factors_reset")
    assert reset.values == {"old": 0, "new": 0}
    assert Event.objects.get(kind="person.recovered").actor == olga
    assert path.split("/")[-2] not in str(list(Event.objects.values()))
    assert list(faults()) == []


def test_nothing_happens_without_a_person_or_a_reason(olga: User) -> None:
    with pytest.raises(CommandError, match=r"nobody@example\.org is nobody's"):
        recover("nobody@example.org")
    with pytest.raises(CommandError, match="expected a reason"):
        call_command("recover_admin", olga.email, reason=" ")
    olga.refresh_from_db()
    assert olga.check_password(PASSWORD)
    assert not Event.objects.exists()


@pytest.mark.parametrize(
    ("tls", "hosts", "options", "begins"),
    [
        (False, ["localhost"], {}, "http://localhost:8000/"),
        (True, ["[::1]", "study.example.org"], {}, "https://study.example.org/"),
        (
            False,
            ["localhost"],
            {"address": "https://proxy.example.org/"},
            "https://proxy.example.org/accounts",
        ),
    ],
)
def test_the_address_of_the_link(
    olga: User, settings: Settings, tls: bool, hosts: list[str], options: dict[str, str], begins: str
) -> None:
    settings.TLS, settings.ALLOWED_HOSTS = tls, hosts
    out = StringIO()
    call_command("recover_admin", olga.email, reason="lost", stdout=out, **options)
    assert f"\n{begins}" in out.getvalue()
    assert f"{HOLDS_FOR.seconds // 60} minutes" in out.getvalue()
