"""Find the exemplars of the training split by networks that have not seen them."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from analysis.experiment.crossfit import CRITERION, FRACTION, plan_cross_fit
from analysis.management.working import ExperimentCommand
from analysis.sweep.toml import load_spec


class Command(ExperimentCommand):
    help = (
        "Train on four fifths of the patients, predict the others dense and pruned, and rank the training images. "
        "Ctrl-C stops it; run the same command again to resume."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("spec", type=Path, help="the specification (TOML; docs/formats.md)")
        parser.add_argument(
            "--sparsity", type=float, default=0.9, help="share of weights removed (default: 0.9)"
        )
        parser.add_argument(
            "--criterion", default=CRITERION, help="how agreement is measured (default: %(default)s)"
        )
        parser.add_argument(
            "--fraction", type=float, default=FRACTION, help="share of exemplars (default: %(default)s)"
        )
        super().add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        choices = {"level": options["sparsity"], **{n: options[n] for n in ("criterion", "fraction")}}
        self.experiment(
            lambda: plan_cross_fit(load_spec(options["spec"]), options["out"], **choices), options
        )
