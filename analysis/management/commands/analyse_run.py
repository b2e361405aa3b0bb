"""`manage.py analyse_run RUN --out DIR`: what pruning made a run's classifiers forget, from its folder alone."""

import argparse
from pathlib import Path
from typing import Any

from analysis.findings.precision import FindingsError
from analysis.management.told import ToldCommand
from analysis.services.findings import SEED, Choices, analyse_folder
from analysis.services.handover_options import add_exemplars
from analysis.tablefolder import refuse_used_folder


class Command(ToldCommand):
    """Read a RUN folder and write the findings; needs no database."""

    help = "Analyse a finished sweep: write results.json, CSV tables, figures and report.html to a folder."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare RUN, --out, --seed and what makes an exemplar."""
        parser.add_argument("run", type=Path, metavar="RUN", help="folder of a finished sweep")
        parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new or empty folder")
        parser.add_argument(
            "--seed", type=int, default=SEED, help="seed of each random step (default %(default)s)"
        )
        parser.add_argument(
            "--validation", type=Path, metavar="RUN",
            help="a sweep of the same networks on the validation split, by which a level is proposed",
        )  # fmt: skip
        parser.add_argument(
            "--truth", type=Path, metavar="CSV",
            help="better labels of the images (image, classes with 1, 0 or blank; or the truth of phantoms), by which "
            "rankings of suspicious labels are tried",
        )  # fmt: skip
        parser.add_argument(
            "--in-sample", type=Path, metavar="RUN",
            help="a sweep of networks trained on these images, for EL2N beside rankings by cross-fitted scores",
        )  # fmt: skip
        add_exemplars(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Analyse, write, and print a sentence per question."""
        out: Path = options["out"]
        named = ("criterion", "condition", "reference", "fraction", "seed")
        choices = Choices(**{name: options[name] for name in named})
        refuse_used_folder(out, FindingsError)
        analysed = analyse_folder(
            options["run"],
            choices,
            **{name: options[name] for name in ("validation", "truth", "in_sample")},
        )
        analysed.write(out)
        for sentence in analysed.findings.answers.values():
            self.stdout.write(sentence)
        self.stdout.write(f"Results: {out / 'results.json'}; the report: {out / 'report.html'}")
