"""Write the export of an unblinded study."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from readerstudy.audit.services import record
from readerstudy.commands import PatientCommand
from readerstudy.results.export import write_export
from readerstudy.study.visibility import study_named


class Command(PatientCommand):
    help = "Write ratings, results, report, protocol, audit trail and a script that recomputes into a new folder."
    refused = (FileExistsError,)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", help="short name of the study")
        parser.add_argument("--out", type=Path, required=True, help="the folder to create")

    def handle(self, *args: Any, **options: Any) -> None:
        study = study_named(options["slug"])
        write_export(study, options["out"])
        record(kind="study.exported", actor=None, study=study.key, subject=study.slug)
        self.stdout.write(f"written: {options['out']}")
