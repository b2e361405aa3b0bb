"""Estimates and counts as a report words them; numbers alone are worded in `analysis.printed`."""

import tomllib
from dataclasses import asdict
from pathlib import Path
from typing import Any

from analysis.endpoints import Groups, groups_from
from analysis.printed import DASH, HARD_SPACE, interval, interval_name, number
from analysis.report.document import Background
from analysis.stats import Plan, Results
from analysis.stats.rows import Row

TEXTS: dict[str, Any] = tomllib.loads((Path(__file__).parent / "texts.toml").read_text("utf-8"))
"""Prose of the report that is the same for every study."""


def prose(name: str, results: Results, **more: object) -> str:
    """Return a paragraph of texts.toml with the words of a study in it: its groups, its interval, and `more`."""
    named = {**asdict(groups_of(results)), "interval": interval_of(results), **more}
    return str(TEXTS["prose"][name].format(**named))


def planned_words(results: Results, background: Background) -> dict[str, str]:
    """Return what first readings are called: where no plan is known, nothing is said to have been planned."""
    return dict(TEXTS["planned" if background.readers or "unplanned" not in results.study else "unplanned"])


def interval_of(results: Results) -> str:
    """Name the intervals of a study by their level: "95 % interval"."""
    return interval_name(results.study["interval_level"])


def groups_of(results: Results) -> Groups:
    """Return what the two groups of cases are called."""
    return groups_from(results.study.get("groups", {}))


def counts_alike(results: Results) -> bool:
    """Whether readers count alike and test and interval are one: since version 3 of the analysis."""
    return Plan.from_row(results.study).one_answer


def estimate(row: Row, digits: int = 3) -> str:
    """Write an estimate with its interval in brackets."""
    if row["ci_low"] is None:
        return number(row["estimate"], digits)
    limits = interval(row["ci_low"], row["ci_high"], digits)
    return f"{number(row['estimate'], digits)}{HARD_SPACE}({own_level(row)}{limits})"


def own_level(row: Row) -> str:
    """Name the interval of a test of equivalence, whose level is not that of the study's other intervals."""
    return f"{interval_name(row['interval_level'])} " if row.get("aim") == "equivalence" else ""


def percent(value: float | None) -> str:
    """Write a share (0..1) in whole per cent."""
    return DASH if value is None else f"{100 * value:.0f} %"


def plural(count: int, noun: str, many: str = "") -> str:
    """Write a count with its noun."""
    return f"{count} {noun if count == 1 else many or noun + 's'}"
