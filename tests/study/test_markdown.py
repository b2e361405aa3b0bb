"""What an admin writes becomes HTML that can do nothing."""

from html.parser import HTMLParser

import pytest

from readerstudy.study.markdown import TAGS, render


class Found(HTMLParser):
    """Collects every tag and attribute."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str | None]] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= set(attrs)


@pytest.mark.parametrize(
    "written",
    [
        "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "a <b onclick='x()'>b</b>", "<style>p {}</style>",
        "![x](https://elsewhere.example/x.png)", "[x](javascript:alert(1))", "[x](JaVaScRiPt:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)", "[x](vbscript:x)", "[x](ftp://elsewhere.example/x)",
        "<javascript:alert(1)>", "[x]: javascript:alert(1)\n\n[x]", "```language-x onload=x\ncode\n```",
        "<svg onload=alert(1)>", "<a href='https://e.example' style='color: red'>x</a>", "&lt;script&gt;", "<!-- x -->",
        "| a |\n|:-:|\n| <iframe src='https://e.example'></iframe> |",
    ],
)  # fmt: skip
def test_nothing_that_acts_comes_through(written: str) -> None:
    found = Found(render(written))
    assert found.tags <= TAGS
    assert {name for name, _ in found.attributes} <= {"href", "rel"}
    assert all((value or "").startswith("https://") for name, value in found.attributes if name == "href")


def test_what_is_meant_comes_through() -> None:
    html = render("# Title\n\nRead **all** of [this](https://example.org/a), then 1 < 2.\n\n- one\n- two")
    assert "<h2>Title</h2>" in html
    assert '<a href="https://example.org/a" rel="noopener noreferrer">this</a>' in html
    assert "1 &lt; 2" in html
    assert html.count("<li>") == 2
