"""Hostile protocol files and passkey answers are refused in words by the forms that take them, and change nothing."""

from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client

from readerstudy.accounts.factors import factors
from readerstudy.accounts.models import User
from readerstudy.study.design.lifecycle import create_study
from readerstudy.study.duties import add_member
from readerstudy.study.models import Role, Study
from readerstudy.study.protocol import Protocol
from tests.accounts.test_second_factor import HUB, STEP, set_up_app
from tests.accounts.test_sign_in import sign_in
from tests.hostile import uploads
from tests.stock import PASSWORD, person

pytestmark = pytest.mark.django_db

PROTOCOLS, CREDENTIALS = dict(uploads.protocols()), dict(uploads.credentials())


@pytest.fixture
def alice() -> User:
    return person("Alice")


@pytest.fixture
def here(alice: User) -> Client:
    client = Client()
    client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.mark.parametrize("name", PROTOCOLS)
def test_no_false_protocol_comes_in(name: str, alice: User, here: Client, tmp_path: Path) -> None:
    study = create_study(slug="draft", title="Draft", protocol=Protocol(), actor=None)
    add_member(study=study, person=alice, role=Role.STUDY_ADMIN, actor=None)
    before = Study.objects.values().get()
    file = SimpleUploadedFile("p.toml", PROTOCOLS[name])
    answer = here.post("/studies/draft/protocol/import/", {"file": file}, follow=True)
    assert answer.status_code == 200
    assert [message.level_tag for message in answer.context["messages"]] == ["error"]
    assert Study.objects.values().get() == before
    (tmp_path / "p.toml").write_bytes(PROTOCOLS[name])
    with pytest.raises(CommandError):
        call_command("import_protocol", str(tmp_path / "p.toml"), "--study", "new", "--admin", alice.email)
    assert Study.objects.count() == 1


@pytest.mark.parametrize("name", CREDENTIALS)
def test_no_false_passkey_is_taken(name: str, alice: User) -> None:
    here = Client()
    sign_in(here, alice.email)
    set_up_app(here)
    here.get(f"{HUB}passkey/")
    values = {"name": "key", "password": PASSWORD, "credential": CREDENTIALS[name]}
    answer = here.post(f"{HUB}passkey/", values)
    assert (answer.status_code, b"errorlist" in answer.content) == (200, True)
    assert factors(alice).count() == 1
    client = Client()
    sign_in(client, alice.email)
    client.get(STEP)
    assert client.post(STEP, {"credential": CREDENTIALS[name]}).status_code == 200
    assert client.get("/").status_code == 302
