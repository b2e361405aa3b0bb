"""Compute and keep what the results page of an unblinded study shows; the page starts this by itself."""

from argparse import ArgumentParser
from typing import Any

from readerstudy.commands import PatientCommand
from readerstudy.results.computed import THEMES, computed
from readerstudy.study.visibility import study_named


class Command(PatientCommand):
    help = (
        "Compute and keep the results and figures of an unblinded study, which its page then shows at once."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", help="short name of the study")

    def handle(self, *args: Any, **options: Any) -> None:
        made = computed(study_named(options["slug"]))
        for theme in THEMES:
            made.figures(theme)
        self.stdout.write(f"kept: {made.parts_done} files")
