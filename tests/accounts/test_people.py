"""Making people: a password that is shown once, an address that is free, an event for each."""

import logging

import pytest
from django.contrib.auth import authenticate
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import RequestFactory

from readerstudy.accounts.access import may_open_runs
from readerstudy.accounts.models import User
from readerstudy.accounts.services import AccountError, add_person, grant_researcher
from readerstudy.audit.models import Event
from readerstudy.audit.services import faults
from tests.stock import person

pytestmark = pytest.mark.django_db


def test_command_shows_a_password_once_that_works(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        call_command("add_person", "Nora@Example.org", name="Nora")
    out, err = capsys.readouterr()
    address, password = out.strip().split("  password (shown once): ")
    assert address == "nora@example.org"
    assert len(password) >= 16
    assert authenticate(
        RequestFactory().post("/"), username="NORA@example.org", password=password
    ) == User.objects.get(name="Nora")
    assert out.count(password) == 1
    assert password not in err + caplog.text


def test_the_password_is_stored_nowhere() -> None:
    _, password = add_person(email="nora@example.org", name="Nora", actor=None)
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            assert password not in str(cursor.fetchall()), table


def test_two_people_get_two_passwords() -> None:
    passwords = {add_person(email=f"p{n}@example.org", name="P", actor=None)[1] for n in range(3)}
    assert len(passwords) == 3


def test_adding_leaves_events_that_name_who_did_it() -> None:
    olga = person("Olga", superuser=True)
    nora, _ = add_person(email="nora@example.org", name="Nora", actor=olga, researcher=True)
    added = Event.objects.get(kind="person.added")
    assert (added.actor, added.study, added.subject) == (olga, None, str(nora.pk))
    assert added.values == {"researcher": True, "superuser": False}
    granted = Event.objects.get(kind="person.researcher_granted")
    assert (granted.actor, granted.subject) == (olga, str(nora.pk))
    assert "nora" not in f"{added.values}{added.subject}{granted.values}"
    assert list(faults()) == []


@pytest.mark.parametrize(
    ("options", "staff", "opens"),
    [({}, False, False), ({"researcher": True}, False, True), ({"superuser": True}, True, True)],
)
def test_roles_on_the_site(options: dict[str, bool], staff: bool, opens: bool) -> None:
    call_command("add_person", "nora@example.org", name="Nora", **options)
    nora = User.objects.get(email="nora@example.org")
    assert (nora.is_staff, nora.is_superuser, may_open_runs(nora)) == (staff, staff, opens)


def test_granting_opens_runs() -> None:
    nora = person("Nora")
    assert not may_open_runs(nora)
    grant_researcher(user=nora, actor=None)
    assert may_open_runs(User.objects.get(pk=nora.pk))


def test_taken_address_is_refused_in_any_case_and_changes_nothing() -> None:
    person("Nora")
    with pytest.raises(AccountError, match=r"nora@example\.org has an account"):
        add_person(email=" NORA@example.org", name="Other", actor=None)
    with pytest.raises(CommandError, match=r"nora@example\.org has an account"):
        call_command("add_person", "Nora@EXAMPLE.org", name="Other")
    assert User.objects.count() == 1
    assert not Event.objects.exists()


@pytest.mark.parametrize(("email", "name"), [("no address", "Nora"), ("", "Nora"), ("nora@example.org", "")])
def test_senseless_people_are_refused_whole(email: str, name: str) -> None:
    with pytest.raises(ValidationError):
        add_person(email=email, name=name, actor=None)
    with pytest.raises(CommandError):
        call_command("add_person", email, name=name)
    assert not User.objects.exists()
    assert not Event.objects.exists()


def test_without_a_password_nobody_signs_in() -> None:
    user = User.objects.create_user("nora@example.org", name="Nora")
    assert not user.has_usable_password()
    assert authenticate(RequestFactory().post("/"), username="nora@example.org", password="") is None
