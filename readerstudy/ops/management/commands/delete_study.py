"""`manage.py delete_study SLUG --reason TEXT --confirm SLUG`: delete an archived study for good."""

from typing import Any

from django.core.management.base import CommandError

from readerstudy.ops.backup.retention import delete_study
from readerstudy.study.commands import StudyCommand
from readerstudy.study.models import Study


class Command(StudyCommand):
    help = "Delete an archived study: rows, frames, exports, its audit chain. A tombstone stays in the site's chain."

    takes = {
        "--reason": {"required": True, "help": "why it is deleted; this is recorded in the audit trail"},
        "--confirm": {"metavar": "SLUG", "help": "the short name again, to confirm: this cannot be undone"},
    }

    def work(self, study: Study, options: dict[str, Any]) -> None:
        if options["confirm"] != study.slug:
            raise CommandError(f"this cannot be undone: pass --confirm {study.slug}")
        for name, count in delete_study(study=study, reason=options["reason"], actor=None).items():
            self.stdout.write(f"{count:8} {name}")
        self.stdout.write(f"deleted {study.slug}; backups still contain it until they are deleted too")
