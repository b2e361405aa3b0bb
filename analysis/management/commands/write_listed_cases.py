"""Command for `analysis.services.listed.hand_over_listed`: from a list of cases to a blind folder and a sealed key."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from analysis.management.told import ToldCommand
from analysis.services import handover_options as shared
from analysis.services.listed import hand_over_listed


class Command(ToldCommand):
    """Write the cases of a list as a case set."""

    help = (
        "Write a list of images, each of one of two groups, as a blind folder and, elsewhere, a sealed key."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the list, the names of its groups and the paths."""
        parser.add_argument(
            "listed", type=Path, metavar="CASES.csv",
            help="columns image, group and labels, and optionally set, patient, view, sex and age (docs/formats.md)",
        )  # fmt: skip
        parser.add_argument(
            "--groups", nargs=4, required=True, metavar=shared.GROUPS_METAVAR, help=shared.GROUPS_HELP
        )
        shared.add_places(parser)
        shared.add_contents(parser)
        parser.add_argument("--synthetic", action="store_true", help="the images are not of patients")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write, and report; nothing that reveals a case's group is printed."""
        written = hand_over_listed(
            listed=options["listed"], synthetic=options["synthetic"], **shared.written_with(options)
        )
        self.stdout.write(shared.report_of(written))
