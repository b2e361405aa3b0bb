"""The report on paper: Chromium prints it through the print style sheet."""

import re
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from analysis.report import Background, report_figures
from analysis.report.build import report_html
from analysis.stats import analyse, simulate_study

pytestmark = pytest.mark.browser

A4_POINTS = (595, 842)


@pytest.fixture(scope="module")
def report() -> str:
    """Return the report of a study of twenty readers with repeats, missing answers and subgroups."""
    study = simulate_study(seed=4, readers=20, cases=24, repeats=6, missing=0.03)
    cases = study.drop_duplicates("case")[["case"]].assign(class_group="head", n_findings="1")
    results = analyse(study, seed=1, draws=99, bootstraps=50, simulated=True, subgroups=cases)
    background = Background(title="Printed", origin=(("Key", "ab" * 32),), codes=frozenset({"Key"}))
    return report_html(results, background, report_figures(results, background))


def test_prints_on_a4_with_everything_on_it(browser: Browser, report: str, tmp_path: Path) -> None:
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.set_content(report)
    page.pdf(path=tmp_path / "report.pdf", prefer_css_page_size=True)
    page.close()
    assert [url for url in asked if not url.startswith("data:")] == []
    facts = subprocess.run(
        ["pdfinfo", tmp_path / "report.pdf"], capture_output=True, text=True, check=True
    ).stdout
    size = re.search(r"Page size:\s+([\d.]+) x ([\d.]+)", facts)
    assert size is not None
    assert tuple(round(float(value)) for value in size.groups()) == A4_POINTS
    pages = int(re.search(r"Pages:\s+(\d+)", facts).group(1))  # type: ignore[union-attr]
    assert 8 <= pages <= 25
    text = subprocess.run(
        ["pdftotext", "-layout", tmp_path / "report.pdf", "-"], capture_output=True, text=True, check=True
    ).stdout
    for title in ("Summary", "Flow of readers and cases", "Primary comparison", "Each reader", "Sensitivity analyses",
                  "Agreement", "Reading times", "What was not answered", "As the published study computed it",
                  "Assumptions and limits", "How to redo it", "Checklists"):  # fmt: skip
        # At the left edge: a checklist's cell may name a section. The contents are for the screen.
        assert len(re.findall(rf"^\f? {{0,4}}{title} *$", text, re.M)) == 1, title
    assert "SIMULATED" in text
    assert "Funding" in text  # the last line of the last checklist
    assert f"{pages} / {pages}" in text


def test_nothing_sticks_out_of_the_paper(browser: Browser, report: str) -> None:
    page = browser.new_page(viewport={"width": 688, "height": 1000})  # 182 mm between the margins
    page.emulate_media(media="print")
    page.set_content(report)
    out = page.evaluate(
        """() => [...document.querySelectorAll("body *")]
             .filter((e) => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
             .map((e) => `${e.tagName}.${e.className}: ${e.textContent.slice(0, 60)}`)"""
    )
    page.close()
    assert out == []


def test_fits_a_narrow_window_and_a_wide_one(browser: Browser, report: str) -> None:
    for width in (360, 1400):
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.set_content(report)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.close()
