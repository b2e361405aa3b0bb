"""All figures of a finished reader study, from the tables of its results."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from analysis.figures.answers import draw_answers
from analysis.figures.forest import draw_forest
from analysis.figures.paper_means import draw_paper_means
from analysis.figures.subgroups import draw_subgroups
from analysis.figures.theme import ThemeName

GROUPINGS = {"class_group": "By rarest finding", "n_findings": "By number of diseases"}


def reader_study_figures(
    tables: Mapping[str, pd.DataFrame], *, theme: ThemeName = "light", simulated: bool = False
) -> dict[str, Figure]:
    """Draw answers, forest, paper_means and, where the study has subgroups, subgroups.

    Parameters
    ----------
    tables: the result tables by name: answers, comparisons, paper_compatible, subgroups, and endpoints
        (endpoint, title, low, high, axis_low, axis_high, interval).
    theme: ground and colours.
    simulated: writes so on every figure.
    """
    words = tables["endpoints"]
    comparisons = tables["comparisons"].merge(words, on="endpoint")
    primary = comparisons[comparisons["method"] == "u_centred"]
    paper = tables["paper_compatible"].merge(words, on="endpoint")
    figures = {
        "answers": draw_answers(tables["answers"], theme=theme, simulated=simulated),
        "forest": draw_forest(comparisons, theme=theme, simulated=simulated),
        "paper_means": draw_paper_means(paper, primary, theme=theme, simulated=simulated),
    }
    groups = tables["subgroups"]
    if len(groups):
        figures["subgroups"] = draw_subgroups(groups, primary, GROUPINGS, theme=theme, simulated=simulated)
    return figures
