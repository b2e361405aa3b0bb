"""`manage.py verify_storage`: read every stored frame against its digest."""

from typing import Any

from django.core.management.base import CommandError

from analysis.terminal import progress_bar
from readerstudy.cases.models import Frame
from readerstudy.cases.selectors import stored_bytes
from readerstudy.cases.storage import StorageError
from readerstudy.commands import PatientCommand


class Command(PatientCommand):
    help = "Check every frame of every study against its SHA-256; list those that are missing or damaged."

    def handle(self, *args: Any, **options: Any) -> None:
        rows = list(Frame.objects.order_by("pk").values_list("study", "storage_name", "sha256"))
        faults = []
        with progress_bar("frames") as progress:
            for done, (study, name, sha256) in enumerate(rows, 1):
                try:
                    stored_bytes(study, name, sha256)
                except StorageError as error:
                    faults.append(f"study {study}: {error}")
                progress(done, len(rows))
        for fault in faults:
            self.stderr.write(fault)
        if faults:
            raise CommandError(f"{len(faults)} of {len(rows)} frames are missing or damaged")
        self.stdout.write(f"{len(rows)} frames are as they were written")
