"""The four questions as panels of a page: sentence, figures and tables of each."""

from dataclasses import dataclass

from analysis.report.findings import FIGURES, QUESTIONS
from analysis.services.findings_files import FindingsFolder


@dataclass(frozen=True)
class Figure:
    """One figure that was drawn: the name of its files, and what it shows."""

    name: str
    words: str

    @property
    def title(self) -> str:
        """What it shows, as a heading."""
        return self.words.removesuffix(".")


@dataclass(frozen=True)
class Panel:
    """One question. `lead` is the figure on the first screen, `more` those below; `tables` are CSV names."""

    anchor: str
    question: str
    sentence: str
    lead: Figure | None
    more: tuple[Figure, ...]
    tables: tuple[str, ...]

    @property
    def figures(self) -> tuple[Figure, ...]:
        """All figures, the lead first."""
        return (self.lead, *self.more) if self.lead else ()


def panels_of(found: FindingsFolder) -> list[Panel]:
    """Return the four panels of a set, with the figures and the tables that it has."""
    content = found.results()
    panels = []
    for anchor, question, figures, tables in QUESTIONS:
        drawn = [Figure(name, FIGURES[name]) for name in figures if found.file(f"figures/{name}.svg")]
        held = tuple(name for name in tables if content[name])
        lead = drawn[0] if drawn else None
        panels.append(Panel(anchor, question, content["answers"][anchor], lead, tuple(drawn[1:]), held))
    return panels
