"""Two steps open a key, each with the password again; where it takes two admins see test_two_admins.py."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client

from readerstudy.accounts.models import User
from readerstudy.audit.models import Event
from readerstudy.results.models import Unblinding, UnblindingRequest
from readerstudy.results.services import UnblindingError, ask_to_open, decline_to_open, open_as_asked
from readerstudy.study.duties import add_member
from readerstudy.study.models import Role
from readerstudy.study.phases import PhaseError, StudyError
from tests.stock import PASSWORD, Stock, person

pytestmark = pytest.mark.django_db


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def nora(closed: Stock) -> User:
    """An admin who came after the lock."""
    second = person("Nora")
    add_member(study=closed.study, person=second, role=Role.STUDY_ADMIN, actor=closed.alice)
    return second


def give_key(client: Client, stock: Stock, password: str = PASSWORD) -> HttpResponse:
    file = SimpleUploadedFile("key.csv", stock.case_set.key.read_bytes())
    return client.post("/results/chest/key/", {"key": file, "password": password}, follow=True)


def ask(client: Client, password: str = PASSWORD) -> HttpResponse:
    return client.post(
        "/results/chest/ask/", {"reason": "reading is over", "password": password}, follow=True
    )


def test_one_admin_asks_and_opens(closed: Stock) -> None:
    alice = client_of(closed.alice)
    assert b"expected an open request" in give_key(alice, closed).content
    assert not Unblinding.objects.exists()
    ask(alice)
    give_key(alice, closed)
    assert Unblinding.objects.get().reason == "reading is over"


def test_each_step_asks_for_the_password(closed: Stock) -> None:
    alice = client_of(closed.alice)
    assert b"not your password" in ask(alice, "guess").content
    assert not UnblindingRequest.objects.exists()
    ask(alice)
    assert b"not your password" in give_key(alice, closed, "guess").content
    assert not Unblinding.objects.exists()


def test_a_declined_request_opens_nothing(closed: Stock, nora: User) -> None:
    ask_to_open(study=closed.study, reason="over", actor=closed.alice)
    with pytest.raises(UnblindingError, match="has already asked"):
        ask_to_open(study=closed.study, reason="over", actor=nora)
    client_of(nora).post("/results/chest/decline/")
    assert Event.objects.get(kind="study.unblinding_declined").actor == nora
    with pytest.raises(UnblindingError, match="found none"):
        open_as_asked(study=closed.study, key=closed.case_set.key, actor=nora)


def test_a_request_needs_a_closed_study_and_a_reason(stock: Stock) -> None:
    with pytest.raises(PhaseError):
        ask_to_open(study=stock.study, reason="over", actor=stock.alice)
    with pytest.raises(PhaseError):
        decline_to_open(study=stock.study, actor=stock.alice)


@pytest.mark.parametrize("reason", ["", " "])
def test_a_blank_reason_is_refused(closed: Stock, reason: str) -> None:
    with pytest.raises(StudyError, match="expected a reason"):
        ask_to_open(study=closed.study, reason=reason, actor=closed.alice)


def test_another_key_is_refused_with_what_to_take(closed: Stock) -> None:
    alice = client_of(closed.alice)
    ask(alice)
    file = SimpleUploadedFile("key.csv", closed.case_set.key.read_bytes() + b"\n")
    text = alice.post(
        "/results/chest/key/", {"key": file, "password": PASSWORD}, follow=True
    ).content.decode()
    assert "Take the key.csv that was handed over with this case set." in text
    assert closed.study.sealed_sha256[:12] in text
    assert not Unblinding.objects.exists()


def test_page_of_a_closed_study_is_about_the_key_and_says_how_much_was_read(closed: Stock) -> None:
    text = client_of(closed.alice).get("/results/chest/").content.decode()
    assert "<h2>Open the key</h2>" in text
    assert "2 readers, 2 of them began; 18 of 20 readings saved" in text
    assert '<a href="/studies/chest/">' in text


def test_page_before_closing_says_how_much_was_read_and_offers_no_results(stock: Stock) -> None:
    client = client_of(stock.alice)
    assert (
        "2 readers, 0 of them began; 0 of 20 readings saved" in client.get("/studies/chest/").content.decode()
    )
    assert "<h2>No results yet</h2>" in client.get("/results/chest/").content.decode()
    assert "/results/chest/" not in client.get("/").content.decode()


def test_researcher_waits_for_the_key_and_finds_the_way_back(closed: Stock) -> None:
    client = client_of(closed.rita)
    text = client.get("/results/chest/").content.decode()
    assert "The study admin opens the key." in text
    assert '<li><a href="/">Studies</a></li>' in text
    home = client.get("/").content.decode()
    assert "No results before the key is open" in home
    assert "/results/chest/" not in home
