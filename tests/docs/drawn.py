"""The parts of the documentation that are drawn from the code: tables of columns and keys, the phases.

A drawn part is between `<!-- drawn: NAME -->` and `<!-- end -->`. `python -m tests.docs.drawn` draws all of
them again; a test compares.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import django

from analysis.columns import Column, Table
from analysis.frames import TABLES
from analysis.stats.columns import COLUMNS
from analysis.sweep.toml import SECTIONS
from readerstudy.study.phases import TRANSITIONS, Phase
from tests.docs.imports import OPENED, PACKAGES, pictures

ROOT = Path(__file__).resolve().parents[2]
PART = re.compile(r"(<!-- drawn: (?P<name>[^>]+?) -->\n).*?(<!-- end -->)", re.DOTALL)


def columns(table: Table) -> str:
    """Return the columns of a table, one line each."""
    lines = ["| Column | Kind | Meaning | Values | Blank |", "|---|---|---|---|---|"]
    for column in table.columns:
        may = (
            "column may be absent"
            if column.optional and not column.blank
            else "yes"
            if column.blank
            else "no"
        )
        if column.optional and column.blank:
            may = "yes; column may be absent"
        lines.append(f"| `{column.name}` | {column.kind} | {column.meaning} | {_values(column)} | {may} |")
    return "\n".join(lines) + "\n"


def _values(column: Column) -> str:
    if column.allowed:
        return ", ".join(column.allowed)
    if column.kind == "binary":
        return "0, 1"
    if column.low is not None and column.high is not None:
        return f"{column.low:g} to {column.high:g}"
    return "" if column.low is None else f"from {column.low:g}"


def keys_of_spec() -> str:
    """Return every key of a sweep's specification with its default."""
    lines = ["| Section | Key | Default |", "|---|---|---|"]
    for section, kind in SECTIONS.items():
        for field in fields(kind):
            lines.append(f"| `[{section}]` | `{field.name}` | {_default(field)} |")
    return "\n".join(lines) + "\n"


def _default(field: Any) -> str:
    if field.default is MISSING:
        return "must be given"
    if field.name == "classes":
        return "`nih-cxr-lt`"
    if field.name == "sparsities":
        return "0, 0.05 … 0.95"
    if field.default in (None, (), ""):
        return "none"
    value = list(field.default) if isinstance(field.default, tuple) else field.default
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def phases() -> str:
    """Return the phases of a study as a diagram."""
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {next(iter(Phase)).value}"]
    lines += [f"    {source.value} --> {to.value}: {step}" for (source, step), to in TRANSITIONS.items()]
    return "\n".join([*lines, "```"]) + "\n"


def channels() -> str:
    """Return the ways out that are guarded, one line each."""
    from tests.blinding.channels.table import CHANNELS

    lines = ["| No. | Way out | Detector | Leak planted to prove it |", "|---|---|---|---|"]
    lines += [f"| {each.number} | {each.name} | {each.detector} | {each.plant} |" for each in CHANNELS]
    return "\n".join(lines) + "\n"


def export_columns() -> str:
    """Return the tables of an export beside ratings.csv, each with its columns."""
    from readerstudy.results.ratings import EXPORT_TABLES

    parts = [f"### {table.name}\n\n{columns(table)}" for table in EXPORT_TABLES if table not in TABLES]
    return "\n".join(parts)


def result_columns() -> str:
    """Return the tables of results.json, each with its columns."""
    parts = []
    for table, meanings in COLUMNS.items():
        lines = [f"| `{name}` | {meaning} |" for name, meaning in meanings.items()]
        parts.append("\n".join([f"### {table}", "", "| Column | Meaning |", "|---|---|", *lines]) + "\n")
    return "\n".join(parts)


def syntaxes() -> str:
    """Return every transfer syntax that is read, by which library."""
    from analysis.picture.codecs import SYNTAXES

    lines = ["| Transfer syntax | UID | Bits stored | Read by |", "|---|---|---|---|"]
    for uid, syntax in SYNTAXES.items():
        reader = f"imagecodecs, `{syntax.codec}`" if syntax.codec else "pydicom"
        lines.append(f"| {syntax.name} | `{uid}` | {syntax.depths} | {reader} |")
    return "\n".join([*lines, "| any other | | | refused |"]) + "\n"


def faults() -> str:
    """Return the faults that are brought about in tests, one line each."""
    from tests.faults.register import FAULTS

    lines = ["| No. | Fault | Tests |", "|---|---|---|"]
    lines += [
        f"| {number} | {name} | {', '.join(f'`{test}`' for test in tests)} |"
        for number, (name, tests) in FAULTS.items()
    ]
    return "\n".join(lines) + "\n"


def parts_of_a_site() -> str:
    """Return what a site's folder holds and what a backup does with it, one line each."""
    from readerstudy.ops.backup.folder import PARTS

    lines = [
        "| In the site's folder | Setting that puts it elsewhere | Holds | In a backup |",
        "|---|---|---|---|",
    ]
    for part in PARTS:
        moved = f"`{part.setting}`" if part.setting else ""
        lines.append(f"| `{part.name}` | {moved} | {part.holds} | {part.keep.value} |")
    return "\n".join(lines) + "\n"


PARTS: Mapping[str, Callable[[], str]] = {
    **{f"columns of {table.name}": (lambda table=table: columns(table)) for table in TABLES},
    "tables of an export": export_columns,
    "tables of results": result_columns,
    "keys of a specification": keys_of_spec,
    "phases": phases,
    "imports": lambda: pictures(*PACKAGES),
    "imports within folders": lambda: pictures(*OPENED),
    "parts of a site": parts_of_a_site,
    "channels": channels,
    "transfer syntaxes": syntaxes,
    "faults": faults,
}


def redrawn(text: str) -> str:
    """Return a document with every drawn part as it should be."""
    return PART.sub(lambda part: part[1] + PARTS[part["name"]]() + part[3], text)


def documents() -> list[Path]:
    """Return every document of the project."""
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


if __name__ == "__main__":
    import tests.environment  # noqa: F401 - a throw-away site, for the parts that need models

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "readerstudy.settings")
    django.setup()
    for path in documents():
        before = path.read_text(encoding="utf-8")
        after = redrawn(before)
        if after != before:
            path.write_text(after, encoding="utf-8")
            print(f"drawn: {path.relative_to(ROOT)}")
