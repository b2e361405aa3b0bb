"""The PDF of a document of texts: nothing is lost, headings are above what they head, the same bytes again."""

import re

import pytest

from analysis.report.document import Document, Grid, Named, Points, Section, Text
from analysis.report.pdf import LINES, VALUE, pages_of, pdf_of

LONG = " ".join(f"word{k}" for k in range(900))
BLOCKS = (
    Text(f"First.\n\n{LONG}"),
    Points(("one", LONG)),
    Named((("A name that is longer than its column", "x" * 200), ("B", ""))),
)


def document(sections: int) -> Document:
    return Document(
        "A study", tuple(Section(f"s{k}", f"Part {k}", BLOCKS) for k in range(sections)), ("WARNING",), "foot"
    )


def test_every_word_is_on_a_page_and_no_heading_at_its_end() -> None:
    pages = pages_of(document(9))
    lines = [line for page in pages for line in page]
    written = " ".join(part for line in lines for part in (line.name, line.value) if part.strip())
    for word in ("A study", "WARNING", "Part 8", "First."):
        assert word in written
    assert len(re.findall(r"word\d+", written)) == 9 * 2 * 900
    assert written.count("x") == 9 * 200
    assert max(len(line.value) for line in lines) <= VALUE
    short = tuple(Section(f"s{k}", f"Part {k}", (Text("one line"),)) for k in range(60))
    for page in (*pages, *pages_of(Document("A study", short))):
        assert len(page) <= LINES
        assert not page[-1].heading
        assert page[0].name or page[0].value.strip()


def test_bytes_are_the_same_again_and_have_the_pages() -> None:
    data = pdf_of(document(2))
    assert data.startswith(b"%PDF")
    assert data == pdf_of(document(2))
    assert len(re.findall(rb"/Type /Page\b", data)) == len(pages_of(document(2)))


def test_what_it_cannot_print_is_refused() -> None:
    with pytest.raises(ValueError, match="got Grid"):
        pdf_of(Document("t", (Section("x", "X", (Grid("", ("a",), (("b",),)),)),)))
