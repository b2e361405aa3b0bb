"""`manage.py delete_study SLUG --reason TEXT --confirm SLUG`: delete an archived study for good."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from readerstudy.commands import SiteCommand
from readerstudy.ops.backup.retention import delete_study
from readerstudy.study.visibility import study_named


class Command(SiteCommand):
    help = "Delete an archived study: rows, frames, exports, its audit chain. A tombstone stays in the site's chain."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", metavar="SLUG", help="short name of the study")
        parser.add_argument(
            "--reason", required=True, help="why it is deleted; this is recorded in the audit trail"
        )
        parser.add_argument(
            "--confirm", metavar="SLUG", help="the short name again, to confirm: this cannot be undone"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        study = study_named(options["slug"])
        if options["confirm"] != study.slug:
            raise CommandError(f"this cannot be undone: pass --confirm {study.slug}")
        gone = delete_study(study=study, reason=options["reason"], actor=None)
        for name, count in gone.rows.items():
            self.stdout.write(f"{count:8} {name}")
        self.stdout.write(f"deleted {gone.slug}; backups still contain it until they are deleted too")
