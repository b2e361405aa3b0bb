"""Write the export of an unblinded study."""

from pathlib import Path
from typing import Any

from readerstudy.audit.services import record
from readerstudy.commands import PatientCommand
from readerstudy.results.export import write_export
from readerstudy.study.commands import StudyCommand
from readerstudy.study.models import Study


class Command(StudyCommand, PatientCommand):
    help = "Write ratings, results, report, protocol, audit trail and a script that recomputes into a new folder."

    takes = {"--out": {"type": Path, "required": True, "help": "the folder to create"}}

    def work(self, study: Study, options: dict[str, Any]) -> None:
        write_export(study, options["out"])
        record(kind="study.exported", actor=None, study=study.key, subject=study.slug)
        self.stdout.write(f"written: {options['out']}")
