"""`manage.py calibrate_statistics`: type I error and coverage on simulated reader studies."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import Progress

from analysis.stats.calibration import CELLS, EFFECTS, calibrate
from analysis.stats.rows import Row

SEED = 20260101
HEADINGS = {
    "theta": "θ",
    "u_centred": "primary",
    "u_normal": "primary, z",
    "u_imrmc": "uncentred",
    "u_biased": "biased variance",
    "or_unbiased": "OR, Hillis df",
    "fixed_readers": "fixed readers",
    "permutation": "permutation",
    "reader_t": "t over readers",
    "kruskal_pooled": "pooled KW",
    "pairs": "pairs",
    "sign_flip": "sign flip",
    "coverage_logit": "coverage, logit",
    "coverage_plain": "coverage, plain",
    "no_positive_variance": "variance ≤ 0",
}


class Command(BaseCommand):
    """Simulate the designs and print how often each test rejects; needs no database."""

    help = "Simulate reader studies; print type I error, power and coverage with their Monte Carlo error."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare --simulations, --seed, --cell and --markdown."""
        parser.add_argument("--simulations", type=int, default=2000, help="studies per cell (default 2000)")
        parser.add_argument(
            "--seed", type=int, default=SEED, help="seed of the whole table (default %(default)s)"
        )
        parser.add_argument("--cell", action="append", metavar="NAME", help="only this cell; may be repeated")
        parser.add_argument("--markdown", action="store_true", help="print a table for the documentation")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print one row per cell, the null designs first; progress goes to the terminal."""
        cells = {cell.name: cell for cell in (*CELLS, *EFFECTS)}
        wanted = options["cell"] or list(cells)
        unknown = sorted(set(wanted) - set(cells))
        if unknown:
            raise CommandError(f"--cell: expected one of {', '.join(cells)}; got {unknown[0]}")
        simulations = options["simulations"]
        if simulations < 1:
            raise CommandError(f"--simulations: expected at least 1, got {simulations}")
        write = self._markdown if options["markdown"] else self._plain
        with Progress(console=Console(stderr=True)) as progress:
            task = progress.add_task("calibrating", total=simulations * len(wanted))
            for k, name in enumerate(wanted):

                def step(cell: str, done: int, k: int = k) -> None:
                    progress.update(task, description=cell, completed=k * simulations + done)

                (row,) = calibrate(
                    [cells[name]], simulations=simulations, seed=options["seed"], progress=step
                )
                write(row, first=k == 0)
            progress.update(task, completed=simulations * len(wanted))
        self.stdout.write(
            f"{simulations} studies per cell, seed {options['seed']}; Monte Carlo standard error of a rate of "
            f".05 or a coverage of .95: {row['monte_carlo_error']:.4f}"
        )

    def _plain(self, row: Row, *, first: bool) -> None:
        if first:
            self.stdout.write(f"{'cell':36}" + "".join(f"{heading:>17}" for heading in HEADINGS.values()))
        self.stdout.write(f"{row['cell']:36}" + "".join(f"{_cell(row[name]):>17}" for name in HEADINGS))

    def _markdown(self, row: Row, *, first: bool) -> None:
        if first:
            self.stdout.write("| cell | " + " | ".join(HEADINGS.values()) + " |")
            self.stdout.write("|---" * (1 + len(HEADINGS)) + "|")
        self.stdout.write(f"| `{row['cell']}` | " + " | ".join(_cell(row[name]) for name in HEADINGS) + " |")


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
