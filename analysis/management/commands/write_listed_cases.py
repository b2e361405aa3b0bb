"""Command for `analysis.services.listed.hand_over_listed`: from a list of cases to a blind folder and a sealed key."""

from typing import Any

from analysis.management.told import ToldCommand
from analysis.services import handover_options as shared
from analysis.services.listed import hand_over_listed


class Command(ToldCommand):
    """Write the cases of a list as a case set."""

    help = (
        "Write a list of images, each of one of two groups, as a blind folder and, elsewhere, a sealed key."
    )
    asked = ("places", "contents")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write, and report; nothing that reveals a case's group is printed."""
        written = hand_over_listed(
            listed=options["listed"], synthetic=options["synthetic"], **shared.written_with(options)
        )
        self.stdout.write(shared.report_of(written))
