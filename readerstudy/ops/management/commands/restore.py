"""`manage.py restore FOLDER`: put a backup back into an empty site."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from analysis.terminal import progress_bar
from readerstudy.commands import SiteCommand
from readerstudy.ops.backup.manifest import verify
from readerstudy.ops.backup.restore import restore


class Command(SiteCommand):
    help = (
        "Check every file of a backup and put it into this site, which must be empty; check the audit trail, and begin "
        "an epoch of it."
    )
    requires_system_checks: list[str] = []

    takes = {
        "folder": {"type": Path, "metavar": "FOLDER", "help": "what backup wrote"},
        "--verify-only": {"action": "store_true", "help": "check the files and change nothing"},
        "--files": {
            "type": Path,
            "metavar": "WHOLE",
            "help": "take the files from this full backup, where FOLDER is of the database alone",
        },
        "--reason": {
            "default": "",
            "help": "why; wanted where this host's anchor tells of events that the backup does not have",
        },
    }

    def handle(self, *args: Any, **options: Any) -> None:
        if options["verify_only"]:
            manifest = verify(options["folder"])
            self.stdout.write(f"{len(manifest['files'])} files of {manifest['at']} are as they were written")
            return
        with progress_bar("files") as progress:
            restored = restore(
                folder=options["folder"],
                files=options["files"],
                reason=options["reason"].strip(),
                progress=progress,
            )
        self.stdout.write(f"restored the database of {restored.at} and {restored.files} files")
        if not restored.files:
            self.stdout.write(
                "no files were restored: frames, runs and the rest are in a full backup (--files)"
            )
        if options["files"]:
            self.stdout.write(
                "verify_storage lists the files that are missing because they are newer than the backup"
            )
        if restored.faults:
            raise CommandError(
                "the files and the database are back, and the audit trail is not intact; is AUDIT_KEY that "
                "of the site that was backed up? " + "; ".join(restored.faults[:5])
            )
        if restored.moved:
            self.stdout.write(f"{restored.moved} rows of the ledger now name the places of this site")
        self.stdout.write(
            "every audit chain is intact and ends as it did; an epoch was begun, which verify_audit reports"
        )
