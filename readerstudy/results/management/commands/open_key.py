"""Open the key of a closed study."""

from pathlib import Path
from typing import Any

from analysis.errors import RefusedError
from readerstudy.audit.services import heads
from readerstudy.results.services import open_key
from readerstudy.study.commands import StudyCommand
from readerstudy.study.models import Study


class Command(StudyCommand):
    help = (
        "Open the key of a study whose reading has closed. This cannot be undone. Where two study admins must open "
        "it, this works only when fewer than two eligible admins are left; the report says that it was done "
        "here, and why."
    )
    refused = (RefusedError,)

    takes = {
        "--key": {"type": Path, "required": True, "help": "the sealed file"},
        "--reason": {
            "required": True,
            "help": "why the key is opened now; it is recorded in the audit trail and in the report",
        },
    }

    def work(self, study: Study, options: dict[str, Any]) -> None:
        open_key(study=study, key=options["key"], reason=options["reason"], actor=None)
        self.stdout.write(f"the key of '{study.slug}' is open")
        for name, head in heads(study.key).items():
            self.stdout.write(f"audit chain of the {name}: event {head['sequence']}, {head['digest']}")
