"""Command for `analysis.services.deidentify`."""

from typing import Any

from analysis.management.told import ToldCommand
from analysis.services.deidentify import METHOD, deidentify


class Command(ToldCommand):
    """De-identify the headers of DICOM originals that are kept."""

    help = f"De-identify the headers of DICOM images ({METHOD}). Pixels are not checked."

    def handle(self, *args: Any, **options: Any) -> None:
        """De-identify and say how many."""
        count = deidentify(options["source"], options["target"])
        self.stdout.write(
            f"{options['target']}: {count} files; headers only: check the pixels for burned-in names before you "
            "share them"
        )
