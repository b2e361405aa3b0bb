"""Write the export of an unblinded study."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from readerstudy.audit.services import record
from readerstudy.priority import PatientCommand
from readerstudy.results.export import write_export
from readerstudy.results.values import SealedError
from readerstudy.study.models import Study


class Command(PatientCommand):
    help = "Write ratings, results, report, protocol, audit trail and a script that recomputes into a new folder."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", help="short name of the study")
        parser.add_argument("--out", type=Path, required=True, help="the folder to create")

    def handle(self, *args: Any, **options: Any) -> None:
        study = Study.objects.filter(slug=options["slug"]).first()
        if study is None:
            raise CommandError(f"expected the short name of a study, got '{options['slug']}'")
        try:
            write_export(study, options["out"])
        except (SealedError, FileExistsError) as error:
            raise CommandError(str(error)) from error
        record(kind="study.exported", actor=None, study=study.key, subject=study.slug)
        self.stdout.write(f"written: {options['out']}")
