"""`manage.py calibrate_statistics`: type I error, coverage and power of the candidates on simulated reader studies."""

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd
from django.core.management.base import CommandError

from analysis.management.told import FileCommand
from analysis.stats.calibration import calibrate, judge
from analysis.stats.cells import EFFECTS, NULLS
from analysis.stats.rows import Row
from analysis.terminal import progress_bar

SEED = 20260101


class Command(FileCommand):
    """Simulate the cells, print how often each candidate rejects, covers and finds, and what the rule says."""

    help = "Simulate reader studies; print type I error, power and coverage, and the choice of the primary comparison."

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the rows as CSV, a cell each, and the judgement; progress goes to the terminal."""
        cells = {cell.name: cell for cell in (*NULLS, *EFFECTS)}
        wanted = options["cell"] or list(cells)
        unknown = sorted(set(wanted) - set(cells))
        if unknown:
            raise CommandError(f"--cell: expected one of {', '.join(cells)}; got {unknown[0]}")
        for name in ("simulations", "processes"):
            if options[name] < 1:
                raise CommandError(f"--{name}: expected at least 1, got {options[name]}")
        with progress_bar("calibrating") as progress:
            rows = calibrate(
                [cells[name] for name in wanted], simulations=options["simulations"], seed=options["seed"],
                processes=options["processes"], progress=progress,
            )  # fmt: skip
        self.stdout.write(pd.json_normalize(rows).to_csv(index=False, float_format="%.4f"))
        for line in _judged(rows):
            self.stdout.write(line)
        self.stdout.write(
            f"{options['simulations']} studies per cell, seed {options['seed']}; Monte Carlo standard error of a rate "
            f"of .05 or a coverage of .95: {rows[0]['monte_carlo_error']:.4f}"
        )


def _judged(rows: Sequence[Row]) -> Iterator[str]:
    for each in judge(rows):
        yield f"{each.name}: fails {len(each.fails)} cells{': ' if each.fails else ''}{'; '.join(each.fails)}"
        if each.conservative:
            yield f"  conservative: {'; '.join(each.conservative)}"
