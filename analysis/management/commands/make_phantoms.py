"""Command for `analysis.phantoms.write_data_set`: a synthetic data set in the layout of NIH-CXR-LT."""

import dataclasses
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from analysis.management.told import ToldCommand
from analysis.phantoms import FaultRates, PhantomSpec, write_data_set
from analysis.terminal import progress_bar

NUMBERS = ("seed", "train", "val", "test", "rows", "columns")


class Command(ToldCommand):
    """Draw a phantom data set and its sealed truth."""

    help = "Draw synthetic chest radiographs with planted findings and faults, in the layout of NIH-CXR-LT."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the share of each kind of fault too."""
        super().add_arguments(parser)
        for field in dataclasses.fields(FaultRates):
            flag = f"--{field.name.replace('_', '-')}"
            parser.add_argument(flag, type=float, default=field.default, help="share of the images, 0 to 0.5")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the set, showing progress; run again, it continues."""
        out: Path = options["out"]
        truth = options["truth_out"] or out.resolve().with_name(f"{out.resolve().name}-truth.csv")
        rates = {field.name: options[field.name] for field in dataclasses.fields(FaultRates)}
        faults = FaultRates(**rates)
        spec = PhantomSpec(
            **{name: options[name] for name in NUMBERS},
            train_faults=faults,
            test_faults=faults,
            side_markers=not options["no_side_markers"],
        )
        with progress_bar("synthetic radiographs") as bar:
            write_data_set(spec, out, truth, options["formats"], progress=bar, workers=options["workers"])
        self.stdout.write(f"{len(spec)} synthetic images in {out}; the sealed truth is {truth}")
