"""Command for `analysis.imports.importing.import_predictions`."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from analysis.imports.importing import import_predictions
from analysis.imports.listing import Choices
from analysis.management.told import FileCommand
from analysis.sweep.toml import load_spec
from analysis.terminal import progress_bars


class Command(FileCommand):
    """Check predictions that others have made and write them as a RUN folder; needs no database."""

    help = "Check predictions (pickles, .npy, .csv, .parquet) against the labels of their images; write a RUN folder."

    def handle(self, *args: Any, **options: Any) -> None:
        """Import, and say what was imported."""
        named = ("labels", "labels_train", "metadata", "synthetic", "id_column", "output")
        choices = Choices(
            **{name: options[name] for name in named},
            classes=tuple(options["classes"]),
            logits=tuple(options["logits"]),
            data=load_spec(options["data"]).data if options["data"] else None,
        )
        places = _places([str(place) for place in options["places"]])
        with progress_bars() as progress:
            made = import_predictions(places, options["out"], choices, progress=progress)
        for warning in made.warnings:
            self.stderr.write(warning)
        self.stdout.write(
            f"run {made.run_id}: {made.images} images, {made.seeds} seeds, {len(made.conditions)} conditions: "
            f"{made.folder}"
        )


def _places(told: list[str]) -> Path | dict[str, Path]:
    """Read one folder, or NAME=PATH for each condition."""
    if len(told) == 1 and ("=" not in told[0] or Path(told[0]).is_dir()):
        return Path(told[0])
    parted = [text.partition("=") for text in told]
    found = {name: Path(path) for name, mark, path in parted if name and mark and path}
    if len(found) != len(told):
        raise CommandError(
            f"expected one folder, or NAME=PATH for each condition, each name once; got {told}"
        )
    return found
