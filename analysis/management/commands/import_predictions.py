"""Command for `analysis.imports.importing.import_predictions`."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analysis.columns import FrameError
from analysis.imports.errors import PredictionsError
from analysis.imports.importing import import_predictions
from analysis.imports.listing import Choices
from analysis.terminal import progress_bars


class Command(BaseCommand):
    """Check predictions that others have made and write them as a RUN folder; needs no database."""

    help = (
        "Check released predictions (pickles, .npy, .csv, .parquet) against a label CSV; write a RUN folder."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the folder, the label files and what describes the data set."""
        parser.add_argument("folder", type=Path, metavar="DIR", help="holds ..._seed-S_prune-K.pkl")
        parser.add_argument(
            "--labels", type=Path, required=True, metavar="CSV", help="the test split's labels"
        )
        parser.add_argument("--labels-train", type=Path, metavar="CSV", help="to group classes by frequency")
        parser.add_argument("--metadata", type=Path, metavar="CSV", help="view, sex, age and patient")
        parser.add_argument(
            "--classes",
            nargs="+",
            default=[],
            metavar="NAME",
            help="a class set, or the classes in column order",
        )
        parser.add_argument("--synthetic", action="store_true", help="the images are synthetic")
        parser.add_argument("--out", type=Path, required=True, metavar="RUN", help="a new or empty folder")

    def handle(self, *args: Any, **options: Any) -> None:
        """Import, and say what was imported."""
        named = ("labels", "labels_train", "metadata", "synthetic")
        choices = Choices(**{name: options[name] for name in named}, classes=tuple(options["classes"]))
        try:
            with progress_bars() as progress:
                made = import_predictions(options["folder"], options["out"], choices, progress=progress)
        except (PredictionsError, FrameError, OSError) as error:
            raise CommandError(str(error)) from error
        for warning in made.warnings:
            self.stderr.write(warning)
        self.stdout.write(
            f"run {made.run_id}: {made.images} images, {made.seeds} seeds, {made.sparsities} sparsities: {made.folder}"
        )
