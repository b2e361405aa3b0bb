"""Invitations that hold once, for one address; readers who leave, and those who take their cases."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.core import mail
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import Client
from django.utils import timezone
from kombu.exceptions import OperationalError

from readerstudy.accounts.models import Invitation, User
from readerstudy.accounts.services import grant_researcher
from readerstudy.audit.models import Event
from readerstudy.audit.services import faults
from readerstudy.study.design import lifecycle
from readerstudy.study.design.lifecycle import close
from readerstudy.study.duties import add_member
from readerstudy.study.models import Membership, Reader, Role
from readerstudy.study.people.invitations import (
    InvitationError,
    accept,
    invite,
    open_invitation,
    register,
    revoke,
)
from readerstudy.study.people.members import (
    end_role,
    enrol_reader,
    readers_of,
    remind,
    send_reminder,
    withdraw_reader,
)
from readerstudy.study.phases import PhaseError, StudyError
from readerstudy.study.reading.answering import servable
from readerstudy.study.reading.stages import Stage, place_of, visit_of
from tests.blinding.crowd import payload, read_all
from tests.stock import Stock, person
from tests.study.test_visits import Room

pytestmark = pytest.mark.django_db
NEW = "nora@example.org"
HASHED = "argon2$of moraine-valley-82"


def ask(stock: Stock, email: str = NEW, role: str = "reader", **more: Any) -> str:
    """Invite and return the token."""
    _, link = invite(
        study=stock.study,
        email=email,
        role=role,
        actor=stock.alice,
        link_for=lambda token: f"/{token}",
        **more,
    )
    return link.removeprefix("/")


def test_a_stranger_becomes_a_reader_by_mail(stock: Stock, django_capture_on_commit_callbacks: Any) -> None:
    admin, stranger = Client(), Client()
    admin.force_login(stock.alice)
    with django_capture_on_commit_callbacks(execute=True):
        admin.post("/studies/chest/people/invite/", {"email": "Nora@Example.org", "role": "reader"})
    (letter,) = mail.outbox
    assert letter.to == [NEW]
    (path,) = re.findall(r"http://testserver(/invitations/[\w-]+/)", letter.body)
    assert stranger.get(path).status_code == 200
    values = {
        "name": "Nora", "password": "moraine-valley-82", "again": "moraine-valley-82",
        "specialty": "thoracic radiology", "years_reading": "11",
    }  # fmt: skip
    answer = stranger.post(path, values)
    assert answer.status_code == 302, answer.content.decode()
    reader = Reader.objects.get(person__email=NEW)
    assert reader.person.years_reading == 11
    assert reader.study == stock.study
    assert stranger.get("/read/chest/").status_code == 200
    assert stranger.get(path).status_code == 404, "the link holds once"
    assert Client().post(path, values).status_code == 404
    assert not list(faults())


def test_the_token_is_stored_nowhere(stock: Stock) -> None:
    token = ask(stock)
    assert token not in str(list(Invitation.objects.values()))
    assert token not in str(list(Event.objects.values()))
    assert len(token) >= 43


@pytest.mark.parametrize("ending", ["expired", "revoked", "invited again"])
def test_a_link_that_has_ended_does_not_hold(stock: Stock, ending: str) -> None:
    token = ask(stock)
    open_invitation(token)
    if ending == "expired":
        Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    elif ending == "revoked":
        revoke(study=stock.study, invitation=Invitation.objects.get().pk, actor=stock.alice)
    else:
        ask(stock)
    with pytest.raises(InvitationError, match="used, was withdrawn, or has expired"):
        register(token=token, name="Nora", hashed=HASHED)
    assert not User.objects.filter(email=NEW).exists()


def test_a_link_is_of_one_address(stock: Stock) -> None:
    charlie, nora = User.objects.get(name="Charlie"), person("Nora")
    token = ask(stock)
    with pytest.raises(InvitationError, match="another address"):
        accept(token=token, person=charlie)
    with pytest.raises(InvitationError, match="has an account"):
        register(token=token, name="Other", hashed=HASHED)
    accept(token=token, person=nora)
    assert Reader.objects.filter(person=nora, study=stock.study).exists()


def test_another_person_who_is_signed_in_is_not_let_in(stock: Stock) -> None:
    person("Nora")
    token = ask(stock)
    client = Client()
    client.force_login(User.objects.get(name="Charlie"))
    page = client.post(f"/invitations/{token}/")
    assert page.status_code == 200
    assert b"Sign out first" in page.content
    assert open_invitation(token)


def test_nobody_is_made_when_the_role_cannot_be_taken(stock: Stock) -> None:
    token = ask(stock)
    lifecycle.close(study=stock.study, actor=stock.alice, reason="over")
    with pytest.raises(PhaseError):
        register(token=token, name="Nora", hashed=HASHED)
    assert not User.objects.filter(email=NEW).exists()
    assert open_invitation(token), "the refused attempt used nothing up"


def test_who_knows_the_cases_cannot_take_up_a_readers_invitation(stock: Stock) -> None:
    nora = person("Nora")
    token = ask(stock)
    grant_researcher(user=nora, actor=None)
    with pytest.raises(StudyError, match="cannot read them blind"):
        accept(token=token, person=User.objects.get(pk=nora.pk))


def test_an_invited_statistician_has_the_role_and_a_reader_can_have_none(stock: Stock) -> None:
    accept(token=ask(stock, role="statistician"), person=person("Nora"))
    assert Membership.objects.get(person__name="Nora").role == Role.STATISTICIAN
    bob = stock.readers[0].person
    with pytest.raises(StudyError, match="a reader can have no other role"):
        accept(token=ask(stock, email=bob.email, role="statistician"), person=bob)


@pytest.mark.parametrize("role", ["superuser", ""])
def test_unknown_role_is_refused(stock: Stock, role: str) -> None:
    with pytest.raises(StudyError, match="expected a role out of"):
        ask(stock, role=role)


def test_bad_address_is_refused(stock: Stock) -> None:
    with pytest.raises(ValidationError):
        ask(stock, email="no address")
    assert not Invitation.objects.exists()


def test_weak_or_differing_passwords_make_no_account(stock: Stock) -> None:
    path = f"/invitations/{ask(stock)}/"
    for first, second in (("password1234", "password1234"), ("moraine-valley-82", "moraine-valley-83")):
        page = Client().post(path, {"name": "Nora", "password": first, "again": second})
        assert page.status_code == 200
        assert b"errorlist" in page.content
    assert not User.objects.filter(email=NEW).exists()


@pytest.mark.parametrize("slug", ["chest", "nowhere"])
def test_a_study_of_others_looks_like_none(stock: Stock, slug: str) -> None:
    client = Client()
    client.force_login(stock.charlie)
    assert [client.get(f"/{page}/{slug}/").status_code for page in ("studies", "read")] == [404, 404]


def test_withdrawal_keeps_what_was_read_and_ends_reading(stock: Stock) -> None:
    reader = stock.readers[0]
    first, second = reader.assignments.order_by("position")[:2]
    client = Client()
    client.force_login(reader.person)
    assert (
        client.post(f"/read/chest/answers/{first.public_id}/", payload(), "application/json").status_code
        == 200
    )
    withdraw_reader(study=stock.study, pseudonym=reader.pseudonym, reason="no more time", actor=stock.alice)
    reader.refresh_from_db()
    assert reader.assignments.get(pk=first.pk).ratings.count() == 1
    assert visit_of(reader).stage == Stage.CLOSED
    assert servable(reader, second.public_id) is None
    refused = client.post(f"/read/chest/answers/{second.public_id}/", payload(), "application/json")
    assert refused.status_code == 403
    assert "withdrawn" in refused.json()["error"]
    assert Event.objects.get(kind="reader.withdrawn").reason == "no more time"
    with pytest.raises(StudyError, match="already"):
        withdraw_reader(study=stock.study, pseudonym=reader.pseudonym, reason="again", actor=stock.alice)


def test_withdrawal_needs_a_reason_and_a_blinded_admin(stock: Stock) -> None:
    name = stock.readers[0].pseudonym
    with pytest.raises(StudyError, match="expected a reason"):
        withdraw_reader(study=stock.study, pseudonym=name, reason=" ", actor=stock.alice)
    grant_researcher(user=stock.alice, actor=None)
    with pytest.raises(StudyError, match="ask a blinded admin"):
        withdraw_reader(
            study=stock.study, pseudonym=name, reason="late", actor=User.objects.get(pk=stock.alice.pk)
        )
    assert not Reader.objects.exclude(withdrawn_at=None).exists()


def test_a_replacement_reads_the_same_cases_in_a_fresh_order_and_nobody_else_changes(stock: Stock) -> None:
    left, stays = stock.readers
    before = list(stays.assignments.order_by("position").values_list("case", "public_id"))
    old = list(left.assignments.order_by("position").values_list("case", flat=True))
    with pytest.raises(StudyError, match="a reader who has withdrawn, and R01 is not one"):
        ask(stock, replaces=left.pseudonym)
    withdraw_reader(study=stock.study, pseudonym=left.pseudonym, reason="ill", actor=stock.alice)
    _, study = register(token=ask(stock, replaces=left.pseudonym), name="Nora", hashed=HASHED)
    new = Reader.objects.get(study=study, person__email=NEW)
    assert (new.replaces, new.slot) == (left, left.slot)
    assert sorted(new.assignments.values_list("case", flat=True)) == sorted(old)
    assert bytes(new.order_seed) != bytes(left.order_seed)
    assert list(stays.assignments.order_by("position").values_list("case", "public_id")) == before
    assert list(left.assignments.order_by("position").values_list("case", flat=True)) == old
    left.refresh_from_db()
    with pytest.raises(StudyError, match="already been replaced"):
        enrol_reader(study=study, person=person("Otto"), actor=None, replaces=left)


def test_whereabouts_are_totals(stock: Stock) -> None:
    read_all(stock.readers[0])
    done, waiting = readers_of(stock.study)
    assert (done.state, done.lately, done.last_day) == (
        "finished", stock.readers[0].assignments.count(), timezone.localdate(),
    )  # fmt: skip
    assert (waiting.state, waiting.lately, waiting.last_day) == ("not begun", 0, None)
    assert place_of(stock.readers[1]).position == 1


def test_the_last_admin_stays(stock: Stock) -> None:
    (own,) = Membership.objects.filter(study=stock.study, role=Role.STUDY_ADMIN)
    with pytest.raises(StudyError, match="last admin"):
        end_role(study=stock.study, member=own.pk, actor=stock.alice)
    add_member(study=stock.study, person=person("Nora"), role=Role.STUDY_ADMIN, actor=stock.alice)
    end_role(study=stock.study, member=own.pk, actor=stock.alice)
    client = Client()
    client.force_login(stock.alice)
    assert client.get("/studies/chest/people/").status_code == 404
    assert Event.objects.filter(kind="study.role_ended").exists()


def test_the_operator_is_told_which_study_or_person_is_not_there(stock: Stock) -> None:
    for slug, email, words in (
        ("none", stock.alice.email, "expected the short name of a study, got 'none'"),
        ("chest", NEW, f"nobody has an account at {NEW}; make one with add_person"),
    ):
        with pytest.raises(CommandError, match=words):
            call_command("give_role", slug, email, "study_admin")


def test_page_shows_every_part_and_acts(stock: Stock) -> None:
    client = Client()
    client.force_login(stock.alice)
    client.post("/studies/chest/people/invite/", {"email": NEW, "role": "reader"})
    page = client.get("/studies/chest/people/").content.decode()
    assert NEW in page
    assert "Give this link" in page, "the test's mail stays on this machine"
    number = Invitation.objects.get().pk
    client.post(f"/studies/chest/people/invitations/{number}/")
    client.post(f"/studies/chest/people/readers/{stock.readers[0].pseudonym}/", {"reason": "ill"})
    assert client.post("/studies/chest/people/readers/R99/", {"reason": "ill"}).status_code == 404
    page = client.get("/studies/chest/people/").content.decode()
    assert NEW not in page
    assert "withdrawn" in page
    assert "Takes over the cases of" in page


@pytest.mark.parametrize(
    ("backend", "button"), [("console", "Create the invitation"), ("smtp", "Send the invitation")]
)
def test_the_people_page_says_beforehand_whether_mail_is_sent(
    stock: Stock, settings: Any, backend: str, button: str
) -> None:
    settings.EMAIL_BACKEND = f"django.core.mail.backends.{backend}.EmailBackend"
    admin = Client()
    admin.force_login(stock.alice)
    page = admin.get("/studies/chest/people/").content.decode()
    assert f">{button}</button>" in page
    assert ("This site sends no mail" in page) == (backend == "console")


def invited(stock: Stock, capture: Any, **form: Any) -> str:
    admin = Client()
    admin.force_login(stock.alice)
    with capture(execute=True):
        page = admin.post("/studies/chest/people/invite/", {"role": "reader", **form}, follow=True)
    return page.content.decode()


def test_a_pasted_table_and_a_file_invite_many(
    stock: Stock, settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    table = "E-mail;Role\nA@example.org;\n\nb@example.org\tstudy admin\n"
    file = SimpleUploadedFile("more.csv", b"\xef\xbb\xbfc@example.org,statistician\na@example.org\n")
    invited(stock, django_capture_on_commit_callbacks, email=table, file=file)
    roles = dict(Invitation.objects.values_list("email", "role"))
    assert roles == {
        "a@example.org": "reader", "b@example.org": "study_admin", "c@example.org": "statistician"
    }  # fmt: skip
    assert sorted(letter.to[0] for letter in mail.outbox) == sorted(roles)
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    page = invited(stock, django_capture_on_commit_callbacks, email="d@example.org\ne@example.org")
    assert page.count("it is shown once: http") == 2


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("a@example.org\nb.example.org", "got line 2 'b.example.org'; nobody was invited"),
        ("a@example.org,reader\nb@example.org,king", "got line 2 'b@example.org,king'; nobody was invited"),
        ("x@@a.org\na@a.org\n\nb@a\nc.org", "got line 1 'x@@a.org', line 4 'b@a', line 5 'c.org'; nobody"),
        ("\n\n", "expected 1 to 200 addresses, got 0"),
        ("\n".join(f"p{n}@example.org" for n in range(201)), "got 201"),
    ],
)
def test_one_wrong_line_invites_nobody(
    stock: Stock, django_capture_on_commit_callbacks: Any, table: str, told: str
) -> None:
    page = unescape(invited(stock, django_capture_on_commit_callbacks, email=table))
    assert told in page
    assert table.strip() in page  # for the person to correct
    assert not Invitation.objects.exists()
    assert not mail.outbox


def test_an_invitation_sent_again_ends_the_old_link(
    stock: Stock, django_capture_on_commit_callbacks: Any
) -> None:
    token = ask(stock)
    admin = Client()
    admin.force_login(stock.alice)
    assert f"Send again to {NEW}" in admin.get("/studies/chest/people/").content.decode()
    invited(stock, django_capture_on_commit_callbacks, email=NEW)
    with pytest.raises(InvitationError):
        open_invitation(token)
    assert len(mail.outbox) == 1


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, str]]:
    """What workers are asked to do; a test carries it out itself."""
    asked: list[tuple[int, str]] = []
    monkeypatch.setattr(send_reminder, "apply_async", lambda *, args, **_: asked.append(args))
    return asked


def test_readers_are_reminded_of_what_they_have_left(
    stock: Stock, settings: Any, worker: list[tuple[int, str]]
) -> None:
    kept, settings.EMAIL_BACKEND = settings.EMAIL_BACKEND, "django.core.mail.backends.smtp.EmailBackend"
    admin = Client()
    admin.force_login(stock.alice)
    read_all(stock.readers[0])
    page = admin.post("/studies/chest/people/remind/", follow=True).content.decode()
    assert "on their way to R02." in page
    ((reader, address),) = worker
    assert address == "http://testserver/read/chest/"
    assert "were reminded today" in admin.post("/studies/chest/people/remind/", follow=True).content.decode()
    assert len(worker) == 1
    settings.EMAIL_BACKEND = kept
    send_reminder(reader, address)
    (letter,) = mail.outbox
    assert letter.to == [stock.bella.email]
    assert "you have read 0 of 10 cases.\n" in letter.body
    assert address in letter.body
    assert not re.search(r"agree|quality|answer|second", letter.body)


def test_a_reminder_tells_the_day_and_not_the_hour(stock: Stock) -> None:
    Room(stock.readers[0]).answer()
    send_reminder(stock.readers[0].pk, "http://site/read/chest/")
    (letter,) = mail.outbox
    assert f"1 of 10 cases, the last on {timezone.localdate():%Y-%m-%d}.\n" in letter.body


@pytest.mark.parametrize("why", ["finished", "withdrawn", "closed", "left"])
def test_a_reminder_that_comes_late_is_not_sent(stock: Stock, why: str) -> None:
    reader = stock.readers[0]
    if why == "finished":
        read_all(reader)
    elif why == "withdrawn":
        withdraw_reader(study=stock.study, pseudonym="R01", reason="no time", actor=None)
    elif why == "left":
        User.objects.filter(pk=reader.person_id).update(is_active=False)
    else:
        close(study=stock.study, actor=None, reason="over")
    send_reminder(reader.pk, "http://site/")
    assert not mail.outbox


def test_nobody_is_noted_as_reminded_where_no_worker_is_reached(
    stock: Stock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(**_: Any) -> None:
        raise OperationalError("away")

    monkeypatch.setattr(send_reminder, "apply_async", away)
    with pytest.raises(StudyError, match="no worker could be reached"):
        remind(study=stock.study, pseudonym="R01", actor=stock.alice, address="http://site/")
    assert not Event.objects.filter(kind="reader.reminded").exists()


def test_reminders_need_reading_and_mail(stock: Stock, settings: Any) -> None:
    admin = Client()
    admin.force_login(stock.alice)
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    assert "sends no mail" in admin.post("/studies/chest/people/remind/", follow=True).content.decode()
    close(study=stock.study, actor=None, reason="over")
    with pytest.raises(PhaseError, match="only while a study is read"):
        remind(study=stock.study, pseudonym="", actor=stock.alice, address="http://site/")


def test_a_mail_server_that_is_away_is_told(
    stock: Stock, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_PORT = 1
    monkeypatch.setattr(transaction, "on_commit", lambda act, robust=False: robust or act())
    admin = Client()
    admin.force_login(stock.alice)
    form = {"email": "a@example.org", "role": "reader"}
    page = admin.post("/studies/chest/people/invite/", form, follow=True).content.decode()
    assert "no mail was sent (ConnectionRefusedError)" in page
