"""Agreement of two ensembles on every image, and where the exemplars end."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis.figures.theme import SIZE, THEMES, ThemeName, dress, new_figure


def draw_agreement(ranked: pd.DataFrame, *, theme: ThemeName = "light") -> Figure:
    """Draw the agreement of the images from the lowest up; the exemplars are marked.

    Parameters
    ----------
    ranked: score and exemplar (bool), from the lowest score up, as `Exemplars.ranked` has them.
    theme: ground and colours.
    """
    colors = THEMES[theme]
    figure = new_figure(6.4, 3.2, colors)
    axes = figure.add_axes((0.11, 0.17, 0.86, 0.7))
    score, chosen = ranked["score"].to_numpy(dtype=float), ranked["exemplar"].to_numpy(dtype=bool)
    place = np.arange(1, len(score) + 1)
    axes.plot(place, score, color=colors.control, linewidth=1)
    axes.plot(place[chosen], score[chosen], "o", color=colors.pie, markersize=4, markeredgewidth=0)
    title = f"{chosen.sum()} exemplars of {len(score)} images"
    dress(axes, colors, title=title, below="images, lowest agreement first")
    axes.set_ylabel("agreement", color=colors.muted, fontsize=SIZE - 0.5)
    return figure
