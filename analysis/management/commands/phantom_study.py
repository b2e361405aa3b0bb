"""Command for `analysis.services.phantom_study`: a whole study whose truth is known."""

import os
from pathlib import Path
from typing import Any

from analysis.management.told import FileCommand
from analysis.services.phantom_study import run_phantom_study
from analysis.terminal import progress_bars

FOLDER = Path("var/phantom-study")


class Command(FileCommand):
    """Run the phantom study; needs no database."""

    help = (
        "Draw phantoms with planted faults, train toy networks, prune them, and report how forgetting goes with "
        "frequency, how often planted faults are found among the exemplars and by rankings of labels, and what "
        "training without the wrong labels gains. Ctrl-C stops it; run the same command again to resume."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run what is missing and print every result with its interval."""
        # Idle threads sleep instead of spinning; read when torch loads.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        with progress_bars() as progress:
            rows = run_phantom_study(options["out"], progress=progress)
        self.stdout.write(
            "SYNTHETIC images and toy models: nothing here says anything about real radiographs."
        )
        for row in rows:
            self.stdout.write(_line(row))
        self.stdout.write(f"Results: {options['out'] / 'report'}")


def _line(row: dict[str, Any]) -> str:
    head = f"{row['split']:8} {row['question']:10} {row['item']:11} {row['measure']:14}"
    if row["estimate"] is None:
        return f"{head} not estimable ({row['note']})"
    interval = "" if row["ci_low"] is None else f" [{row['ci_low']:.2f}, {row['ci_high']:.2f}]"
    p = "" if row["p"] is None else f" p {row['p']:.4f}"
    return f"{head} {row['estimate']:.2f}{interval}{p}  {row['note']}"
