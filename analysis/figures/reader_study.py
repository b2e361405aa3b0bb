"""All figures of a finished reader study, from the tables of its results."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from analysis.figures.answers import draw_answers
from analysis.figures.forest import draw_forest
from analysis.figures.paper_means import draw_paper_means
from analysis.figures.theme import THEMES, ThemeName, save


def reader_study_figures(
    tables: Mapping[str, pd.DataFrame], *, theme: ThemeName = "light", simulated: bool = False
) -> dict[str, Figure]:
    """Draw answers, forest and paper_means.

    Parameters
    ----------
    tables: the result tables by name: answers, comparisons, paper_compatible, and endpoints (endpoint, title,
        low, high, axis_low, axis_high).
    theme: ground and colours.
    simulated: writes so on every figure.
    """
    words = tables["endpoints"]
    comparisons = tables["comparisons"].merge(words, on="endpoint")
    primary = comparisons[comparisons["method"] == "u_centred"]
    paper = tables["paper_compatible"].merge(words, on="endpoint")
    return {
        "answers": draw_answers(tables["answers"], theme=theme, simulated=simulated),
        "forest": draw_forest(comparisons, theme=theme, simulated=simulated),
        "paper_means": draw_paper_means(paper, primary, theme=theme, simulated=simulated),
    }


def save_reader_study(tables: Mapping[str, pd.DataFrame], folder: Path, *, simulated: bool = False) -> None:
    """Write every figure to a folder: NAME.svg and NAME.png on white, NAME-dark.svg for a dark page."""
    folder.mkdir(parents=True, exist_ok=True)
    for theme in THEMES:
        figures = reader_study_figures(tables, theme=theme, simulated=simulated)
        for name, figure in figures.items():
            if theme == "light":
                save(figure, folder / f"{name}.svg")
                save(figure, folder / f"{name}.png")
            else:
                save(figure, folder / f"{name}-dark.svg")
