"""`manage.py analyse_ratings RATINGS.csv --out DIR`: statistics of a reader study from a tidy CSV alone."""

import argparse
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analysis.frames import FrameError
from analysis.stats import PRIMARY, PRIMARY_METHODS, Plan, Results, StatsError, analyse_file
from analysis.stats.endpoints import BY_NAME

SEED = 1


class Command(BaseCommand):
    """Read a ratings CSV and write the results folder; needs no database."""

    help = "Analyse tidy ratings (docs/formats.md); write results.json, CSV tables, figures and report.html."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare RATINGS.csv, --out, --seed, --subgroups, --primary, --endpoints and --simulated."""
        parser.add_argument("ratings", type=Path, metavar="RATINGS.csv")
        parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new or empty folder")
        parser.add_argument(
            "--seed", type=int, default=SEED, help="of each random step (default %(default)s)"
        )
        parser.add_argument(
            "--subgroups",
            type=Path,
            metavar="CASES.csv",
            help="a column case and one column per grouping of cases",
        )
        parser.add_argument(
            "--primary", choices=PRIMARY_METHODS, default=PRIMARY,
            help="the method that was declared primary before reading (default %(default)s)",
        )  # fmt: skip
        parser.add_argument(
            "--endpoints", nargs="+", choices=tuple(BY_NAME), default=tuple(BY_NAME),
            help="the questions that are tested (default: all three)",
        )  # fmt: skip
        parser.add_argument(
            "--simulated", action="store_true",
            help="mark the results as simulated, as a column `simulated` of the ratings does",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        """Analyse, write, and print the primary result of each question in words."""
        try:
            results = analyse_file(
                options["ratings"],
                options["out"],
                seed=options["seed"],
                simulated=options["simulated"],
                subgroups=options["subgroups"],
                plan=Plan(endpoints=tuple(options["endpoints"]), primary=options["primary"]),
                also=_write_report,
            )
        except (StatsError, FrameError, OSError) as error:
            raise CommandError(str(error)) from error
        for row in results.comparisons:
            if row["method"] == options["primary"]:
                self.stdout.write(f"{row['endpoint']}: {row['direction'] or row['note']}")
        self.stdout.write(f"Results: {options['out'] / 'results.json'}")
        self.stdout.write(f"Report: {options['out'] / 'report.html'}")


def _write_report(results: Results, folder: Path) -> None:
    # Matplotlib takes half a second to load: only when there is something to draw.
    from analysis.report import write_report

    write_report(results, folder)
