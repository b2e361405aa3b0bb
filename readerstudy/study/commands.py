"""Shared by commands on studies: the operator, on the server, names a study by its short name, a person by address."""

from typing import Any

from django.core.management.base import CommandParser

from readerstudy.accounts.models import User
from readerstudy.commands import SiteCommand
from readerstudy.study.models import Study
from readerstudy.study.phases import StudyError


class StudyCommand(SiteCommand):
    """A command on one study, whose short name comes before what else it takes."""

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the short name, then the rest."""
        parser.add_argument("slug", help="short name of the study")
        super().add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Look the study up."""
        self.work(study_named(options["slug"]), options)

    def work(self, study: Study, options: dict[str, Any]) -> None:
        """Do what the command is for."""
        raise NotImplementedError


def study_named(slug: str) -> Study:
    """Return a study to the operator, on the server.

    Raises
    ------
    StudyError: there is none of this name.
    """
    study = Study.objects.filter(slug=slug).first()
    if study is None:
        raise StudyError(f"expected the short name of a study, got '{slug}'")
    return study


def admin_of_new(slug: str, email: str | None, options: str) -> User:
    """Return who is to administer a study that the operator's command makes; `options` are those that it needs.

    Raises
    ------
    StudyError: there is no study of this name, and nobody has an account at the address.
    """
    return person_at(
        email or "",
        f"expected the short name of a study, got '{slug}'; to make it give {options}, the address of a person who "
        "has an account",
    )


def person_at(email: str, otherwise: str = "") -> User:
    """Return who signs in with an address, to the operator, on the server.

    Raises
    ------
    StudyError: nobody has an account there; `otherwise` says it in other words.
    """
    person = User.objects.filter(email=email.strip().lower()).first()
    if person is None:
        raise StudyError(otherwise or f"nobody has an account at {email}; make one with add_person")
    return person
