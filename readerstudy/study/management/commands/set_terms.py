"""Record the terms of use of a study's case set."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from readerstudy.cases.terms import Wording
from readerstudy.commands import SiteCommand
from readerstudy.study.design.terms import CASES, PRACTICE, change
from readerstudy.study.visibility import study_named


class Command(SiteCommand):
    help = "Record the terms of use of a study's images; everybody confirms them before seeing an image."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", help="short name of the study")
        parser.add_argument("terms", type=Path, help="file with the terms, in markdown")
        parser.add_argument("--credential", default="", help="what a person needs to see the images")
        parser.add_argument("--ethics", default="", help="reference of the ethics approval")
        parser.add_argument("--practice", action="store_true", help="of the practice cases")
        parser.add_argument("--reason", default="", help="why they change; needed once the study is locked")

    def handle(self, *args: Any, **options: Any) -> None:
        study = study_named(options["slug"])
        try:
            text = options["terms"].read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{options['terms']}: expected a readable text in UTF-8 ({error})") from error
        terms = change(
            study=study, which=PRACTICE if options["practice"] else CASES, actor=None, reason=options["reason"],
            wording=Wording(text.strip(), options["credential"].strip(), options["ethics"].strip()),
        )  # fmt: skip
        self.stdout.write(f"terms of '{study.slug}' recorded, SHA-256 {terms.sha256}")
