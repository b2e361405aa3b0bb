"""`manage.py analyse_ratings RATINGS.csv --out DIR`: statistics of a reader study from a tidy CSV alone."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from analysis import stats
from analysis.endpoints import FILE, GROUPS, PAPER, Groups, read_endpoints
from analysis.management.told import FileCommand
from analysis.stats.plan import endpoints_named

SEED = 1
FIXED = ("seed", "primary", "endpoints", "groups")
"""The options whose values --like brings."""


class Command(FileCommand):
    """Read a ratings CSV and write the results folder; needs no database."""

    help = "Analyse tidy ratings (docs/formats.md); write results.json, CSV tables, figures and report.html."

    def handle(self, *args: Any, **options: Any) -> None:
        """Analyse, write, and print the primary result of each question in words."""
        settings = _settings(options)
        analyse_and_tell(self, options["ratings"], options["out"], settings, _subgroups(options, settings))


def analyse_and_tell(
    command: FileCommand, ratings: Path, out: Path, settings: stats.Settings, subgroups: Path | None = None
) -> stats.Results:
    """Analyse a file into a folder, with the report, and print the primary result of each question in words."""
    results = stats.analyse_file(ratings, out, settings=settings, subgroups=subgroups, also=_write_report)
    for row in results.multiplicity:
        command.stdout.write(": ".join(filter(None, (row["endpoint"], row["conclusion"], row["numbers"]))))
    for hole in results.study.get("holes", ()):
        command.stderr.write(hole)
    if results.not_comparable:
        command.stdout.write(f"Nothing can be compared: {results.not_comparable}")
    command.stdout.write(f"Results: {out / 'results.json'}")
    command.stdout.write(f"Report: {out / 'report.html'}")
    return results


def _settings(options: Mapping[str, Any]) -> stats.Settings:
    path: Path | None = options["like"]
    if path is None:
        beside = options["ratings"].with_name(FILE)
        known = read_endpoints(beside) if beside.exists() else PAPER
        named = options["endpoints"] or [endpoint.name for endpoint in known]
        plan = stats.Plan(
            endpoints=endpoints_named(named, known),
            primary=options["primary"] or stats.PRIMARY,
            others=tuple(endpoint for endpoint in known if endpoint.name not in named),
            groups=Groups(*options["groups"]) if options["groups"] else GROUPS,
        )
        seed = SEED if options["seed"] is None else options["seed"]
        return stats.Settings(seed=seed, plan=plan, simulated=options["simulated"])
    twice = [f"--{name}" for name in FIXED if options[name] is not None]
    if twice:
        raise stats.StatsError(
            f"expected {' and '.join(twice)} from {path} alone, got something else; leave out either that "
            "option or --like"
        )
    stored = stats.read_settings(path)
    return replace(stored, simulated=stored.simulated or options["simulated"])


def _subgroups(options: Mapping[str, Any], settings: stats.Settings) -> Path | None:
    """Return the groups of cases: those that are named, or those that an export keeps beside its results."""
    named: Path | None = options["subgroups"]
    if named is not None or not settings.grouped:
        return named
    # A results folder of this command has a file of this name too: the table of results, which names no case.
    beside: Path = options["like"].with_name("subgroups.csv")
    if not beside.exists() or "case" not in stats.read_subgroups(beside).columns:
        raise stats.StatsError(
            f"{options['like']}: expected subgroups.csv with a column case beside it, since the results have "
            "subgroups, got none; name the groups of cases with --subgroups"
        )
    return beside


def _write_report(results: stats.Results, folder: Path) -> None:
    # Matplotlib takes half a second to load: only when there is something to draw.
    from analysis.report import write_report

    write_report(results, folder)
