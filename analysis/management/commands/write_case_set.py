"""Command for `analysis.services.handover.hand_over`: from a run to a blind folder and a sealed key."""

from argparse import ArgumentParser
from dataclasses import astuple
from pathlib import Path
from typing import Any

from analysis.endpoints import GROUPS, Groups
from analysis.management import handover_options as shared
from analysis.management.told import ToldCommand
from analysis.selection import CRITERIA, Nearest, SelectionSpec
from analysis.selection.choose import ESTIMANDS
from analysis.selection.sampling import DRAWS
from analysis.services.handover import hand_over, love_plot_path

DEFAULTS = SelectionSpec()


class Command(ToldCommand):
    """Select exemplars and controls from a run and write them as a case set."""

    help = "Select exemplars and controls from a run and write a blind folder and, elsewhere, a sealed key."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the paths and every choice of the selection."""
        parser.add_argument("run", type=Path, help="RUN folder of a finished sweep")
        shared.add_handover_options(parser)
        parser.add_argument(
            "--unchecked-images", metavar="REASON", default="",
            help="hand the images over without comparing them with the images that the run evaluated; give the "
            "reason, which is recorded in the sealed report and shown before the lock",
        )  # fmt: skip
        parser.add_argument(
            "--groups",
            nargs=4,
            metavar=shared.GROUPS_METAVAR,
            default=astuple(GROUPS),
            help=shared.GROUPS_HELP,
        )
        _add_selection(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Select, write, and report; nothing that reveals a case's arm is printed."""
        spec = SelectionSpec(
            criterion=options["criterion"], condition=options["condition"], reference=options["reference"],
            fraction=options["fraction"],
            size=options["size"], draw=options["draw"], seed=options["seed"],
            controls=options["controls"], ratio=options["ratio"],
            exact=tuple(options["exact"]), nearest=tuple(options["nearest"]), caliper=options["caliper"],
            distinct_patients=not options["same_patient_allowed"],
        )  # fmt: skip
        selection, written = hand_over(
            run=options["run"], spec=spec, images=options["images"], out=options["out"],
            key_out=options["key_out"], shown=options["show"], block_size=options["block_size"],
            terms=shared.read_terms(options), unchecked=options["unchecked_images"],
            burned_in_checked=options["burned_in_checked"], groups=Groups(*options["groups"]),
        )  # fmt: skip
        for line in (spec.estimand, *selection.notes):
            self.stdout.write(line)
        self.stdout.write(shared.report_of(written))
        self.stdout.write(
            f"{love_plot_path(written.key)}: the love plot of the balance; keep it with the key"
        )


def _nearest(text: str) -> Nearest:
    name, _, rest = text.partition("=")
    weight, _, caliper = rest.partition(":")
    return Nearest(name, float(weight or 1), float(caliper) if caliper else None)


def _add_selection(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--criterion", choices=sorted(CRITERIA), default=DEFAULTS.criterion,
        help="measure of agreement between dense and pruned scores by which exemplars are chosen (default "
        "%(default)s)",
    )  # fmt: skip
    shared.add_conditions(parser)
    parser.add_argument(
        "--fraction", type=float, default=DEFAULTS.fraction,
        help="fraction of images that are exemplars (default %(default)s)",
    )  # fmt: skip
    parser.add_argument("--size", type=int, help="exemplars to draw (default: all)")
    parser.add_argument(
        "--draw", choices=sorted(DRAWS), default=DEFAULTS.draw,
        help="how exemplars are drawn: at random, in equal numbers from the class groups, or those with the "
        "lowest agreement",
    )  # fmt: skip
    parser.add_argument(
        "--seed", type=int, default=DEFAULTS.seed, help="seed of every random step (default %(default)s)"
    )
    parser.add_argument(
        "--controls", choices=sorted(ESTIMANDS), default=DEFAULTS.controls,
        help="how controls are chosen (default %(default)s)",
    )  # fmt: skip
    parser.add_argument("--ratio", type=int, default=DEFAULTS.ratio, help="controls per exemplar")
    parser.add_argument("--exact", nargs="*", default=list(DEFAULTS.exact), help="columns to match exactly")
    parser.add_argument(
        "--nearest", nargs="*", type=_nearest, default=list(DEFAULTS.nearest),
        help="columns to match approximately: NAME, NAME=WEIGHT or NAME=WEIGHT:CALIPER",
    )  # fmt: skip
    parser.add_argument("--caliper", type=float, help="largest distance of a pair")
    parser.add_argument(
        "--same-patient-allowed",
        action="store_true",
        help="allow several images of one patient (no metadata)",
    )
