"""Put a finished RUN folder into the ledger."""

from typing import Any

from analysis.management.told import ToldCommand
from analysis.services.control import register_folder


class Command(ToldCommand):
    help = (
        "Verify a finished RUN folder (imported, or swept on another host) and show it on the site's pages."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        run = register_folder(folder=options["run"])
        self.stdout.write(f"run {run.run_id}: {run.units.count()} score files, {run.folder}")
