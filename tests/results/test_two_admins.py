"""Every way round the second admin that was tried: one person with two accounts, changed roles, copies, the server.

Each test is an attempt by Alice, one of two admins, to open the key without Nora. She uses what she has:
pages, links that a site without mail shows or prints, and what she can talk the operator into.
"""

import io
import re
import zipfile
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from readerstudy.accounts.models import Invitation, User
from readerstudy.accounts.services import add_person, grant_researcher, new_password
from readerstudy.audit.models import Event
from readerstudy.ops.loading import load_into_study
from readerstudy.results.export import export_zip
from readerstudy.results.models import Unblinding, UnblindingRequest
from readerstudy.results.services import UnblindingError, open_key
from readerstudy.study.design import lifecycle
from readerstudy.study.design.drafts import copy_study
from readerstudy.study.duties import add_member, needs_two
from readerstudy.study.models import Membership, Role, Study
from readerstudy.study.people.members import enrol_reader
from readerstudy.study.phases import Phase, StudyError
from tests.results.admins import SHADOW, WORD, Admin, recover, register, report, sealed, through
from tests.stock import PASSWORD, Stock, decoded_here, person

pytestmark = pytest.mark.django_db


def test_the_two_open_it_together_either_way_round(two: Stock, nora: User) -> None:
    alice, other = Admin(two.alice), Admin(nora)
    assert "Another admin of the study must open the key" in other.ask()
    assert "you asked for it" in other.open(two)
    assert sealed(two)
    alice.open(two)
    assert Unblinding.objects.get().opened_by == two.alice
    assert b"Alice, as Nora had asked: reading is over" in report(two)


def test_one_admin_at_the_lock_opens_alone_and_a_later_one_changes_nothing(draft: Stock) -> None:
    through(draft)
    add_member(study=draft.study, person=person("Nora"), role=Role.STUDY_ADMIN, actor=draft.alice)
    alice = Admin(draft.alice)
    assert "had one study admin" in alice.ask()
    alice.open(draft)
    assert Unblinding.objects.get().opened_by == draft.alice


def test_the_other_is_taken_out_after_the_lock(two: Stock, nora: User) -> None:
    alice = Admin(two.alice)
    alice.end_role(nora)
    alice.ask()
    alice.open(two)
    assert sealed(two)
    assert "can be opened by the operator only" in alice.client.get("/results/chest/").content.decode()


def test_the_other_is_taken_out_and_comes_back(two: Stock, nora: User) -> None:
    alice = Admin(two.alice)
    alice.end_role(nora)
    add_member(study=two.study, person=nora, role=Role.STUDY_ADMIN, actor=None)
    alice.ask()
    Admin(nora).open(two)
    assert sealed(two)
    assert (
        "Nora lost the role after the protocol was locked."
        in alice.client.get("/results/chest/").content.decode()
    )


@pytest.mark.parametrize("by_page", [True, False], ids=["invited", "by command"])
def test_a_late_admin_is_no_second(two: Stock, by_page: bool, capsys: pytest.CaptureFixture[str]) -> None:
    alice = Admin(two.alice)
    if by_page:
        late = register(alice.invite(SHADOW))
    else:
        late, _ = add_person(email=SHADOW, name="Alan", actor=None)
        call_command("give_role", "chest", SHADOW, "study_admin")
        assert "not eligible, for Alan became study admin after" in capsys.readouterr().out
    alice.ask()
    assert "Alan became study admin after the protocol was locked" in Admin(late).open(two)
    assert sealed(two)


def test_who_does_not_count_cannot_ask_and_holds_up_nobody_who_does(two: Stock, nora: User) -> None:
    late = person("Alan")
    add_member(study=two.study, person=late, role=Role.STUDY_ADMIN, actor=two.alice)
    assert "Alan became study admin after the protocol was locked" in Admin(late).ask()
    assert not UnblindingRequest.objects.exists()
    Admin(nora).ask()
    asked = Event.objects.get(kind="study.unblinding_asked")
    assert (asked.actor, asked.reason) == (nora, "reading is over")
    Admin(two.alice).open(two)
    assert Unblinding.objects.get().opened_by == two.alice


@pytest.mark.parametrize("shadow_asks", [False, True])
def test_an_account_behind_an_invitation_is_no_second(draft: Stock, shadow_asks: bool) -> None:
    alice = Admin(draft.alice)
    shadow = Admin(register(alice.invite(SHADOW)))
    through(draft)
    first, second = (shadow, alice) if shadow_asks else (alice, shadow)
    first.ask()
    second.client.post("/results/chest/decline/")
    UnblindingRequest.objects.create(study=draft.study, asked_by=first.user, reason="over")
    second.open(draft, password=PASSWORD if shadow_asks else WORD)
    assert sealed(draft)
    people = alice.client.get("/studies/chest/people/").content.decode()
    assert "Alan made the account behind an invitation, whose link others could read." in people


def test_an_account_that_was_there_and_took_the_role_up_by_a_link(draft: Stock) -> None:
    alice, nora = Admin(draft.alice), Admin(person("Nora"))
    nora.client.post(alice.invite("nora@example.org"))
    through(draft)
    UnblindingRequest.objects.create(study=draft.study, asked_by=draft.alice, reason="over")
    assert "took the role up by an invitation" in nora.open(draft)
    assert sealed(draft)


def test_an_account_from_an_invitation_to_another_study(draft: Stock) -> None:
    alice = Admin(draft.alice)
    lifecycle.create_study(slug="first", title="First", protocol=lifecycle.Protocol(), actor=draft.alice)
    page = alice.post("/studies/{}/people/invite/", "first", email=SHADOW, role="statistician")
    shadow = register(re.search(r"/invitations/[\w-]+/", page).group())  # type: ignore[union-attr]
    add_member(study=draft.study, person=shadow, role=Role.STUDY_ADMIN, actor=draft.alice)
    through(draft)
    UnblindingRequest.objects.create(study=draft.study, asked_by=draft.alice, reason="over")
    with pytest.raises(UnblindingError, match="made the account behind an invitation"):
        open_key(
            study=draft.study, key=draft.case_set.key, reason="over", actor=shadow, asked_by=draft.alice
        )  # fmt: skip
    assert sealed(draft)


@pytest.mark.parametrize("when", ["before the lock", "after it", "while a request is open"])
def test_the_others_account_is_taken_over_by_a_new_start(
    draft: Stock, nora: User, capsys: pytest.CaptureFixture[str], when: str
) -> None:
    if when == "before the lock":
        recover(nora, capsys)
    through(draft)
    if when == "after it":
        recover(nora, capsys)
    UnblindingRequest.objects.create(study=draft.study, asked_by=draft.alice, reason="over")
    if when == "while a request is open":
        recover(nora, capsys)
    taken = Admin(User.objects.get(pk=nora.pk))
    assert "was given a link to a new password" in taken.open(draft, password=WORD)
    assert sealed(draft)


def test_the_others_password_is_drawn_by_somebody(two: Stock, nora: User) -> None:
    Admin(two.alice).ask()
    password = new_password(user=nora, actor=two.alice)
    assert "has a password that somebody else drew" in Admin(nora).open(two, password=password)
    assert sealed(two)


def test_no_page_changes_an_address(two: Stock, nora: User) -> None:
    """A new password by mail would follow the address; there is no such mail either."""
    own = Admin(nora)
    own.client.post("/accounts/me/profile/", {"name": "Nora", "email": SHADOW, "specialty": ""})
    assert User.objects.get(pk=nora.pk).email == "nora@example.org"
    for path in ("password/reset/", "email/", "signup/", "login/", "me/email/"):
        assert own.client.get(f"/accounts/{path}").status_code == 404


def test_the_others_request_is_used_by_the_one_who_would_be_second(two: Stock, nora: User) -> None:
    """Nora asks and is taken out; Alice cannot: roles are frozen, and without the request she is alone."""
    alice = Admin(two.alice)
    Admin(nora).ask()
    assert "asked for the key of this study" in alice.end_role(nora)
    assert Membership.objects.filter(person=nora).exists()
    alice.post("/results/{}/decline/")
    alice.end_role(nora)
    alice.ask()
    alice.open(two)
    assert sealed(two)


ROLE_CHANGES: dict[str, Callable[[Stock, Admin, User, str], object]] = {
    "a role ends": lambda stock, alice, nora, link: alice.end_role(nora),
    "another role ends": lambda stock, alice, nora, link: alice.end_role(stock.rita, Role.RESEARCHER),
    "a role is given": lambda stock, alice, nora, link: add_member(
        study=stock.study, person=stock.charlie, role=Role.STUDY_ADMIN, actor=None
    ),
    "a role is confirmed": lambda stock, alice, nora, link: call_command(
        "give_role", "chest", "nora@example.org", "study_admin"
    ),
    "somebody is invited": lambda stock, alice, nora, link: alice.invite("new@example.org"),
    "an invitation is sent once more": lambda stock, alice, nora, link: alice.invite(SHADOW),
    "an invitation is taken up": lambda stock, alice, nora, link: Client().post(
        link, {"name": "Alan", "password": WORD, "again": WORD}
    ),
}


@pytest.mark.parametrize("change", ROLE_CHANGES)
def test_roles_stand_still_while_a_request_does(two: Stock, nora: User, change: str) -> None:
    alice = Admin(two.alice)
    link = alice.invite(SHADOW)

    def state() -> list[Any]:
        return [
            *Membership.objects.order_by("pk").values_list("person", "role"),
            *Invitation.objects.order_by("pk").values_list("email", "used_at", "revoked_at"),
            User.objects.count(),
            Event.objects.filter(kind__startswith="study.role").count(),
        ]

    def attempt() -> None:
        with suppress(StudyError, CommandError):
            ROLE_CHANGES[change](two, alice, nora, link)

    Admin(nora).ask()
    before = state()
    attempt()
    assert state() == before
    alice.post("/results/{}/decline/")
    attempt()
    assert state() != before, "once it is declined, the same goes"


def test_a_request_that_was_used_holds_nothing_up(two: Stock, nora: User) -> None:
    Admin(two.alice).ask()
    Admin(nora).open(two)
    assert not sealed(two)
    add_member(study=two.study, person=two.charlie, role=Role.STATISTICIAN, actor=two.alice)
    Admin(two.alice).end_role(nora)
    assert not Membership.objects.filter(person=nora).exists()


@pytest.mark.parametrize("first_is", ["closed", "archived"])
def test_a_copy_of_the_study_under_one_admin(two: Stock, first_is: str) -> None:
    copy = copy_study(study=two.study, slug="copy", title="Copy", actor=two.alice)
    with decoded_here():
        load_into_study(study=copy, folder=two.case_set.folder, actor=two.alice)
    enrol_reader(study=copy, person=two.charlie, actor=two.alice)
    through(two, copy)
    assert not needs_two(Study.objects.get(slug="copy"))
    if first_is == "archived":
        lifecycle.archive(study=two.study, actor=two.alice, reason="given up")
    alice = Admin(two.alice)
    alice.ask("copy")
    assert "another admin of the study must open the key" in alice.open(two, "copy")
    assert sealed(two)


def test_the_server_opens_only_where_two_are_not_left(two: Stock, nora: User) -> None:
    key, alice = two.case_set.key, Admin(two.alice)
    with pytest.raises(CommandError, match="Alice and Nora do: two of them open the key"):
        call_command("open_key", "chest", key=key, reason="in a hurry")
    alice.ask()
    with pytest.raises(CommandError, match="Alice and Nora do"):
        call_command("open_key", "chest", key=key, reason="in a hurry")
    assert sealed(two)
    alice.post("/results/{}/decline/")
    alice.end_role(nora)
    with pytest.raises(CommandError, match="expected a reason"):
        call_command("open_key", "chest", key=key, reason=" ")
    call_command("open_key", "chest", key=key, reason="Nora has left the hospital")
    opened = Unblinding.objects.get()
    assert (opened.opened_by, opened.reason) == (None, "Nora has left the hospital")
    assert b"the operator, on the server: Nora has left the hospital" in report(two)
    assert b"fewer than two eligible study admins were left" in report(two)
    with zipfile.ZipFile(io.BytesIO(export_zip(Study.objects.get(pk=two.study.pk)))) as archive:
        readme = archive.read("chest/README.txt").decode()
        assert "Opened by       the operator, on the server: Nora has left the hospital" in readme
        assert b"fewer than two eligible study admins were left" in archive.read("chest/report.html")


def test_no_remark_where_one_admin_was_enough(draft: Stock) -> None:
    through(draft)
    call_command("open_key", "chest", key=draft.case_set.key, reason="over")
    assert b"the operator, on the server: over" in report(draft)
    assert b"fewer than two eligible study admins" not in report(draft)


@pytest.mark.parametrize("leaves", [False, True], ids=["stays", "has left"])
def test_an_unblinded_admin_is_no_blinded_one_by_a_second_account(draft: Stock, leaves: bool) -> None:
    """The other separation of duties: who sees where cases come from chooses no answers, by another account neither."""
    alice = Admin(draft.alice)
    shadow = register(alice.invite(SHADOW))
    lifecycle.lock(study=draft.study, actor=None)
    lifecycle.start(study=draft.study, actor=None)
    grant_researcher(user=draft.alice, actor=None)
    alice = Admin(User.objects.get(pk=draft.alice.pk))
    assert "have the operator confirm them" in alice.post("/studies/{}/steps/close/", reason="over")
    if leaves:
        alice.end_role(alice.user)
    other = Admin(shadow)
    assert "Alan made the account behind" in other.post("/studies/{}/steps/close/", reason="over")
    other.post("/studies/{}/people/readers/R01/", reason="late")
    study = Study.objects.get(pk=draft.study.pk)
    assert study.phase == Phase.READING
    assert not study.readers.filter(withdrawn_at__isnull=False).exists()
    call_command("give_role", "chest", SHADOW, "study_admin")
    other.post("/studies/{}/steps/close/", reason="over")
    assert Study.objects.get(pk=draft.study.pk).phase == Phase.CLOSED
