"""`manage.py backup --out FOLDER`: copy a running site."""

from pathlib import Path
from typing import Any

from analysis.terminal import progress_bar
from readerstudy.commands import PatientCommand
from readerstudy.ops.backup.backing_up import back_up


class Command(PatientCommand):
    help = (
        "Copy the running site into a new folder: the database at one instant, and all files except caches "
        "and secrets."
    )

    takes = {
        "--out": {"type": Path, "required": True, "metavar": "FOLDER", "help": "a new folder"},
        "--database-only": {"action": "store_true", "help": "copy no files: for a backup every minute"},
    }

    def handle(self, *args: Any, **options: Any) -> None:
        with progress_bar("files") as progress:
            made = back_up(out=options["out"], database_only=options["database_only"], progress=progress)
        self.stdout.write(
            f"{made.folder}: {made.files} files, {made.size / 2**20:.1f} MiB; copying the database took "
            f"{made.database_seconds:.2f} s. site.env and sealed keys are not in it: keep them elsewhere."
        )
        for name, why in sorted(made.left_out.items()):
            self.stdout.write(f"  not in it: {name} ({why})")
