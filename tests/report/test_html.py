"""The document as HTML: everything escaped, nothing from elsewhere."""

import re
from html.parser import HTMLParser

from analysis.report import Background, fragment, reader_study_report, report_figures, standalone
from analysis.report.build import report_html
from analysis.report.document import Document, Finding, Findings, Grid, Named, Picture, Points, Section, Text
from tests.stats.reference_data import A, analysed

EVIL = "<script>alert('1')</script> \" & '"


class Tags(HTMLParser):
    VOID = frozenset({"meta", "img", "link"})

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.faults = [], [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)


def parsed(html):
    tags = Tags()
    tags.feed(html)
    assert tags.faults == []
    assert tags.open == []
    return tags.seen


def test_every_kind_of_text_is_escaped():
    blocks = (
        Text(EVIL), Text(EVIL, "warning"), Points((EVIL,)), Named(((EVIL, EVIL),), frozenset({EVIL})),
        Grid(EVIL, (EVIL, EVIL), ((EVIL, EVIL),)), Picture("forest", EVIL),
        Findings((Finding(EVIL, EVIL, ((EVIL, EVIL),), EVIL),)),
    )  # fmt: skip
    document = Document(EVIL, (Section("x", EVIL, blocks),), (EVIL,))
    html = standalone(document, {"forest": b"<svg/>"})
    tags = parsed(html)
    assert "script" not in {tag for tag, _ in tags}
    assert html.count("&lt;script&gt;") == 22
    assert [attrs["alt"] for tag, attrs in tags if tag == "img"] == [EVIL]


def test_a_column_of_remarks_without_any_is_left_out():
    grid = Grid("", ("Question", "Remark"), (("a", ""), ("b", "")))
    html = fragment(Document("t", (Section("x", "X", (grid,)),)), str)
    assert "Question" in html
    assert "Remark" not in html


def test_file_stands_alone_and_shows_every_picture():
    figures = report_figures(analysed(A))
    html = report_html(analysed(A), Background(title="A study"), figures)
    tags = parsed(html)
    for _, attrs in tags:
        for name in ("src", "href"):
            assert attrs.get(name, "#").startswith(("data:image/svg+xml;base64,", "#"))
    assert not re.search(r"url\(|@import", html)
    assert sum(tag == "img" for tag, _ in tags) == len(figures) == 4
    assert "<title>A study</title>" in html


def test_contents_lead_to_every_section():
    document = reader_study_report(analysed(A))
    tags = parsed(fragment(document, lambda picture: f"<img alt='{picture.name}'>"))
    ids = {attrs["id"] for _, attrs in tags if "id" in attrs}
    links = {attrs["href"].removeprefix("#") for tag, attrs in tags if tag == "a"}
    assert links == ids == {section.anchor for section in document.sections}
