"""The report of a run: the four questions, each with its sentence, figures and tables, in one HTML file."""

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.findings.results import SYNTHETIC, Findings
from analysis.report.document import Block, Document, Grid, Named, Picture, Section, Text
from analysis.report.html import standalone
from analysis.report.words import TEXTS

Row = dict[str, Any]

QUESTIONS: Sequence[tuple[str, str, Sequence[str], Sequence[str]]] = TEXTS["questions"]
"""Anchor, question, figures and tables, in the order of the poster."""

FIGURES: Mapping[str, str] = TEXTS["figures"]
"""What each figure shows."""


def findings_report(findings: Findings, pictures: Mapping[str, bytes]) -> Document:
    """Return the report of a run as a document; figures that were not drawn are left out."""
    sections = [_question(findings, pictures, *question) for question in QUESTIONS]
    run = findings.run
    given = {name: value for name, value in run.items() if value not in (None, "", [])}
    facts = tuple((name.replace("_", " "), _text(value)) for name, value in given.items())
    digests = frozenset(name.replace("_", " ") for name in run if name.endswith("sha256"))
    sections.append(Section("run", "What was analysed", (Named(facts, digests),)))
    warnings = (SYNTHETIC,) if findings.synthetic else ()
    return Document(f"Findings of run {run.get('run_id', '')}", tuple(sections), warnings)


def findings_html(findings: Findings, pictures: Mapping[str, bytes]) -> str:
    """Return the report as one HTML file that needs nothing beside it.

    Parameters
    ----------
    pictures: name to SVG on white.
    """
    return standalone(findings_report(findings, pictures), pictures)


def _question(
    findings: Findings, pictures: Mapping[str, bytes], anchor: str, title: str, figures: Sequence[str],
    tables: Sequence[str],
) -> Section:  # fmt: skip
    blocks: list[Block] = [Text(findings.answers[anchor], "lede")]
    blocks += [Picture(name, FIGURES[name]) for name in figures if name in pictures]
    blocks += [_grid(name, findings.tables[name]) for name in tables if findings.tables[name]]
    return Section(anchor.replace("_", "-"), title, tuple(blocks))


def _grid(name: str, rows: Sequence[Row]) -> Grid:
    columns = dict.fromkeys(column for row in rows for column in row)
    cells = ({column.replace("_", " "): _text(row.get(column)) for column in columns} for row in rows)
    return Grid.of(f"{name}.csv", cells)


def _text(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return str(value)
