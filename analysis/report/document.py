"""What a report is made of (sections of texts, tables, facts and pictures), and what only the site knows of a study."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from analysis.figures.described import Described


@dataclass(frozen=True)
class Text:
    """A paragraph. `kind`: lede (says it in one breath), plain, note (small print), warning."""

    text: str
    kind: Literal["lede", "plain", "note", "warning"] = "plain"


@dataclass(frozen=True)
class Points:
    """A list of sentences; with `name`, what they are about."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Named:
    """Names and values in two columns. `codes` names the values that are digests."""

    rows: tuple[tuple[str, str], ...]
    codes: frozenset[str] = frozenset()


NUMBERS = re.compile(r"(?:[-−–<±\d.,/%()e+ \N{NO-BREAK SPACE}]|of)*")
"""A cell with nothing to read but numbers and dashes."""


@dataclass(frozen=True)
class Grid:
    """A table: texts only. The first column names the row; others that hold numbers alone are set flush right."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, caption: str, rows: Iterable[Mapping[str, str]]) -> "Grid":
        """Return the table of rows whose cells are under the names of their columns, in one order."""
        found = list(rows)
        return cls(caption, tuple(found[0]) if found else (), tuple(tuple(row.values()) for row in found))

    @property
    def numeric(self) -> frozenset[int]:
        """The columns that are set flush right, counted from 0."""
        places = range(1, len(self.columns))
        return frozenset(k for k in places if all(NUMBERS.fullmatch(row[k]) for row in self.rows))


@dataclass(frozen=True)
class Picture:
    """A figure by its name; `text` says what it shows, for those who cannot see it and under it."""

    name: str
    text: str


@dataclass(frozen=True)
class Finding:
    """The primary result of one question in words and in numbers."""

    title: str
    sentence: str
    facts: tuple[tuple[str, str], ...]
    note: str = ""


@dataclass(frozen=True)
class Findings:
    """The primary results side by side."""

    items: tuple[Finding, ...]


Block = Text | Points | Named | Grid | Picture | Findings


@dataclass(frozen=True)
class Section:
    """One section; `anchor` is its address within the page and its name in the checklists."""

    anchor: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Document:
    """A report: its title, what must be above everything (simulated, synthetic), and its sections."""

    title: str
    sections: tuple[Section, ...]
    warnings: tuple[str, ...] = ()
    foot: str = field(default="")


@dataclass(frozen=True)
class ReaderCourse:
    """One reader's way through the study; `planned` and `read` count first readings.

    `withdrawn` says when and why, `replaces` names the reader whose place was taken.
    """

    pseudonym: str
    planned: int
    read: int
    withdrawn: str = ""
    replaces: str = ""


@dataclass(frozen=True)
class Background:
    """What only the site knows. `protocol`, `course` and `origin` are names and values to be printed.

    `questions` are the texts as the readers saw them with their answers; `codes` names the facts whose values
    are digests; `estimand` says in words what was compared with what; `remarks` are things a reader of the
    report must know, such as an admin who had seen the sweep; `described` are the answers to what is not tested.
    `deviations` are what differed from the locked protocol: about what, what was planned, what happened.
    `locked`: the analysis was declared and the readers were blinded, as the site saw to; of a ratings file neither is
    known.
    """

    title: str = "Reader study"
    questions: tuple[tuple[str, str], ...] = ()
    protocol: tuple[tuple[str, str], ...] = ()
    course: tuple[tuple[str, str], ...] = ()
    origin: tuple[tuple[str, str], ...] = ()
    codes: frozenset[str] = frozenset()
    readers: tuple[ReaderCourse, ...] = ()
    estimand: str = ""
    remarks: tuple[str, ...] = ()
    synthetic_images: bool = False
    described: tuple[Described, ...] = ()
    locked: bool = False
    deviations: tuple[tuple[str, str, str], ...] = ()
