"""Two admins, and what one of them tries on the site to be alone with the key."""

import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client

from readerstudy.accounts.models import User
from readerstudy.audit.services import faults
from readerstudy.results.models import Unblinding
from readerstudy.study.design import lifecycle
from readerstudy.study.models import Membership, Role, Study
from tests.stock import PASSWORD, Stock, fresh, look_for_names

WORD = "moraine-valley-82"
SHADOW = "a.l.ice@example.org"
"""A second address of Alice."""


def through(stock: Stock, study: Study | None = None) -> Stock:
    """Lock a study, open its reading room and close it again."""
    study = study or stock.study
    look_for_names(study, None)
    lifecycle.lock(study=study, actor=None)
    lifecycle.start(study=study, actor=None)
    lifecycle.close(study=study, actor=None, reason="over")
    return fresh(stock)


class Admin:
    """What an admin does on the site's pages."""

    def __init__(self, user: User) -> None:
        self.user, self.client = user, Client()
        self.client.force_login(user)

    def post(self, path: str, slug: str = "chest", **values: Any) -> str:
        """Post to a page of the study and return what the next page says."""
        return self.client.post(path.format(slug), values, follow=True).content.decode()

    def ask(self, slug: str = "chest") -> str:
        return self.post("/results/{}/ask/", slug, reason="reading is over", password=PASSWORD)

    def open(self, stock: Stock, slug: str = "chest", password: str = PASSWORD) -> str:
        key = SimpleUploadedFile("key.csv", stock.case_set.key.read_bytes())
        return self.post("/results/{}/key/", slug, key=key, password=password)

    def end_role(self, user: User, role: Role = Role.STUDY_ADMIN) -> str:
        member = Membership.objects.get(person=user, role=role)
        return self.post(f"/studies/{{}}/people/roles/{member.pk}/")

    def invite(self, email: str, role: str = "study_admin") -> str:
        """Invite an address and read the link, which a site without mail shows."""
        page = self.post("/studies/{}/people/invite/", email=email, role=role)
        found = re.search(r"/invitations/[\w-]+/", page)
        return found.group() if found else ""


def register(link: str, name: str = "Alan") -> User:
    """Make an account behind an invitation's link."""
    Client().post(link, {"name": name, "password": WORD, "again": WORD})
    return User.objects.get(name=name)


def sealed(stock: Stock) -> bool:
    """Say whether no study's key was opened and the trail is intact."""
    assert list(faults()) == []
    return not Unblinding.objects.exists() and not Study.objects.filter(unblinded_at__isnull=False).exists()


def recover(user: User, capsys: pytest.CaptureFixture[str]) -> None:
    """Read the link that the operator's console prints, and take the account over."""
    call_command("recover_admin", user.email, reason="she has lost her phone")
    link = re.search(r"/accounts/recover/[\w-]+/", capsys.readouterr().out).group()  # type: ignore[union-attr]
    Client().post(link, {"new_password1": WORD, "new_password2": WORD})


def report(stock: Stock) -> bytes:
    """Return the report as a file."""
    return bytes(Admin(stock.alice).client.get("/results/chest/report.html").content)
