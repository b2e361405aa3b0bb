"""Command for `analysis.caseset.verify_case_set`."""

from typing import Any

from analysis.caseset import verify_case_set
from analysis.management.told import ToldCommand


class Command(ToldCommand):
    """Check every digest of a case set, and its key where that may be read."""

    help = "Check every digest of a case set, and its key where that may be read."

    def handle(self, *args: Any, **options: Any) -> None:
        """Verify and say what was found."""
        found = verify_case_set(options["folder"], options["key"])
        key = "the key too" if found.key_checked else f"the key (SHA-256 {found.key_sha256}) was not checked"
        self.stdout.write(
            f"{options['folder']}: {found.cases} cases in {found.blocks} block{'s' * (found.blocks != 1)} "
            f"are intact; {key}"
        )
