"""Make a new draft with a study's protocol."""

from argparse import ArgumentParser
from typing import Any

from readerstudy.commands import SiteCommand
from readerstudy.study.design.drafts import copy_study
from readerstudy.study.visibility import person_at, study_named


class Command(SiteCommand):
    help = "Create a new draft with a study's protocol; it has no cases and no readers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", help="short name of the study to copy")
        parser.add_argument("new", help="short name of the copy")
        parser.add_argument("--title", required=True, help="title of the copy")
        parser.add_argument("--admin", required=True, help="e-mail address of the copy's study admin")

    def handle(self, *args: Any, **options: Any) -> None:
        study = study_named(options["slug"])
        person = person_at(options["admin"])
        made = copy_study(study=study, slug=options["new"], title=options["title"], actor=person)
        self.stdout.write(f"'{made.slug}' is a draft with the protocol of '{study.slug}'")
