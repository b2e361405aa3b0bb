"""An admin who can see where cases come from is marked and does nothing alone by which answers could be chosen."""

import json
import re

import pytest
from django.test import Client

from readerstudy.accounts.access import RUN_OPENED
from readerstudy.accounts.models import Invitation, User
from readerstudy.accounts.services import grant_researcher
from readerstudy.audit.models import Event
from readerstudy.audit.services import record
from readerstudy.results.background import unblinded_remarks
from readerstudy.study.design import lifecycle
from readerstudy.study.duties import add_member, admins_document
from readerstudy.study.models import Membership, Proposal, ProposedStep, Reader, Role, Study
from readerstudy.study.people.invitations import invite
from readerstudy.study.people.members import enrol_reader, withdraw_reader
from readerstudy.study.people.proposals import approve, propose
from readerstudy.study.phases import PhaseError, StudyError
from readerstudy.study.protocol import Protocol
from tests.blinding.crowd import to_phase
from tests.stock import RUN_ID, Stock, person

pytestmark = pytest.mark.django_db

NEW = "nora@example.org"


def unblind(admin: User) -> User:
    """Let an admin see where cases come from, by their role."""
    grant_researcher(user=admin, actor=None)
    return User.objects.get(pk=admin.pk)


@pytest.fixture
def second(stock: Stock) -> User:
    """A second admin, who is blinded."""
    made = person("Ben")
    add_member(study=stock.study, person=made, role=Role.STUDY_ADMIN, actor=stock.alice)
    return made


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def phase_of(stock: Stock) -> str:
    return Study.objects.get(pk=stock.study.pk).phase


def test_none_of_the_steps_is_taken_alone(stock: Stock, second: User) -> None:
    left, stays = stock.readers
    withdraw_reader(study=stock.study, pseudonym=left.pseudonym, reason="ill", actor=second)
    alice = unblind(stock.alice)
    for step in (
        lambda: lifecycle.close(study=stock.study, actor=alice, reason="over"),
        lambda: withdraw_reader(study=stock.study, pseudonym=stays.pseudonym, reason="late", actor=alice),
        lambda: invite(
            study=stock.study, email=NEW, role="reader", actor=alice, link_for=str, replaces=left.pseudonym
        ),
        lambda: enrol_reader(study=stock.study, person=stock.charlie, actor=alice, replaces=left),
    ):
        with pytest.raises(StudyError, match="can see where cases come from"):
            step()
    assert phase_of(stock) == "reading"
    assert not Reader.objects.filter(withdrawn_at__isnull=False).exclude(pk=left.pk).exists()
    assert not Reader.objects.filter(replaces=left).exists()
    assert not Invitation.objects.exists()
    # What cannot choose answers stays theirs: another reader may be invited.
    invite(study=stock.study, email=NEW, role="reader", actor=alice, link_for=str)


def test_the_access_log_alone_unblinds(stock: Stock, second: User) -> None:
    record(kind=RUN_OPENED, actor=stock.alice, subject="another sweep")
    client_of(stock.alice).post("/studies/chest/people/readers/R01/", {"reason": "ill"})
    assert Reader.objects.get(pseudonym="R01").withdrawn_at is not None
    record(kind=RUN_OPENED, actor=stock.alice, subject=RUN_ID)
    because = [each["because"] for each in admins_document(stock.study)]
    assert because == ["has opened the sweep behind the cases", ""]
    with pytest.raises(StudyError, match="can see where cases come from"):
        lifecycle.close(study=stock.study, actor=stock.alice, reason="over")


def test_without_a_blinded_admin_nothing_goes_and_the_page_says_what_to_do(stock: Stock) -> None:
    alice = client_of(unblind(stock.alice))
    page = alice.post("/studies/chest/steps/close/", {"reason": "over"}, follow=True).content.decode()
    assert "invite one on the page People" in page
    assert phase_of(stock) == "reading"
    assert not Proposal.objects.exists()


def test_closing_waits_for_the_second_admin(stock: Stock, second: User) -> None:
    alice, ben = client_of(unblind(stock.alice)), client_of(second)
    page = alice.post(
        "/studies/chest/steps/close/", {"reason": "all have read"}, follow=True
    ).content.decode()
    assert "waits for a blinded admin" in page
    assert "unblinded admin" in page
    assert phase_of(stock) == "reading"
    number = Proposal.objects.get().pk
    refused = alice.post(f"/studies/chest/people/proposals/{number}/approve/", follow=True).content.decode()
    assert "another admin, who is blinded, must decide" in refused
    assert phase_of(stock) == "reading"
    assert "all have read" in ben.get("/studies/chest/people/").content.decode()
    ben.post(f"/studies/chest/people/proposals/{number}/approve/")
    assert phase_of(stock) == "closed"
    assert not Proposal.objects.exists()
    proposed, approved = (Event.objects.get(kind=f"study.step_{done}") for done in ("proposed", "approved"))
    assert (proposed.actor, proposed.reason) == (stock.alice, "all have read")
    assert (approved.actor, approved.values) == (second, {"step": "close", "asked_by": stock.alice.pk})
    assert proposed.subject == approved.subject == "chest"
    closed = Event.objects.get(kind="study.closed", study=stock.study.key)
    assert (closed.actor, closed.reason) == (second, "all have read")
    assert closed.values["unblinded_admins"] == [stock.alice.pk]


def test_a_second_admin_who_is_unblinded_too_cannot_decide(stock: Stock, second: User) -> None:
    found = propose(study=stock.study, step=ProposedStep.CLOSE, actor=unblind(stock.alice), reason="over")
    with pytest.raises(StudyError, match="you are unblinded too"):
        approve(study=stock.study, number=found.pk, actor=unblind(second), link_for=str)
    assert phase_of(stock) == "reading"


def test_withdrawal_and_replacement_wait_too(stock: Stock, second: User) -> None:
    alice, ben = client_of(unblind(stock.alice)), client_of(second)
    alice.post("/studies/chest/people/readers/R01/", {"reason": "too slow"})
    assert Reader.objects.get(pseudonym="R01").withdrawn_at is None
    ben.post(f"/studies/chest/people/proposals/{Proposal.objects.get().pk}/approve/")
    assert Reader.objects.get(pseudonym="R01").withdrawal_reason == "too slow"
    steps = Event.objects.filter(kind__in=["study.step_proposed", "study.step_approved"])
    assert [each.subject for each in steps] == ["R01", "R01"]
    values = {"email": NEW, "role": "reader", "replaces": "R01"}
    alice.post("/studies/chest/people/invite/", values)
    assert not Invitation.objects.exists()
    told = ben.post(
        f"/studies/chest/people/proposals/{Proposal.objects.get().pk}/approve/", follow=True
    ).content.decode()
    assert Invitation.objects.get().replaces == "R01"
    link = re.findall(r"http\S+(/invitations/[\w-]+/)", told)[0]
    Client().post(link, {"name": "Nora", "password": "moraine-valley-82", "again": "moraine-valley-82"})
    assert Reader.objects.get(person__email=NEW).replaces == Reader.objects.get(pseudonym="R01")


def test_declining_and_taking_back_change_nothing(stock: Stock, second: User) -> None:
    alice, ben = client_of(unblind(stock.alice)), client_of(second)
    for each in (alice, ben):
        alice.post("/studies/chest/steps/close/", {"reason": "over"})
        each.post(f"/studies/chest/people/proposals/{Proposal.objects.get().pk}/decline/")
        assert not Proposal.objects.exists()
    assert phase_of(stock) == "reading"
    assert [each.subject for each in Event.objects.filter(kind="study.step_declined")] == ["chest", "chest"]


def test_what_cannot_be_proposed(stock: Stock, second: User) -> None:
    alice = unblind(stock.alice)
    with pytest.raises(StudyError, match="expected a reason"):
        propose(study=stock.study, step=ProposedStep.CLOSE, actor=alice, reason=" ")
    propose(study=stock.study, step=ProposedStep.CLOSE, actor=alice, reason="over")
    with pytest.raises(StudyError, match="already been proposed"):
        propose(study=stock.study, step=ProposedStep.CLOSE, actor=alice, reason="over")
    to_phase(stock, "locked")
    Proposal.objects.all().delete()
    with pytest.raises(PhaseError, match="the study is locked"):
        propose(study=stock.study, step=ProposedStep.CLOSE, actor=alice, reason="over")
    other = lifecycle.create_study(slug="away", title="Away", protocol=Protocol(), actor=stock.charlie)
    found = Proposal.objects.create(study=other, step="close", reason="x", asked_by=stock.charlie)
    with pytest.raises(Proposal.DoesNotExist):
        approve(study=stock.study, number=found.pk, actor=second, link_for=str)


def test_marked_in_the_protocol_file_on_the_page_and_in_the_report(stock: Stock, second: User) -> None:
    to_phase(stock, "draft")
    alice = unblind(stock.alice)
    study = lifecycle.lock(study=stock.study, actor=alice)
    assert json.loads(study.locked_file)["study_admins"] == [
        {"actor": alice.pk, "unblinded": True, "because": "may open sweeps"},
        {"actor": second.pk, "unblinded": False, "because": ""},
    ]
    page = client_of(second).get("/studies/chest/people/").content.decode()
    assert page.count("unblinded admin</span>") == 1
    assert "You are an" not in page
    assert "You are an" in client_of(alice).get("/studies/chest/").content.decode()
    lifecycle.start(study=study, actor=alice)
    found = propose(study=study, step=ProposedStep.CLOSE, actor=alice, reason="over")
    approve(study=study, number=found.pk, actor=second, link_for=str)
    (remark,) = unblinded_remarks(Study.objects.get(pk=study.pk), "default")
    assert "1 of 2 study admins" in remark
    assert "1 when reading closed" in remark
    assert "decided by a blinded admin: close" in remark


def test_no_remark_where_everybody_is_blinded(stock: Stock) -> None:
    lifecycle.close(study=stock.study, actor=stock.alice, reason="over")
    assert unblinded_remarks(Study.objects.get(pk=stock.study.pk), "default") == ()
    assert Membership.objects.filter(study=stock.study, role=Role.STUDY_ADMIN).count() == 1
