"""Forest plot of the subgroups of cases, one panel per question."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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

ROW, GAP, MOST = 0.23, 0.6, 3
"""Height of a row and between panels in inches; questions side by side."""


def draw_subgroups(
    subgroups: pd.DataFrame,
    overall: pd.DataFrame,
    names: dict[str, str],
    *,
    theme: ThemeName = "light",
    simulated: bool = False,
) -> Figure:
    """Draw theta of every subgroup with its interval, the comparison over all cases below.

    Parameters
    ----------
    subgroups: the subgroups table.
    overall: the primary comparison of each question: endpoint, title, estimate, ci_low, ci_high,
        and the name of the intervals.
    names: grouping to its words.
    theme: ground and colours.
    simulated: writes so on the figure.
    """
    colors = THEMES[theme]
    endpoints = list(dict.fromkeys(overall["endpoint"]))
    lines = _lines(subgroups, names)
    across, down = min(len(endpoints), MOST), -(-len(endpoints) // MOST)
    panel = ROW * (len(lines) + 1) + 0.38
    height = down * panel + (down - 1) * GAP + 0.92
    figure = new_figure(7.2, height, colors)
    grid = figure.add_gridspec(
        down, across, left=0.17, right=0.985, top=1 - 0.42 / height, bottom=0.5 / height, wspace=0.08,
        hspace=GAP / panel,
    )  # fmt: skip
    for k, name in enumerate(endpoints):
        axes = figure.add_subplot(grid[k])
        own = {(r["grouping"], r["group"]): r for r in records(subgroups[subgroups["endpoint"] == name])}
        whole = records(overall[overall["endpoint"] == name])[0]
        _panel(axes, lines, own, whole, colors, labelled=k % across == 0)
    figure.text(
        0.17, 0.06 / height,
        f"θ with {overall['interval'].iloc[0]}; grey p: not adjusted, explorative. No mark: too few cases.",
        fontsize=SIZE - 1.5, color=colors.muted, va="bottom",
    )  # fmt: skip
    if simulated:
        mark_simulated(figure, colors)
    return figure


def _lines(subgroups: pd.DataFrame, names: dict[str, str]) -> list[tuple[str, str | None, str]]:
    """Return a heading for each grouping (group None), then its groups."""
    lines: list[tuple[str, str | None, str]] = []
    for grouping in dict.fromkeys(subgroups["grouping"]):
        lines.append((grouping, None, shortened(names.get(grouping, grouping))))
        groups = subgroups.loc[subgroups["grouping"] == grouping, "group"]
        lines += [(grouping, group, shortened(group)) for group in dict.fromkeys(groups)]
    return lines


def _panel(
    axes: Axes,
    lines: list[tuple[str, str | None, str]],
    own: dict[tuple[str, str], Record],
    whole: Record,
    colors: Theme,
    *,
    labelled: bool,
) -> None:
    axes.axvline(0.5, color=colors.muted, linewidth=0.9, linestyle=(0, (4, 3)), zorder=0)
    place = axes.get_yaxis_transform()
    for y, (grouping, group, words) in enumerate(lines):
        if labelled:
            bold = "bold" if group is None else "normal"
            axes.text(
                -0.04 if group is not None else -0.52, y, words, transform=place, va="center", fontsize=SIZE - 0.5,
                ha="right" if group is not None else "left", color=colors.text, fontweight=bold,
            )  # fmt: skip
        row = None if group is None else own.get((grouping, group))
        if row is not None and row["estimate"] is not None:
            _mark(axes, y, row, colors.muted, strong=False)
            axes.text(0.985, y, p_value(row["p"]), transform=place, ha="right", va="center", fontsize=SIZE - 2,
                      color=colors.muted)  # fmt: skip
    last = len(lines) + 0.3
    _mark(axes, last, whole, colors.text, strong=True)
    if labelled:
        axes.text(-0.04, last, "All cases", transform=place, ha="right", va="center", fontsize=SIZE - 0.5,
                  color=colors.text, fontweight="bold")  # fmt: skip
    axes.set_xlim(0, 1.22)
    axes.set_ylim(last + 0.7, -0.7)
    axes.set_yticks([])
    axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    strip(axes, colors)
    axes.set_title(
        shortened(whole["title"], 22), fontsize=SIZE, fontweight="bold", color=colors.text, loc="left"
    )


def _mark(axes: Axes, y: float, row: Record, color: str, *, strong: bool) -> None:
    if row["estimate"] is None:
        return
    if row["ci_low"] is not None:
        axes.plot([row["ci_low"], row["ci_high"]], [y, y], color=color, linewidth=2.4 if strong else 1.3)
    axes.plot([row["estimate"]], [y], marker="D" if strong else "o", markersize=6.5 if strong else 4.5, color=color,
              markeredgewidth=0)  # fmt: skip
