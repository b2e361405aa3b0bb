"""Pairs of classes: which are forgotten alike, and what goes with it."""

import numpy as np
import pandas as pd
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from analysis.figures import theme as look
from analysis.figures.findings_frequency import above, correlation

ALL = 100.0
"""Darkest colour, % of the dense AP: a difference of everything there was. One class would bleach all others."""


def clustered(pairs: pd.DataFrame, value: str) -> tuple[list[str], np.ndarray]:
    """Order classes so that those forgotten alike are neighbours.

    Average linkage, leaves ordered so that neighbours are as near as can be (Bar-Joseph et al. 2001).

    Parameters
    ----------
    pairs: class_a, class_b and the column `value`, every pair once.

    Returns
    -------
    Names in drawing order, and the float64 table, classes x classes, in that order.
    """
    names = list(dict.fromkeys([*pairs["class_a"], *pairs["class_b"]]))
    places = {name: place for place, name in enumerate(names)}
    table = np.zeros((len(names), len(names)))
    for a, b, number in zip(pairs["class_a"], pairs["class_b"], pairs[value], strict=True):
        table[places[a], places[b]] = table[places[b], places[a]] = float(number)
    if len(names) < 3:
        return names, table
    order = leaves_list(linkage(squareform(table), method="average", optimal_ordering=True))
    return [names[place] for place in order], table[np.ix_(order, order)]


def draw_heat_map(pairs: pd.DataFrame, *, theme: look.ThemeName = "light") -> Figure:
    """Draw the root mean squared difference of two classes' curves (square root of FCD mse), clustered.

    The root has the unit of the curves, so that a colour reads as percent of the dense AP.

    Parameters
    ----------
    pairs: class_a, class_b, fcd_mse.
    theme: ground and colours.
    """
    colors = look.THEMES[theme]
    names, table = clustered(pairs, "fcd_mse")
    shown = 100 * np.sqrt(table)
    side = 0.24 * max(len(names), 4)
    width, height = side + 3.0, side + 2.4
    figure = look.new_figure(width, height, colors)
    axes = figure.add_axes((1.95 / width, 1.75 / height, side / width, side / height))
    ramp = LinearSegmentedColormap.from_list("alike", [colors.ground, colors.control])
    most = float(shown.max(initial=0.0))
    image = axes.imshow(shown, cmap=ramp, vmin=0, vmax=min(max(most, 1e-9), ALL))
    labels = [look.shortened(name) for name in names]
    axes.set_xticks(range(len(names)), labels, rotation=90)
    axes.set_yticks(range(len(names)), labels)
    look.strip(axes, colors)
    bar = figure.colorbar(
        image, cax=figure.add_axes(((1.95 + side + 0.18) / width, 1.75 / height, 0.14 / width, side / height))
    )
    bar.outline.set_visible(False)
    look.strip(bar.ax, colors)
    look.write(figure, 0.1 / width, 1 - 0.12 / height, "Classes that are forgotten alike", colors.text,
               size=1, level="top")  # fmt: skip
    words = "Difference of two forgettability curves, root of FCD (mse), in % of the dense AP.\nLight: alike."
    capped = " Darkest: 100 % or more." if most > ALL else ""
    look.write(figure, 0.1 / width, 1 - 0.34 / height, words + capped, colors.muted, size=-1.5, level="top")
    return figure


def draw_relations(
    pairs: pd.DataFrame, relations: pd.DataFrame, *, theme: look.ThemeName = "light"
) -> Figure:
    """Draw FCD (mse) of each pair against its co-occurrence and against its distance in frequency.

    Parameters
    ----------
    pairs: fcd_mse, iou, log_frequency_difference.
    relations: rows of the variant `true`: with, method, estimate, ci_low, ci_high, p.
    theme: ground and colours.
    """
    colors = look.THEMES[theme]
    found = [row for row in look.records(relations) if row["variant"] == "true"]
    figure = look.new_figure(9.0, 4.0, colors)
    for axes, column, title, below in zip(
        figure.subplots(1, 2, sharey=True),
        ("iou", "log_frequency_difference"),
        ("Against co-occurrence", "Against distance in training frequency"),
        ("IoU of positive test images", "|difference of log training positives|"),
        strict=True,
    ):
        known = pairs[pairs[column].notna()]
        axes.plot(
            known[column].astype(float), known["fcd_mse"].astype(float), "o", color=colors.control,
            markersize=4, alpha=0.55, markeredgewidth=0, clip_on=False,
        )  # fmt: skip
        if (pairs["fcd_mse"].astype(float) > 0).all():
            axes.set_yscale("log")
            look.label_powers(axes.yaxis)
        look.dress(axes, colors, title=title, below=below, pad=32)
        rows = [row for row in found if row["with"] == column]
        words = [
            correlation(row, ",") + (" by permuting classes" if row["estimate"] is not None else "")
            for row in rows
        ]
        above(axes, words, colors)
    figure.axes[0].set_ylabel(
        "FCD (mse), large = forgotten differently", color=colors.muted, fontsize=look.SIZE - 0.5
    )
    figure.subplots_adjust(left=0.08, right=0.985, top=0.8, bottom=0.14, wspace=0.1)
    return figure
