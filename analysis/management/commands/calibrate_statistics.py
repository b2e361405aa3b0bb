"""`manage.py calibrate_statistics`: type I error and coverage on simulated reader studies."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analysis.stats.calibration import CELLS, calibrate

SEED = 20260101


class Command(BaseCommand):
    """Simulate the null designs and print how often each test rejects; needs no database."""

    help = (
        "Simulate reader studies without an effect; print type I error and coverage with Monte Carlo error."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare --simulations, --seed and --cell."""
        parser.add_argument("--simulations", type=int, default=2000, help="studies per cell (default 2000)")
        parser.add_argument("--seed", type=int, default=SEED, help="of the whole table (default %(default)s)")
        parser.add_argument("--cell", action="append", metavar="NAME", help="only this cell; may be repeated")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print one row per cell as soon as it is done."""
        names = {cell.name for cell in CELLS}
        wanted = options["cell"] or sorted(names)
        unknown = sorted(set(wanted) - names)
        if unknown:
            raise CommandError(f"--cell: expected one of {', '.join(sorted(names))}; {unknown[0]} came")
        if options["simulations"] < 1:
            raise CommandError(f"--simulations: expected at least 1, {options['simulations']} came")
        header = None
        for cell in CELLS:
            if cell.name not in wanted:
                continue
            (row,) = calibrate([cell], simulations=options["simulations"], seed=options["seed"])
            if header is None:
                header = [name for name in row if name != "cell"]
                self.stdout.write(f"{'cell':32}" + "".join(f"{name:>22}" for name in header))
            cells = (row[name] for name in header)
            texts = (f"{value:22d}" if isinstance(value, int) else f"{value:22.4f}" for value in cells)
            self.stdout.write(f"{row['cell']:32}" + "".join(texts))
