"""Command for `analysis.services.listed.hand_over_listed`: from a list of cases to a blind folder and a sealed key."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from analysis.endpoints import Groups
from analysis.management import handover_options as shared
from analysis.management.told import ToldCommand
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
            help="columns image, group and labels, and optionally set, view, sex and age (docs/formats.md)",
        )  # fmt: skip
        parser.add_argument(
            "--groups", nargs=4, required=True, metavar=shared.GROUPS_METAVAR, help=shared.GROUPS_HELP
        )
        shared.add_handover_options(parser)
        parser.add_argument("--synthetic", action="store_true", help="the images are not of patients")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write, and report; nothing that reveals a case's group is printed."""
        written = hand_over_listed(
            listed=options["listed"], groups=Groups(*options["groups"]), images=options["images"],
            out=options["out"], key_out=options["key_out"], shown=options["show"],
            block_size=options["block_size"], terms=shared.read_terms(options), synthetic=options["synthetic"],
            burned_in_checked=options["burned_in_checked"],
        )  # fmt: skip
        self.stdout.write(shared.report_of(written))
