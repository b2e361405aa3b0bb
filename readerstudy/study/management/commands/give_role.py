"""Give a person a role in a study, or enrol them as a reader."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from readerstudy.accounts.models import User
from readerstudy.study.duties import add_member, why_not
from readerstudy.study.models import Role, Study
from readerstudy.study.people.members import enrol_reader
from readerstudy.study.phases import PhaseError, StudyError

READER = "reader"


class Command(BaseCommand):
    help = (
        "Give a person a role in a study: reader, study_admin, researcher or statistician. A study admin whose role "
        "is given here, or again to confirm it, is eligible as one of the two who open the key: first make sure "
        "that it is a different person."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", help="short name of the study")
        parser.add_argument("email", help="address of a person who has an account")
        parser.add_argument("role", choices=[READER, *Role.values], help="what the person does in the study")

    def handle(self, *args: Any, **options: Any) -> None:
        study = Study.objects.filter(slug=options["slug"]).first()
        if study is None:
            raise CommandError(f"expected the short name of a study, got '{options['slug']}'")
        person = User.objects.filter(email=options["email"].strip().lower()).first()
        if person is None:
            raise CommandError(f"nobody has an account at {options['email']}; make one with add_person")
        try:
            if options["role"] == READER:
                reader = enrol_reader(study=study, person=person, actor=None)
                self.stdout.write(f"{person} reads in '{study.slug}' as {reader.pseudonym}")
            else:
                add_member(study=study, person=person, role=Role(options["role"]), actor=None)
                self.stdout.write(f"{person} is {Role(options['role']).label} of '{study.slug}'")
                if options["role"] == Role.STUDY_ADMIN:
                    why = why_not(person, study)
                    said = f"not eligible, for {person} {why}" if why else "eligible"
                    self.stdout.write(f"as one of the two who open its key: {said}")
        except (StudyError, PhaseError) as error:
            raise CommandError(str(error)) from error
