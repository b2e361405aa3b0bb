"""Find the exemplars of the training split by networks that have not seen them."""

from typing import Any

from analysis.experiment.crossfit import plan_cross_fit
from analysis.management.working import ExperimentCommand
from analysis.sweep.toml import load_spec


class Command(ExperimentCommand):
    help = (
        "Train on four fifths of the patients, predict the others dense and pruned, and rank the training images. "
        "Ctrl-C stops it; run the same command again to resume."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        choices = {"level": options["sparsity"], **{n: options[n] for n in ("criterion", "fraction")}}
        self.experiment(
            lambda: plan_cross_fit(load_spec(options["spec"]), options["out"], **choices), options
        )
