"""Command for `analysis.phantoms.write_data_set`: a synthetic data set in the layout of NIH-CXR-LT."""

import dataclasses
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from analysis.management.told import ToldCommand
from analysis.phantoms import FaultRates, PhantomSpec, write_data_set
from analysis.terminal import progress_bar

DEFAULTS = PhantomSpec()
NUMBERS = {
    "seed": "seed of everything that is drawn",
    "train": "training images",
    "val": "validation images, or 0",
    "test": "test images",
    "rows": "rows of each file",
    "columns": "columns of each file",
}


class Command(ToldCommand):
    """Draw a phantom data set and its sealed truth."""

    help = "Draw synthetic chest radiographs with planted findings and faults, in the layout of NIH-CXR-LT."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the paths and every choice of the specification."""
        parser.add_argument("--out", type=Path, required=True, help="folder of the data set")
        parser.add_argument(
            "--truth-out", type=Path, help="file of the sealed truth (default: OUT-truth.csv beside OUT)"
        )
        for name, text in NUMBERS.items():
            parser.add_argument(f"--{name}", type=int, default=getattr(DEFAULTS, name), help=text)
        for field in dataclasses.fields(FaultRates):
            flag = field.name.replace("_", "-")
            parser.add_argument(
                f"--{flag}", type=float, default=field.default, help="share of the images, 0 to 0.5"
            )
        parser.add_argument(
            "--formats",
            nargs="+",
            default=["png"],
            choices=("png", "dicom"),
            help="files to draw each image as (default: png)",
        )
        parser.add_argument("--no-side-markers", action="store_true", help="leave the lead letter out")
        parser.add_argument("--workers", type=int, help="processes (default: one per core)")

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
