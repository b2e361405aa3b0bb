"""Forest plot: each reader's theta and the pooled primary result of every question."""

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

ROW, CLOSE, MANY = 0.23, 0.155, 12
"""Height of a row in inches; with more rows than `MANY` they stand closer, so that all fits a page."""


def draw_forest(
    comparisons: pd.DataFrame, groups: Groups = GROUPS, *, theme: ThemeName = "light", simulated: bool = False
) -> Figure:
    """Draw theta = P(arm 1 answered higher than arm 0) + half the ties, with intervals.

    Parameters
    ----------
    comparisons: the comparisons table; rows of the methods u_centred (pooled) and reader_delong are drawn;
        with title, axis_low and axis_high (what lies left and right of 0.5) of the question, and the name of
        the intervals.
    groups: what the arms are called.
    theme: ground and colours.
    simulated: writes so on the figure.
    """
    colors = THEMES[theme]
    drawn = comparisons[comparisons["method"].isin(["u_centred", "reader_delong"])]
    endpoints = list(dict.fromkeys(drawn["endpoint"]))
    rows = [drawn[drawn["endpoint"] == name] for name in endpoints]
    heights = [0.82 + (ROW if len(own) <= MANY else CLOSE) * len(own) for own in rows]
    figure = new_figure(7.2, sum(heights) + 0.75, colors)
    total = sum(heights) + 0.75
    top = total - 0.25
    for own, height in zip(rows, heights, strict=True):
        box = (0.11, (top - height + 0.25) / total, 0.56, (height - 0.62) / total)
        axes = figure.add_axes(box)
        _endpoint(axes, own, capital(groups.ones), colors, total)
        top -= height
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.5\nno difference", "0.75", "1"])
    axes.tick_params(labelbottom=True)
    for label in axes.get_xticklabels():
        label.set_color(colors.muted)
    figure.text(
        0.11,
        0.1 / total,
        f"θ: how often a {groups.one} got a higher answer than a {groups.other}, ties counted half. "
        f"Bars: {drawn['interval'].iloc[0]}s.",
        fontsize=SIZE - 1,
        color=colors.muted,
        va="bottom",
    )
    if simulated:
        mark_simulated(figure, colors)
    return figure


def _endpoint(axes: Axes, own: pd.DataFrame, named: str, colors: Theme, inches: float) -> None:
    readers = records(own[own["method"] == "reader_delong"])
    pooled = records(own[own["method"] == "u_centred"])[0]
    axes.axvline(0.5, color=colors.muted, linewidth=0.9, linestyle=(0, (4, 3)), zorder=0)
    for y, row in enumerate(readers):
        _interval(axes, y, row, colors.muted, thick=False)
        _label(axes, y, shortened(row["reader"]), row, colors, strong=False)
    last = len(readers) + 0.25
    _interval(axes, last, pooled, colors.text, thick=True)
    _label(axes, last, "All", pooled, colors, strong=True)
    axes.set_xlim(0, 1)
    axes.set_ylim(last + 0.6, -0.6)
    axes.set_yticks([])
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1])
    axes.grid(axis="x", color=colors.line, linewidth=0.5)
    axes.set_axisbelow(True)
    strip(axes, colors)
    axes.tick_params(labelbottom=False)
    _headings(axes, pooled, named, colors, inches)


def _headings(axes: Axes, pooled: Record, named: str, colors: Theme, inches: float) -> None:
    height = axes.get_position().height * inches
    above = 1 + 0.07 / height
    axes.text(
        -0.17, above + 0.17 / height, pooled["title"], transform=axes.transAxes, fontsize=SIZE + 1.5,
        fontweight="bold", color=colors.text,
    )  # fmt: skip
    for x, words, side in (
        (0.0, f"← {shortened(named, 14)}: {shortened(pooled['axis_low'], 34)}", "left"),
        (1.0, f"{shortened(pooled['axis_high'], 34)} →", "right"),
    ):
        axes.text(x, above, words, transform=axes.transAxes, fontsize=SIZE - 1.5, color=colors.muted, ha=side)
    for x, words in ((1.045, f"θ  [{pooled['interval']}]"), (1.4, "p")):
        axes.text(x, above, words, transform=axes.transAxes, fontsize=SIZE - 1.5, color=colors.muted)


def _interval(axes: Axes, y: float, row: Record, color: str, *, thick: bool) -> None:
    theta, low, high = row["estimate"], row["ci_low"], row["ci_high"]
    if theta is None:
        return
    if low is not None and high is not None:
        axes.plot([low, high], [y, y], color=color, linewidth=2.6 if thick else 1.3, solid_capstyle="butt")
    axes.plot(
        [theta], [y], marker="D" if thick else "o", markersize=7.5 if thick else 4.8, color=color,
        markeredgewidth=0, clip_on=False,
    )  # fmt: skip


def _label(axes: Axes, y: float, name: str, row: Record, colors: Theme, *, strong: bool) -> None:
    place = axes.get_yaxis_transform()
    weight = "bold" if strong else "normal"
    color = colors.text if strong else colors.muted
    axes.text(
        -0.03,
        y,
        name,
        transform=place,
        ha="right",
        va="center",
        fontsize=SIZE,
        color=color,
        fontweight=weight,
    )
    for x, words in ((1.045, _estimate(row)), (1.4, p_value(row["p"]))):
        axes.text(x, y, words, transform=place, va="center", fontsize=SIZE, color=color, fontweight=weight)


def _estimate(row: Record) -> str:
    theta, low, high = row["estimate"], row["ci_low"], row["ci_high"]
    if theta is None:
        return "not estimable"
    if low is None or high is None:
        return f"{theta:.2f}  [no interval]"
    return f"{theta:.2f}  [{low:.2f}, {high:.2f}]"
