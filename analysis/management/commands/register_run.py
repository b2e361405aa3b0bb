"""Put a finished RUN folder into the ledger."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analysis.services.control import RunError, register_folder


class Command(BaseCommand):
    help = (
        "Verify a finished RUN folder (imported, or swept on another host) and show it on the site's pages."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run", type=Path, metavar="RUN", help="the folder; it is not moved")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            run = register_folder(folder=options["run"])
        except RunError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"run {run.run_id}: {run.units.count()} score files, {run.folder}")
