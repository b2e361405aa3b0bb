"""Forgettability curves of a run: one small panel per class, most frequent first."""

import math

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.cells import Record, records
from analysis.figures.theme import SIZE, THEMES, Theme, ThemeName, new_figure, shortened, strip

COLUMNS = 5
LOWEST, HIGHEST = -100.0, 100.0
"""Range of the panels, % of the dense AP: a rare class may gain many times its AP by chance."""


def draw_curves(curves: pd.DataFrame, classes: pd.DataFrame, *, theme: ThemeName = "light") -> Figure:
    """Draw the relative change of AP against sparsity: median over seeds and its bootstrap band.

    Parameters
    ----------
    curves: class, sparsity, median, low, high; classes without a curve are not drawn.
    classes: class, train_positives, first_drop.
    theme: ground and colours.
    """
    colors = THEMES[theme]
    drawn = curves[curves["median"].notna()]
    panels = [row for row in records(classes) if row["class"] in set(drawn["class"])]
    panels.sort(key=lambda row: -(row["train_positives"] or 0))
    lines = math.ceil(len(panels) / COLUMNS)
    height = 1.32 * lines + 1.0
    figure = new_figure(9.0, height, colors)
    grid = figure.subplots(lines, COLUMNS, sharex=True, sharey=True, squeeze=False)
    top = max(10.0, 100 * float(pd.to_numeric(drawn["high"].fillna(drawn["median"])).max()))
    for place, axes in enumerate(grid.flat):
        if place >= len(panels):
            axes.set_visible(False)
            continue
        _panel(axes, drawn[drawn["class"] == panels[place]["class"]], panels[place], colors)
        # Shared axes hide the tick labels of all rows but the last; the last row may be short.
        axes.tick_params(labelbottom=place + COLUMNS >= len(panels), labelleft=place % COLUMNS == 0)
        axes.set_ylim(LOWEST - 4, min(top, HIGHEST) + 4)
    figure.suptitle(
        "Change of AP as weights are removed, % of the dense AP: median over seeds, 95 % bootstrap band",
        x=0.06, y=1 - 0.12 / height, ha="left", va="top", color=colors.text, fontsize=SIZE + 1,
    )  # fmt: skip
    figure.text(
        0.06, 0.08 / height,
        "Weights removed, %. Beside each name: training positives. Dashed: a fall of 20 %; dot: the first sparsity "
        "below it." + (" Cut at +100 %." if top > HIGHEST else ""),
        color=colors.muted, fontsize=SIZE - 1, va="bottom",
    )  # fmt: skip
    figure.subplots_adjust(
        left=0.06, right=0.985, top=1 - 0.62 / height, bottom=0.52 / height, hspace=0.38, wspace=0.12
    )
    return figure


def _panel(axes: Axes, own: pd.DataFrame, row: Record, colors: Theme) -> None:
    share = 100 * own["sparsity"].astype(float)
    median = 100 * own["median"].astype(float)
    if own["low"].notna().all():
        axes.fill_between(
            share, 100 * own["low"].astype(float), 100 * own["high"].astype(float), color=colors.control,
            alpha=0.25, linewidth=0,
        )  # fmt: skip
    axes.axhline(0, color=colors.line, linewidth=0.8)
    axes.axhline(-20, color=colors.pie, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.plot(share, median, color=colors.control, linewidth=1.7)
    if row["first_drop"] is not None:
        at = (own["sparsity"].astype(float) - row["first_drop"]).abs() < 0.005
        axes.plot(share[at], median[at], "o", color=colors.pie, markersize=4.5)
    known = "" if row["train_positives"] is None else f"  {row['train_positives']:,}"
    axes.set_title(
        f"{shortened(row['class'], 29)}{known}", fontsize=SIZE - 2.3, color=colors.text,
        loc="left", pad=3,
    )  # fmt: skip
    axes.set_xlim(0, 100)
    axes.set_xticks([0, 25, 50, 75])
    strip(axes, colors)
