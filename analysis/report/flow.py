"""Counts of cases and readers through the study: the boxes of the flow figure, and the same as a table."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from analysis.figures.flow import Flow
from analysis.report.comparison import primary_row
from analysis.report.document import Background, Grid, ReaderCourse
from analysis.report.words import groups_of, planned_words, plural
from analysis.stats import Results
from analysis.stats.answers import UNREAD
from analysis.stats.rows import Row

LOST = ("cannot_assess", "technical", *UNREAD, "untold")
WORDS = {
    "cannot_assess": "could not be assessed",
    "technical": "technical problem",
    "shown": "shown, not answered",
    "never_shown": "never shown",
    "withdrawn": "reader withdrew",
    "untold": "blank, no reason told",
}


def courses(results: Results, background: Background) -> tuple[ReaderCourse, ...]:
    """Return each reader's course: the site's, or what the ratings tell."""
    if background.readers:
        return background.readers
    rows = _of_readers(results)
    rows = rows.assign(read=rows["n"] - rows["missing"])
    most = rows.groupby(["reader", "endpoint"], sort=False)[["n", "read"]].sum().groupby("reader").max()
    return tuple(ReaderCourse(str(reader), int(n), int(read)) for reader, n, read in most.itertuples())


def as_read(results: Results, background: Background) -> Row:
    """Return the description of a study with the readers who read, their first readings and the repeats answered."""
    read = [reader.read for reader in courses(results, background) if reader.read]
    again = max((row["n"] for row in results.intra_reader), default=0)
    return results.study | {"readers": len(read), "first_readings": sum(read), "repeat_readings": again}


def _of_readers(results: Results) -> pd.DataFrame:
    """Return the rows of the missing table that are of one reader each."""
    rows = results.frame("missing")
    return rows[rows["reader"].notna()]


def flow(results: Results, background: Background) -> Flow:
    """Count what went into the primary comparison and what was lost on the way."""
    study, words = results.study, planned_words(results, background)
    readers = courses(results, background)
    begun = [reader for reader in readers if reader.read]
    left = [reader for reader in readers if reader.withdrawn]
    silent = [reader.pseudonym for reader in readers if not reader.read and not reader.withdrawn]
    finished = [reader for reader in begun if reader.read >= reader.planned]
    compared = [
        f"{row['title']}: {primary_row(results, row['endpoint'])['readers'] or 0}"
        for row in results.multiplicity
    ]
    lost_early = [f"{r.pseudonym} withdrew: {r.withdrawn}" for r in left]
    lost_early += [f"{r.pseudonym} replaced {r.replaces}" for r in readers if r.replaces]
    lost_early += [f"{name} read nothing" for name in silent]
    unfinished = [f"{r.pseudonym}: {r.read} of {r.planned}" for r in begun if r.read < r.planned]
    lacking = [f"{name} lacks an arm" for name in study["lacking_an_arm"]]
    return Flow(
        head=f"Case set\n{plural(study['pie_cases'] + study['control_cases'], 'case')}",
        readers=(
            f"{words['enrolled']}\n{len(readers)}",
            f"Read at least one case\n{len(begun)}",
            f"Finished\n{len(finished)}",
            "Readers compared\n" + "\n".join(compared),
        ),
        readers_lost=("\n".join(lost_early), "\n".join(unfinished), "\n".join(lacking)),
        arms=(_arm(results, 1, words["first"]), _arm(results, 0, words["first"])),
        foot=str(study["design"]),
    )


def _arm(results: Results, arm: int, first: str) -> tuple[str, ...]:
    cases = results.study["pie_cases" if arm else "control_cases"]
    totals = arm_totals(results, arm)
    planned = max((total["n"] for total in totals.values()), default=0)
    titles = {row["endpoint"]: row["title"] for row in results.endpoints}
    lost, answered = [], []
    for name, total in totals.items():
        gone = total["n"] - total["answered"]
        parts = [f"{total[kind]} {WORDS[kind]}" for kind in LOST if total[kind]]
        lost.append(f"{titles[name]}: {gone}" + (f" ({', '.join(parts)})" if parts else ""))
        answered.append(f"{titles[name]}: {total['answered']}")
    return (
        f"{groups_of(results).both[1 - arm]}\n{plural(cases, 'case')}",
        f"{first}\n{planned}",
        "Without an answer\n" + "\n".join(lost),
        "Answers compared\n" + "\n".join(answered),
    )


def arm_totals(results: Results, arm: int) -> dict[str, dict[str, int]]:
    """Sum the missing table over readers: question to counts (n, answered, and why not)."""
    rows = _of_readers(results)
    rows = rows[rows["arm"] == arm]
    rows = rows.assign(untold=rows["missing"] - rows[list(UNREAD)].sum(axis=1))
    sums = rows.groupby("endpoint", sort=False)[["n", "answered", *LOST]].sum().astype(int)
    totals: dict[Any, Any] = sums.to_dict("index")
    return totals


def reader_grid(readers: tuple[ReaderCourse, ...], words: Mapping[str, str]) -> Grid:
    """Return the readers as a table; `words`: see `planned_words`."""

    def cells(reader: ReaderCourse) -> dict[str, str]:
        told = {"withdrew: ": reader.withdrawn, "replaced ": reader.replaces}
        return {
            "Reader": reader.pseudonym,
            words["count"]: str(reader.planned),
            "Read": str(reader.read),
            "Remark": "; ".join(f"{what}{value}" for what, value in told.items() if value),
        }

    return Grid.of(words["readers"], map(cells, readers))
