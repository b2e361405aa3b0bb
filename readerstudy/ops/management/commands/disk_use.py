"""`manage.py disk_use`: bytes per study and per sweep, and what is free."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from readerstudy.commands import PatientCommand
from readerstudy.ops.doctor.disk import disk_use, free_places


class Command(PatientCommand):
    help = "Print the bytes of each study's frames, each sweep and every other part, and what is free; fail when low."

    def handle(self, *args: Any, **options: Any) -> None:
        for kind, name, size in disk_use():
            self.stdout.write(f"{kind:18} {size / 2**20:12.1f} MiB  {name}")
        places = free_places()
        for place in places:
            self.stdout.write(f"free               {place.free / 2**30:12.1f} GiB  {place.name}")
        low = [place.name for place in places if place.low]
        if low:
            raise CommandError(
                f"less than {settings.DISK_FREE_GB} GiB free (DISK_FREE_GB) for {', '.join(low)}: "
                "export and delete archived studies, remove sweeps' score files that can be made again, or add disk"
            )
