"""The figures of an unblinded study, by name, as SVG."""

import pandas as pd

from analysis.figures.forest import draw_forest
from analysis.figures.theme import ThemeName, render
from analysis.stats import Results

TITLES = {
    "forest": "How often an exemplar was answered higher than a control, per reader and over all",
}


def figure_svg(name: str, results: Results, ratings: pd.DataFrame, *, theme: ThemeName = "light") -> bytes:
    """Draw one figure.

    Raises
    ------
    KeyError: no figure has this name.
    """
    return render(draw_forest(results.frame("comparisons"), theme=theme, simulated=results.simulated))


def figures_of(results: Results, ratings: pd.DataFrame) -> dict[str, bytes]:
    """Draw every figure for print."""
    return {name: figure_svg(name, results, ratings) for name in TITLES}
