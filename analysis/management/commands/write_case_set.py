"""Command for `analysis.services.handover.hand_over`: from a run to a blind folder and a sealed key."""

from argparse import ArgumentParser
from dataclasses import astuple
from pathlib import Path
from typing import Any

from analysis.endpoints import GROUPS
from analysis.management.told import ToldCommand
from analysis.services import handover_options as shared
from analysis.services.handover import hand_over, love_plot_path


class Command(ToldCommand):
    """Select exemplars and controls from a run and write them as a case set."""

    help = "Select exemplars and controls from a run and write a blind folder and, elsewhere, a sealed key."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the paths and every choice of the selection."""
        parser.add_argument("run", type=Path, help="RUN folder of a finished sweep")
        shared.add_places(parser)
        shared.add_contents(parser)
        shared.add_unchecked(parser)
        parser.add_argument(
            "--groups",
            nargs=4,
            metavar=shared.GROUPS_METAVAR,
            default=astuple(GROUPS),
            help=shared.GROUPS_HELP,
        )
        shared.add_selection(parser)
        parser.add_argument(
            "--seed",
            type=int,
            default=shared.DEFAULTS.seed,
            help="seed of every random step (default %(default)s)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Select, write, and report; nothing that reveals a case's arm is printed."""
        spec = shared.spec_of(options, options["seed"])
        selection, written = hand_over(
            run=options["run"], spec=spec, unchecked=options["unchecked"], **shared.written_with(options)
        )
        for line in (spec.estimand, *selection.notes):
            self.stdout.write(line)
        self.stdout.write(shared.report_of(written))
        self.stdout.write(
            f"{love_plot_path(written.key)}: the love plot of the balance; keep it with the key"
        )
