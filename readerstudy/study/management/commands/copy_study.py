"""Make a new draft with a study's protocol."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from readerstudy.accounts.models import User
from readerstudy.study.design.drafts import copy_study
from readerstudy.study.models import Study
from readerstudy.study.phases import StudyError


class Command(BaseCommand):
    help = "Create a new draft with a study's protocol; it has no cases and no readers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", help="short name of the study to copy")
        parser.add_argument("new", help="short name of the copy")
        parser.add_argument("--title", required=True, help="title of the copy")
        parser.add_argument("--admin", required=True, help="e-mail address of the copy's study admin")

    def handle(self, *args: Any, **options: Any) -> None:
        study = Study.objects.filter(slug=options["slug"]).first()
        if study is None:
            raise CommandError(f"expected the short name of a study, got '{options['slug']}'")
        person = User.objects.filter(email=options["admin"].strip().lower()).first()
        if person is None:
            raise CommandError(f"nobody has an account at {options['admin']}; make one with add_person")
        try:
            made = copy_study(study=study, slug=options["new"], title=options["title"], actor=person)
        except StudyError as error:
            raise CommandError(str(error)) from error
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(f"'{made.slug}' is a draft with the protocol of '{study.slug}'")
