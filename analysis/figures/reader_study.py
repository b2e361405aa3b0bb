"""All figures of a finished reader study, from the tables of its results."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from analysis.endpoints import GROUPS, Groups
from analysis.figures.answers import draw_answers
from analysis.figures.forest import draw_forest
from analysis.figures.paper_means import draw_paper_means
from analysis.figures.subgroups import draw_subgroups
from analysis.figures.theme import ThemeName

GROUPINGS = {"class_group": "By rarest finding", "n_findings": "By number of diseases"}


def reader_study_figures(
    tables: Mapping[str, pd.DataFrame],
    *,
    groups: Groups = GROUPS,
    theme: ThemeName = "light",
    simulated: bool = False,
) -> dict[str, Figure]:
    """Draw forest, paper_means, answers where a question has levels, and subgroups where the study has them.

    Parameters
    ----------
    tables: the result tables by name: answers, comparisons, paper_compatible, subgroups, and endpoints
        (endpoint, title, low, high, axis_low, axis_high, interval).
    groups: what the arms are called.
    theme: ground and colours.
    simulated: writes so on every figure.
    """
    words = tables["endpoints"]
    comparisons = tables["comparisons"].merge(words, on="endpoint")
    primary = comparisons[comparisons["method"] == "u_centred"]
    paper = tables["paper_compatible"].merge(words, on="endpoint")
    figures = {
        "forest": draw_forest(comparisons, groups, theme=theme, simulated=simulated),
        "paper_means": draw_paper_means(paper, primary, groups, theme=theme, simulated=simulated),
    }
    if len(tables["answers"]):
        figures["answers"] = draw_answers(tables["answers"], groups, theme=theme, simulated=simulated)
    if len(tables["subgroups"]):
        figures["subgroups"] = draw_subgroups(
            tables["subgroups"], primary, GROUPINGS, theme=theme, simulated=simulated
        )
    return figures
