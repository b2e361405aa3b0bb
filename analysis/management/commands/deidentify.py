"""Command for `analysis.services.deidentify`."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analysis.services.deidentify import METHOD, DeidentifyError, deidentify


class Command(BaseCommand):
    """De-identify the headers of DICOM originals that are kept."""

    help = f"De-identify the headers of DICOM images ({METHOD}). Pixels are not checked."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take both folders."""
        parser.add_argument("source", type=Path, help="folder of DICOM images, with sub-folders")
        parser.add_argument("target", type=Path, help="the folder to create")

    def handle(self, *args: Any, **options: Any) -> None:
        """De-identify and say how many."""
        try:
            count = deidentify(options["source"], options["target"])
        except DeidentifyError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{options['target']}: {count} files; headers only: check the pixels for burned-in names before you "
            "share them"
        )
