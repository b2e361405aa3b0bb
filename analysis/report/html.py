"""A document as HTML: a fragment for a page of the site, or a file that stands alone.

Class names are those of the site's design language (static/css/base.css, report.css). Every text is escaped here;
nothing else may put markup into a report.

Own code: a template of Jinja2 with the four kinds of tables alone took 50 lines in place of the 37 here.
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import replace
from html import escape
from pathlib import Path

from analysis.report import document as parts

_HERE = Path(__file__).parents[2]
_INSTALLED = _HERE / "readerstudy" / "shipped" / "static"
STATIC = (_INSTALLED if _INSTALLED.is_dir() else _HERE / "static") / "css"
SHEETS = ("base.css", "report.css")
"""The design language of the site's pages, which the file shares."""

SHORT = 8
"""A table of up to this many rows is not broken across pages."""

SENTENCE = 40
"""A column with a text longer than this keeps the room that reading it takes."""

Image = Callable[[parts.Picture], str]
"""Gives the markup of a picture's image."""


def fragment(document: parts.Document, image: Image) -> str:
    """Return the sections as HTML, for a page that has its own head, title and warnings.

    Parameters
    ----------
    document: the report.
    image: returns the img element (or elements) of a picture; it escapes what it puts in.
    """
    return "\n".join([_contents(document), *(_section(section, image) for section in document.sections)])


def standalone(document: parts.Document, figures: Mapping[str, bytes]) -> str:
    """Return a whole HTML file that needs nothing beside it.

    Parameters
    ----------
    document: the report.
    figures: name to SVG on white.

    Notes
    -----
    Its style is the site's own with the colours of paper.
    """

    def image(picture: parts.Picture) -> str:
        data = base64.b64encode(figures[picture.name]).decode()
        return f'<img src="data:image/svg+xml;base64,{data}" alt="{escape(picture.text)}">'

    warnings = "".join(
        f'<p class="notice"><strong>{escape(words)}</strong></p>' for words in document.warnings
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(document.title)}</title>\n<style>\n{_styles()}</style>\n</head>\n"
        f'<body>\n{warnings}<main class="page report">\n<h1>{escape(document.title)}</h1>\n'
        f"{fragment(document, image)}\n</main>\n</body>\n</html>\n"
    )


def _styles() -> str:
    sheets = [*(STATIC / name for name in SHEETS), Path(__file__).parent / "paper.css"]
    return "".join(sheet.read_text(encoding="utf-8") for sheet in sheets)


def _contents(document: parts.Document) -> str:
    links = "".join(
        f'<li><a href="#{escape(section.anchor)}">{escape(section.title)}</a></li>'
        for section in document.sections
    )
    return f'<nav class="report-contents" aria-label="Sections"><ol>{links}</ol></nav>'


def _section(section: parts.Section, image: Image) -> str:
    blocks = "\n".join(_block(block, image) for block in section.blocks)
    anchor = escape(section.anchor)
    return (
        f'<section class="report-section stack" aria-labelledby="{anchor}">\n'
        f'<h2 id="{anchor}">{escape(section.title)}</h2>\n{blocks}\n</section>'
    )


def _block(block: parts.Block, image: Image) -> str:
    if isinstance(block, parts.Picture):
        return (
            f'<figure class="panel report-figure">{image(block)}'
            f"<figcaption>{escape(block.text)}</figcaption></figure>"
        )
    if isinstance(block, parts.Points):
        return f'<ul class="report-points">{"".join(f"<li>{escape(item)}</li>" for item in block.items)}</ul>'
    if isinstance(block, parts.Text):
        return _text(block)
    if isinstance(block, parts.Named):
        return _named(block)
    return _grid(block) if isinstance(block, parts.Grid) else _findings(block)


def _text(block: parts.Text) -> str:
    kind = {"lede": "lede", "plain": "", "note": "small muted", "warning": "alert alert-caution"}[block.kind]
    return f'<p class="{kind}">{escape(block.text)}</p>' if kind else f"<p>{escape(block.text)}</p>"


def _named(block: parts.Named) -> str:
    rows = []
    for name, value in block.rows:
        mark = ' class="digest"' if name in block.codes else ""
        rows.append(f"<dt>{escape(name)}</dt><dd{mark}>{escape(value)}</dd>")
    return f'<dl class="facts">{"".join(rows)}</dl>'


def _grid(block: parts.Grid) -> str:
    if block.rows and not any(row[-1] for row in block.rows):  # a column of remarks without any
        block = replace(block, columns=block.columns[:-1], rows=tuple(row[:-1] for row in block.rows))

    sentences = {k for row in block.rows for k, cell in enumerate(row) if len(cell) > SENTENCE}

    def mark(column: int) -> str:
        kind = "num" if column in block.numeric else "words" if column in sentences else ""
        return f' class="{kind}"' if kind else ""

    head = "".join(f'<th scope="col"{mark(k)}>{escape(name)}</th>' for k, name in enumerate(block.columns))
    body = []
    for row in block.rows:
        cells = "".join(f"<td{mark(k)}>{escape(cell)}</td>" for k, cell in enumerate(row) if k)
        body.append(f'<tr><th scope="row"{mark(0)}>{escape(row[0])}</th>{cells}</tr>')
    caption = f"<caption>{escape(block.caption)}</caption>" if block.caption else ""
    short = " report-short" if len(block.rows) <= SHORT else ""
    return (
        f'<div class="table-wrap{short}" tabindex="0"><table class="table table-compact">{caption}'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def _findings(block: parts.Findings) -> str:
    cards = []
    for item in block.items:
        facts = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in item.facts)
        note = f'<p class="small muted">{escape(item.note)}</p>' if item.note else ""
        cards.append(
            f'<article class="card stack finding"><h3>{escape(item.title)}</h3>'
            f'<p class="finding-sentence">{escape(item.sentence)}</p><dl class="facts">{facts}</dl>{note}</article>'
        )
    return f'<div class="grid report-findings">{"".join(cards)}</div>'
