"""A text document as an A4 PDF: headings, paragraphs, names with their values; no pictures, no tables."""

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO

from matplotlib.backends.backend_pdf import PdfPages

from analysis.figures.theme import SIZE, THEMES, new_figure, write
from analysis.report.document import Block, Document, Named, Points, Text

WIDTH, HEIGHT, MARGIN, PITCH = 8.27, 11.69, 0.8, 0.165
"""Of a page, its margin and from line to line, in inches."""
INDENT, NARROW, VALUE, FULL = 1.75, 23, 64, 88
"""Where values begin, in inches from the margin; characters of a name, of a value and of a paragraph on a line."""
LINES = int((HEIGHT - 2 * MARGIN) / PITCH) - 2
KEPT = 4
"""How many lines a heading has below it on its page."""


@dataclass(frozen=True)
class Line:
    """A line: a name at the margin, a value beside it, or one of both; `heading` is how many points it is larger."""

    name: str = ""
    value: str = ""
    heading: float = 0.0


def pages_of(document: Document) -> list[list[Line]]:
    """Return the lines of each page.

    Raises
    ------
    ValueError: a block that is neither text, list nor names with values.
    """
    pages: list[list[Line]] = [[]]
    for line in _lines(document):
        if len(pages[-1]) + (KEPT if line.heading else 0) >= LINES:
            pages.append([])
        if pages[-1] or line != Line():  # no page begins with a gap
            pages[-1].append(line)
    return pages


@lru_cache(maxsize=4)  # what a study has locked is asked for again and again, and takes a second to draw
def pdf_of(document: Document) -> bytes:
    """Return the pages, with the document's foot on each; the same document gives the same bytes."""
    pages = pages_of(document)
    buffer, colors = BytesIO(), THEMES["light"]
    about = {"Title": document.title, "Subject": " ".join(document.warnings), "CreationDate": None}
    with PdfPages(buffer, metadata=about) as pdf:
        for number, page in enumerate(pages, start=1):
            figure = new_figure(WIDTH, HEIGHT, colors)
            for k, line in enumerate(page, start=1):
                y = 1 - (MARGIN + k * PITCH) / HEIGHT
                weight = "bold" if line.heading else "normal"
                color = colors.text if line.heading or not line.value else colors.muted
                write(figure, MARGIN / WIDTH, y, line.name, color, size=line.heading, fontweight=weight)
                write(figure, (MARGIN + INDENT) / WIDTH, y, line.value, colors.text)
            foot = f"{document.foot}    {number} / {len(pages)}"
            write(figure, 1 - MARGIN / WIDTH, MARGIN / 2 / HEIGHT, foot, colors.muted, size=-2, side="right")
            pdf.savefig(figure)
    return buffer.getvalue()


def _lines(document: Document) -> Iterator[Line]:
    yield from (Line(line, heading=6) for line in textwrap.wrap(document.title, FULL // 2))
    for warning in document.warnings:
        yield from (Line(line, heading=0.5) for line in textwrap.wrap(warning, FULL))
    for section in document.sections:
        yield Line()
        yield Line(section.title, heading=SIZE / 4)
        for block in section.blocks:
            yield from _block(block)


def _block(block: Block) -> Iterator[Line]:
    if isinstance(block, Text):
        for paragraph in block.text.splitlines():
            yield from (Line(line) for line in textwrap.wrap(paragraph, FULL) or [""])
    elif isinstance(block, Points):
        for item in block.items:
            yield from (Line(line) for line in textwrap.wrap(f"– {item}", FULL, subsequent_indent="   "))
    elif isinstance(block, Named):
        for name, value in block.rows:
            left, right = textwrap.wrap(name, NARROW), textwrap.wrap(value, VALUE) or [""]
            for k in range(max(len(left), len(right))):
                yield Line("".join(left[k : k + 1]), "".join(right[k : k + 1]) or " ")
    else:
        raise ValueError(f"expected texts, lists or names with values, got {type(block).__name__}")
