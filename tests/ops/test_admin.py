"""Django's admin: to look at, for superusers, behind both factors; no answer, time, case or secret in it."""

import re
from collections.abc import Iterator

import pytest
from django.apps import apps
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.test import Client, RequestFactory
from django.urls import reverse

from readerstudy.accounts.models import User
from readerstudy.accounts.services import begin_recovery
from readerstudy.audit.models import Event
from readerstudy.audit.services import record
from readerstudy.cases.models import Terms, TermsConfirmation
from readerstudy.results.models import Unblinding, UnblindingRequest
from readerstudy.study.people.invitations import invite
from tests.accounts.test_second_factor import set_up_app
from tests.accounts.test_sign_in import sign_in
from tests.blinding.crowd import payload, read_all
from tests.stock import PASSWORD, Stock

pytestmark = pytest.mark.django_db

REGISTERED = sorted(admin.site._registry, key=lambda model: model._meta.label)
LEFT_OUT = {
    "accounts.Attempts": "keyed hashes and counts that end within minutes; nobody can read anything in them",
    "accounts.OpenSession": "its key is the secret of a session, and would be in the address",
    "audit.Event of a study": "its own page masks what was read until the key is open",
    "cases.Case": "a case key is for its readers",
    "cases.Frame": "as cases.Case",
    "cases.Loading": "holds case keys; the study's page shows it",
    "study.Proposal": "decided on the people page of the study, by its admins",
    "study.ImageCheck": "of single cases; the study's page Images counts them",
    "study.Allotment": "which cases a reader gets",
    "study.Assignment": "the order of a reader's cases",
    "study.Rating": "answers and times",
    "study.PracticeReading": "answers and times",
    "study.ReadingSession": "times of reading",
    "study.DisplayCheck": "times of reading",
    "results.OpenedCase": "what each case was",
    "analysis": "has pages of its own, which write the access log",
}
OWN = ("accounts", "audit", "cases", "study", "results", "analysis")


def name_of(model: type[Model]) -> str:
    return model._meta.label


@pytest.fixture
def olga(stock: Stock) -> User:
    return stock.olga


@pytest.fixture
def client(olga: User) -> Client:
    client = Client()
    client.force_login(olga)
    return client


@pytest.fixture
def rows(stock: Stock) -> dict[str, Model]:
    """Make sure that every table has a row; return one of each."""
    study = stock.study
    record(kind="test.noted", actor=stock.olga)
    invite(study=study, email="nora@example.org", role="reader", actor=stock.alice, link_for=str)
    begin_recovery(email=stock.charlie.email, reason="lost", actor=None)
    Terms.objects.get_or_create(study=study.key, defaults={"text": "Be kind.", "sha256": "0" * 64})
    TermsConfirmation.objects.create(study=study.key, person=stock.bob, sha256="0" * 64)
    Unblinding.objects.create(study=study, key_sha256="0" * 64, opened_by=stock.alice, reason="over")
    UnblindingRequest.objects.create(study=study, asked_by=stock.alice, reason="over")
    factor = Client()
    sign_in(factor, stock.rita.email)
    set_up_app(factor)
    found = {name_of(model): model._default_manager.first() for model in REGISTERED}
    found["audit.Event"] = Event.objects.get(kind="test.noted")
    assert None not in found.values()
    return found


def pages(model: type[Model], row: Model) -> Iterator[tuple[str, str]]:
    """Yield the admin's pages of a table, by what they do."""
    base = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    yield "list", reverse(f"{base}_changelist")
    yield "add", reverse(f"{base}_add")
    for name in ("change", "delete", "history"):
        yield name, reverse(f"{base}_{name}", args=[row.pk])


def test_every_table_is_registered_or_left_out_for_a_reason() -> None:
    own = {name_of(model) for label in OWN for model in apps.get_app_config(label).get_models()}
    out = {name for name in own if name in LEFT_OUT or name.split(".")[0] in LEFT_OUT}
    shown = {name_of(model) for model in REGISTERED}
    assert own - out == shown - {"mfa.Authenticator"}
    assert not out & shown
    assert shown - own == {"mfa.Authenticator"}


@pytest.mark.parametrize("model", REGISTERED, ids=name_of)
def test_nothing_is_added_changed_or_deleted(
    model: type[Model], client: Client, rows: dict[str, Model]
) -> None:
    row = rows[name_of(model)]
    before = list(model._default_manager.values())
    for name, address in pages(model, row):
        looked = client.get(address).status_code
        assert looked == (403 if name in {"add", "delete"} else 200), (name, looked)
        values = {field: "1" for field in admin.site._registry[model].fields or ()}
        chosen = {"action": "delete_selected", "_selected_action": [str(row.pk)], "post": "yes"}
        for body in (values, chosen, {"_save": "Save", **values}):
            sent = client.post(address, body)
            assert sent.status_code == (200 if name in {"list", "history"} else 403), (name, sent.status_code)
    assert list(model._default_manager.values()) == before


@pytest.mark.parametrize("model", REGISTERED, ids=name_of)
def test_its_forms_and_actions_are_gone(model: type[Model], olga: User) -> None:
    made = admin.site._registry[model]
    request = RequestFactory().get("/")
    request.user = olga
    assert made.get_actions(request) == {}
    assert made.inlines == ()
    assert made.get_model_perms(request) == {"add": False, "change": False, "delete": False, "view": True}
    assert made.fields
    assert {field.name for field in model._meta.fields} >= set(made.fields)


@pytest.mark.parametrize("name", ["alice", "bob", "rita", "charlie"])
def test_nobody_but_a_superuser_looks(name: str, stock: Stock, rows: dict[str, Model]) -> None:
    client = Client()
    user = getattr(stock, name)
    user.refresh_from_db()
    User.objects.filter(pk=user.pk).update(is_staff=True)
    client.force_login(User.objects.get(pk=user.pk))
    for model in REGISTERED:
        for _, address in pages(model, rows[name_of(model)]):
            assert client.get(address).status_code == 302
    assert client.get("/admin/").status_code == 302


def test_it_asks_for_the_second_factor(olga: User) -> None:
    client = Client()
    sign_in(client, olga.email)
    set_up_app(client)
    assert client.get("/admin/").status_code == 200
    again = Client()
    assert sign_in(again, olga.email, next="/admin/")["Location"] == "/accounts/second-step/"
    page = again.get("/admin/study/study/", follow=True)
    assert page.redirect_chain[-1][0] == "/accounts/sign-in/?next=/admin/study/study/"
    olga.refresh_from_db()
    again.force_login(olga)
    assert again.get("/admin/")["Location"] == "/accounts/second-step/"
    assert client.get("/admin/password_change/")["Location"] == "/accounts/me/"
    for wanted, came in (("/admin/study/study/",) * 2, ("https://elsewhere.example/", "/admin/")):
        assert client.get("/admin/login/", {"next": wanted})["Location"] == came


def test_no_answer_time_case_or_secret_shows_while_it_is_read(
    stock: Stock, client: Client, rows: dict[str, Model]
) -> None:
    given = {"comment": "canarycomment", "times": {**payload()["times"], "visible_ms": 7731125.0}}
    read_all(stock.readers[0], answer=lambda key: given)
    keys = [row.case.key for row in stock.readers[0].assignments.select_related("case")]
    ids = [str(row.public_id) for row in stock.readers[0].assignments.all()]
    secrets = [stock.readers[0].order_seed, PASSWORD]
    hashes = list(User.objects.values_list("password", flat=True))
    words = ["canarycomment", "7731125", "7731.125", *keys, *ids, *map(str, secrets), *hashes]
    seen = ""
    for model in REGISTERED:
        for row in model._default_manager.all()[:40]:
            for name, address in pages(model, row):
                if name not in {"add", "delete"}:
                    seen += client.get(address, follow=True).content.decode()
    assert "alice@example.org" in seen
    assert stock.study.title in seen
    assert [word for word in words if word and word in seen] == []
    assert "rating.saved" not in seen


def test_the_sites_events_are_told_in_sentences(client: Client, rows: dict[str, Model]) -> None:
    page = client.get(reverse("admin:audit_event_changelist")).content.decode()
    assert "A command on the server gave Charlie a link for a new start." in page


def test_events_of_a_study_are_not_there(client: Client, stock: Stock) -> None:
    event = Event.objects.filter(study=stock.study.key).first()
    assert event is not None
    page = client.get(reverse("admin:audit_event_change", args=[event.pk]), follow=True)
    assert event.digest not in page.content.decode()


@pytest.mark.parametrize(
    ("table", "question"),
    [
        ("accounts_user", "password__startswith=argon2"),
        ("accounts_user", "password=x"),
        ("study_study", "allotment_seed__isnull=True"),
        ("study_study", "memberships__person__email=alice@example.org"),
        ("study_reader", "order_seed__startswith=a"),
        ("study_reader", "assignments__revision=1"),
        ("mfa_authenticator", "data__secret__startswith=a"),
        ("audit_event", "values__icontains=a"),
    ],
)
def test_what_is_not_shown_cannot_be_asked_about(client: Client, table: str, question: str) -> None:
    """A filter's number of hits would tell a hidden column letter by letter."""
    page = client.get(f"{reverse(f'admin:{table}_changelist')}?{question}")
    assert page.status_code in {400, 302}
    if page.status_code == 302:
        assert page["Location"].endswith("?e=1")


def test_filters_that_are_offered_work(client: Client, stock: Stock) -> None:
    address = reverse("admin:study_study_changelist")
    offered = re.findall(r'href="\?(phase[^"]+)"', client.get(address).content.decode())
    assert "phase__exact=reading" in offered
    assert b"1 study" in client.get(f"{address}?phase__exact=reading").content
    assert b"0 studies" in client.get(f"{address}?phase__exact=draft").content


def test_refusals_are_refusals(olga: User) -> None:
    """The checks above must be able to fail: an ordinary table lets a superuser add and delete."""
    plain = admin.ModelAdmin(User, admin.site)
    request = RequestFactory().get("/")
    request.user = olga
    assert plain.has_add_permission(request)
    assert plain.has_delete_permission(request)
    with pytest.raises(PermissionDenied):
        admin.site._registry[User].add_view(request)
