"""The published study's figure: mean and standard deviation of all ratings pooled."""

import textwrap

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.endpoints import GROUPS, Groups, capital
from analysis.figures.cells import Record, records
from analysis.figures.theme import (
    SIZE,
    THEMES,
    Theme,
    ThemeName,
    mark_simulated,
    new_figure,
    shortened,
    strip,
)
from analysis.printed import p_value

MOST = 3
"""Questions side by side."""

NOTE = (
    "Means ± standard deviation of all ratings pooled, as in the published study. The bars show the spread of "
    "the answers, not the precision of the mean. "
    "The pooled test counts every rating as independent, although the same readers and "
    "cases recur; the test below treats both as random, and decides."
)


def draw_paper_means(
    paper: pd.DataFrame,
    primary: pd.DataFrame,
    groups: Groups = GROUPS,
    *,
    theme: ThemeName = "light",
    simulated: bool = False,
) -> Figure:
    """Draw mean ± SD per arm for each question, with the pooled p-value and the primary one.

    Parameters
    ----------
    paper: the paper_compatible table, with title, low and high (the ends of the scale).
    primary: endpoint and p of the primary comparison.
    groups: what the arms are called.
    theme: ground and colours.
    simulated: writes so on the figure.
    """
    colors = THEMES[theme]
    across = min(len(paper), MOST)
    down = -(-len(paper) // MOST)
    height = 3.0 * down + 0.6
    figure = new_figure(7.2, height, colors)
    grid = figure.add_gridspec(
        down,
        across,
        left=0.055,
        right=0.985,
        top=1 - 0.612 / height,
        bottom=1.404 / height,
        wspace=0.28,
        hspace=0.9,
    )
    p_of = {row["endpoint"]: row["p"] for row in records(primary)}
    for k, row in enumerate(records(paper)):
        axes = figure.add_subplot(grid[k])
        _panel(axes, row, groups, colors)
        pooled, both = p_value(row["kruskal_p"]), p_value(p_of.get(row["endpoint"]))
        words = f"pooled: p {pooled}\nwith readers and cases: p {both}"
        axes.text(
            0.46, -0.24, words, transform=axes.transAxes, ha="center", va="top", fontsize=SIZE - 0.5,
            color=colors.text, linespacing=1.4,
        )  # fmt: skip
    figure.text(
        0.055, 0.108 / height, textwrap.fill(NOTE, 122), fontsize=SIZE - 1.7, color=colors.muted, va="bottom",
        linespacing=1.35,
    )  # fmt: skip
    if simulated:
        mark_simulated(figure, colors)
    return figure


def _panel(axes: Axes, row: Record, groups: Groups, colors: Theme) -> None:
    for x, (arm, color) in enumerate((("pie", colors.pie), ("control", colors.control))):
        mean, sd = row[f"{arm}_mean"], row[f"{arm}_sd"]
        if mean is None:
            continue
        spread = 0.0 if sd is None else sd
        axes.errorbar(
            [x], [mean], yerr=[spread], fmt="o", markersize=8, color=color, ecolor=color,
            elinewidth=1.6, capsize=5, capthick=1.6,
        )  # fmt: skip
        axes.text(
            x + 0.13, mean, f"{mean:.2f}", va="center", fontsize=SIZE, color=colors.text,
        )  # fmt: skip
    if row["kind"] != "number":
        low, high = row["low"], row["high"]
        pad = 0.12 * (high - low)
        axes.set_ylim(low - 2.2 * pad, high + 2.2 * pad)
        if high - low < 12:
            axes.set_yticks(range(low, high + 1))
    axes.grid(axis="y", color=colors.line, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.set_xlim(-0.5, 1.6)
    names = (("pie", groups.one), ("control", groups.other))
    axes.set_xticks([0, 1], [f"{shortened(capital(name), 14)}\nn = {row[f'{arm}_n']}" for arm, name in names])
    strip(axes, colors)
    title = textwrap.fill(shortened(row["title"], 40), 20)
    axes.set_title(title, fontsize=SIZE + 0.5, fontweight="bold", color=colors.text, loc="left")
