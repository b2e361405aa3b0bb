"""The questions that are not tested: what was answered to them, by group of cases."""

from analysis.figures.described import Described
from analysis.report.background import Background
from analysis.report.document import Block, Grid, Picture, Section, Text
from analysis.report.words import DASH, groups_of, number, percent
from analysis.stats import Results


def described_section(results: Results, background: Background) -> Section | None:
    """Return how the questions that are not endpoints were answered, or None where all are."""
    if not background.described:
        return None
    named = groups_of(results).both
    blocks: list[Block] = [
        Text(
            "First readings. These questions were not declared endpoints: nothing is tested, and a difference "
            "seen here is a reason for another study, not a finding."
        ),
        Picture(
            "described", "Answers to the questions that are not tested, as shares of those who answered."
        ),
    ]
    for each in background.described:
        rows = [("Answered", *(f"{a} of {n}" for a, n in zip(each.answered, each.planned, strict=True)))]
        rows += [
            (name, *(_cell(each, place, values[place]) for place in (0, 1))) for name, values in each.rows
        ]
        blocks.append(Grid(each.question, ("Answer", *named), tuple(rows), numeric=frozenset({1, 2})))
    return Section("described", "Other questions", tuple(blocks))


def _cell(each: Described, place: int, value: float | None) -> str:
    if value is None:
        return DASH
    if each.number:
        return f"{number(value, 2)} {each.unit}".strip()
    share = value / each.answered[place] if each.answered[place] else None
    return f"{value:.0f} ({percent(share)})"
