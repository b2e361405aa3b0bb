"""`manage.py analyse_run RUN --out DIR`: what pruning made a run's classifiers forget, from its folder alone."""

from pathlib import Path
from typing import Any

from analysis.findings.precision import FindingsError
from analysis.management.told import FileCommand
from analysis.services.findings import Choices, analyse_folder
from analysis.tablefolder import refuse_used_folder


class Command(FileCommand):
    """Read a RUN folder and write the findings; needs no database."""

    help = "Analyse a finished sweep: write results.json, CSV tables, figures and report.html to a folder."
    asked = ("exemplars",)

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
