"""Retrain without exemplars, with them weighted double, or with better labels, against the same on random sets."""

from typing import Any

from analysis.experiment.study import plan_study
from analysis.management.working import ExperimentCommand


class Command(ExperimentCommand):
    help = (
        "Carry out the experiment of STUDY.toml: are exemplars hard images to upweight, or noise to remove? "
        "It is frozen before the first training. Ctrl-C stops it; run the same command again to resume."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        self.experiment(lambda: plan_study(options["study"], options["out"]), options)
