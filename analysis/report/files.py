"""The report and its figures as files: report.html and figures/."""

from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure

from analysis.figures.described import draw_described
from analysis.figures.flow import draw_flow
from analysis.figures.reader_study import reader_study_figures
from analysis.figures.theme import THEMES, ThemeName, render, save
from analysis.report.background import Background
from analysis.report.build import NO_BACKGROUND, reader_study_report
from analysis.report.flow import flow
from analysis.report.html import standalone
from analysis.report.words import groups_of
from analysis.stats import Results


def report_figures(
    results: Results, background: Background = NO_BACKGROUND, *, theme: ThemeName = "light"
) -> dict[str, Figure]:
    """Draw every figure that the report names: flow, forest, answers, paper_means; subgroups, described if there are.

    Where nothing can be compared it is flow and described alone.
    """
    drawn = flow(results, background)
    other: dict[str, Figure] = {}
    own = draw_flow(
        head=drawn.head,
        readers=drawn.readers,
        readers_lost=drawn.readers_lost,
        arms=drawn.arms,
        foot=drawn.foot,
        theme=theme,
        simulated=results.simulated,
    )
    named = groups_of(results)
    if background.described:
        other["described"] = draw_described(
            background.described, named, theme=theme, simulated=results.simulated
        )
    if results.not_comparable:
        return {"flow": own, **other}
    figures = reader_study_figures(results.frames(), groups=named, theme=theme, simulated=results.simulated)
    return {"flow": own, **figures, **other}


def report_html(results: Results, background: Background, figures: Mapping[str, Figure]) -> str:
    """Return the report as one HTML file with its pictures inside."""
    pictures = {name: render(figure) for name, figure in figures.items()}
    return standalone(reader_study_report(results, background), pictures)


def write_report(results: Results, folder: Path, background: Background = NO_BACKGROUND) -> None:
    """Write report.html and figures/ (NAME.svg and NAME.png on white, NAME-dark.svg for a dark page) to a folder."""
    pictures = folder / "figures"
    pictures.mkdir(parents=True, exist_ok=True)
    for theme in THEMES:
        figures = report_figures(results, background, theme=theme)
        for name, figure in figures.items():
            if theme == "light":
                save(figure, pictures / f"{name}.svg")
                save(figure, pictures / f"{name}.png")
            else:
                save(figure, pictures / f"{name}-dark.svg")
        if theme == "light":
            html = report_html(results, background, figures)
            (folder / "report.html").write_text(html, encoding="utf-8")
