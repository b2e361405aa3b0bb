"""Build a study's answers again from the audit trail and compare."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from readerstudy.commands import SiteCommand
from readerstudy.study.reading.replay import KEPT, differences, rebuilt
from readerstudy.study.visibility import study_named


class Command(SiteCommand):
    help = "Rebuild every saved answer of a study from its audit trail and compare it with what is stored."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", help="short name of the study")

    def handle(self, *args: Any, **options: Any) -> None:
        study = study_named(options["slug"])
        found = list(differences(study))
        for one in found:
            self.stderr.write(f"event {one.sequence}: {one.what}" if one.sequence else one.what)
        if found:
            raise CommandError(f"{len(found)} differences between the trail and the stored answers")
        answers = list(rebuilt(study))
        self.stdout.write(f"{len(answers)} saved answers match the audit trail")
        older = sum(set(one.values) != set(KEPT) for one in answers)
        if older:
            self.stdout.write(f"{older} of them were saved by an older version, which recorded no times")
