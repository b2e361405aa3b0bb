"""What a report is made of: sections of texts, tables, facts and pictures. Plain values, no markup."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Facts = Sequence[tuple[str, str]]
"""Names and values, in reading order."""


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


@dataclass(frozen=True)
class Grid:
    """A table: texts only. `numeric` are the columns set flush right; the first column names the row."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()


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
    """A report: its title, what must stand above everything (simulated, synthetic), and its sections."""

    title: str
    sections: tuple[Section, ...]
    warnings: tuple[str, ...] = ()
    foot: str = field(default="")
