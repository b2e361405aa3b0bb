"""Who counts as one of two is settled by the operator before the lock, frozen by it, and told from the trail of old."""

from collections.abc import Callable
from importlib import import_module

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import DatabaseError, transaction

from readerstudy.accounts.models import User
from readerstudy.accounts.services import new_password
from readerstudy.audit.models import Event
from readerstudy.results.models import Unblinding
from readerstudy.results.services import UnblindingError, open_key
from readerstudy.study.design import lifecycle
from readerstudy.study.design.locking import locked_document
from readerstudy.study.duties import add_member, admins_of
from readerstudy.study.models import Role, Study
from tests.guards import drop_guards
from tests.results.admins import SHADOW, WORD, Admin, recover, register, through
from tests.stock import Stock, person

pytestmark = pytest.mark.django_db


def test_who_counts_is_frozen_recorded_and_in_the_locked_file(draft: Stock) -> None:
    alice = Admin(draft.alice)
    shadow = register(alice.invite(SHADOW))
    page = alice.client.get("/studies/chest/lock/").content.decode()
    assert "Fewer than two are eligible, so the key could be opened by the operator only" in page
    assert "give_role chest ADDRESS study_admin" in page
    study = lifecycle.lock(study=draft.study, actor=draft.alice)
    frozen = {
        "two": True,
        "admins": [
            {"actor": draft.alice.pk, "counts": True, "because": ""},
            {
                "actor": shadow.pk, "counts": False,
                "because": "made the account behind an invitation, whose link others could read",
            },
        ],
    }  # fmt: skip
    assert study.openers == frozen
    assert locked_document(study)["openers"] == frozen
    assert Event.objects.get(study=study.key, kind="study.locked").values["openers"] == frozen
    call_command("give_role", "chest", SHADOW, "study_admin")
    with pytest.raises(DatabaseError), transaction.atomic():
        Study.objects.filter(pk=study.pk).update(openers={"two": False})
    assert Study.objects.get(pk=study.pk).openers == frozen


def test_the_page_of_a_draft_warns_only_where_two_must_open_and_fewer_are_eligible(draft: Stock) -> None:
    alice = Admin(draft.alice)

    def warns() -> bool:
        return "Fewer than two are eligible" in alice.client.get("/studies/chest/lock/").content.decode()

    assert not warns(), "one admin opens alone"
    shadow = register(alice.invite(SHADOW))
    assert warns()
    add_member(study=draft.study, person=person("Nora"), role=Role.STUDY_ADMIN, actor=draft.alice)
    assert not warns(), "two of three are eligible"
    assert shadow in admins_of(draft.study)


def test_the_operators_word_before_the_lock_makes_an_invited_admin_count(
    draft: Stock, capsys: pytest.CaptureFixture[str]
) -> None:
    alice = Admin(draft.alice)
    nora = Admin(register(alice.invite("nora@example.org"), "Nora"))
    call_command("give_role", "chest", "nora@example.org", "study_admin")
    assert "as one of the two who open its key: eligible" in capsys.readouterr().out
    assert Event.objects.get(kind="study.role_confirmed").actor is None
    through(draft)
    alice.ask()
    nora.open(draft, password=WORD)
    assert Unblinding.objects.get().opened_by == nora.user


def test_only_the_operator_confirms_and_only_the_role_of_an_admin(draft: Stock, nora: User) -> None:
    for role, actor in ((Role.STUDY_ADMIN, draft.alice), (Role.STATISTICIAN, None)):
        for _ in range(2):
            add_member(study=draft.study, person=nora, role=role, actor=actor)
    assert not Event.objects.filter(kind="study.role_confirmed").exists()


def test_the_operators_word_holds_until_the_next_link(
    draft: Stock, nora: User, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("give_role", "chest", nora.email, "study_admin")
    recover(nora, capsys)
    assert "is not eligible: Nora was given a link" in _refusal(through(draft), nora)


def _refusal(stock: Stock, person: User) -> str:
    with pytest.raises(UnblindingError) as caught:
        open_key(
            study=stock.study, key=stock.case_set.key, reason="over", actor=person, asked_by=stock.alice
        )  # fmt: skip
    return str(caught.value)


def test_somebody_who_is_switched_off_is_no_second(two: Stock, nora: User) -> None:
    User.objects.filter(pk=nora.pk).update(is_active=False)
    assert "may not sign in" in _refusal(two, nora)
    call_command("open_key", "chest", key=two.case_set.key, reason="Nora is switched off")


HISTORIES: dict[str, Callable[[Stock, User], object]] = {
    "one": lambda stock, nora: None,
    "given by the first": lambda stock, nora: add_member(
        study=stock.study, person=nora, role=Role.STUDY_ADMIN, actor=stock.alice
    ),
    "by an invitation": lambda stock, nora: Admin(nora).client.post(Admin(stock.alice).invite(nora.email)),
    "behind an invitation": lambda stock, nora: register(Admin(stock.alice).invite(SHADOW)),
    "invited, then given on the server": lambda stock, nora: (
        register(Admin(stock.alice).invite(SHADOW, "statistician")),
        call_command("give_role", "chest", SHADOW, "study_admin"),
    ),
    "a new password afterwards": lambda stock, nora: (
        call_command("give_role", "chest", nora.email, "study_admin"),
        new_password(user=nora, actor=None),
    ),
    "the first has left": lambda stock, nora: (
        add_member(study=stock.study, person=nora, role=Role.STUDY_ADMIN, actor=stock.alice),
        Admin(nora).end_role(stock.alice),
    ),
    "another role by an invitation": lambda stock, nora: (
        Admin(nora).client.post(Admin(stock.alice).invite(nora.email, "statistician")),
        add_member(study=stock.study, person=nora, role=Role.STUDY_ADMIN, actor=stock.alice),
    ),
}


@pytest.mark.parametrize("history", HISTORIES)
def test_a_study_that_was_locked_before_gets_what_its_lock_would_have_written(
    draft: Stock, history: str
) -> None:
    HISTORIES[history](draft, person("Nora"))
    study = lifecycle.lock(study=draft.study, actor=None)
    late = person("Otto")
    add_member(study=study, person=late, role=Role.STUDY_ADMIN, actor=None)
    new_password(user=draft.alice, actor=late)
    drop_guards()
    Study.objects.filter(pk=study.pk).update(openers={})
    import_module("readerstudy.study.migrations.0006_openers").fill_openers(apps, None)
    assert Study.objects.get(pk=study.pk).openers == study.openers
