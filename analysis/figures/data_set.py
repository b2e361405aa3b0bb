"""The figure of a data set: how often each class is in it, which is what makes a tail long."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

from analysis.figures.theme import SIZE, THEMES, ThemeName, new_figure, shortened, strip

SPLITS = {"train": "training", "val": "validation", "test": "test"}


def draw_class_counts(classes: pd.DataFrame, *, theme: ThemeName = "light") -> Figure:
    """Draw the positive images of each class on a logarithmic axis, the commonest class on top.

    Parameters
    ----------
    classes: column `name`, and counts of positive images in any of `train`, `val` and `test`. The first of
        train, test, val that is there is drawn as bars, the others as ticks across them.
    theme: ground and colours.
    """
    colors = THEMES[theme]
    there = [role for role in ("train", "test", "val") if role in classes]
    rows = classes.sort_values(there[0], kind="stable").reset_index(drop=True)
    figure = new_figure(7.6, 1.0 + 0.25 * len(rows), colors)
    axes = figure.subplots()
    places = np.arange(len(rows))
    counts = rows[there[0]].to_numpy(dtype=float)
    axes.barh(
        places, np.maximum(counts, 0.6), left=0.5, height=0.7, color=colors.control, label=SPLITS[there[0]]
    )
    for role, color in zip(there[1:], (colors.pie, colors.text), strict=False):
        values = np.maximum(rows[role].to_numpy(dtype=float), 0.55)
        axes.plot(values, places, "|", color=color, markersize=10, markeredgewidth=2, label=SPLITS[role])
    axes.set_xscale("log")
    axes.set_xlim(0.5, max(10.0, float(rows[there].to_numpy().max()) * 1.6))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_yticks(
        places, [f"{shortened(row['name'])}  {int(row[there[0]]):,}" for row in rows.to_dict("records")]
    )
    axes.set_ylim(-0.7, len(rows) - 0.3)
    axes.set_xlabel("positive images, logarithmic", color=colors.muted, fontsize=SIZE)
    axes.set_title("Positive images by class", color=colors.text, fontsize=SIZE + 1, loc="left", pad=10)
    axes.legend(frameon=False, fontsize=SIZE, labelcolor=colors.text, loc="lower right")
    axes.grid(axis="x", color=colors.line, linewidth=0.7)
    axes.set_axisbelow(True)
    strip(axes, colors)
    height = figure.get_figheight()
    figure.subplots_adjust(left=0.34, right=0.97, top=1 - 0.42 / height, bottom=0.5 / height)
    return figure
