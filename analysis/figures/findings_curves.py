"""Curves over the share of removed weights: mean average precision as a whole, and forgettability class by class."""

import math

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures import theme as look

COLUMNS = 5
LOWEST, HIGHEST = -100.0, 100.0
"""Range of the panels, % of the dense AP: a rare class may gain many times its AP by chance."""


def draw_curves(curves: pd.DataFrame, classes: pd.DataFrame, *, theme: look.ThemeName = "light") -> Figure:
    """Draw the relative change of AP against sparsity: median over seeds and its bootstrap band.

    Parameters
    ----------
    curves: class, sparsity, median, low, high; classes without a curve are not drawn.
    classes: class, train_positives, first_drop.
    theme: ground and colours.
    """
    colors = look.THEMES[theme]
    drawn = curves[curves["median"].notna()]
    panels = [row for row in look.records(classes) if row["class"] in set(drawn["class"])]
    panels.sort(key=lambda row: -(row["train_positives"] or 0))
    lines = math.ceil(len(panels) / COLUMNS)
    height = 1.32 * lines + 1.0
    figure = look.new_figure(9.0, height, colors)
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
        x=0.06, y=1 - 0.12 / height, ha="left", va="top", color=colors.text, fontsize=look.SIZE + 1,
    )  # fmt: skip
    look.write(figure, 0.06, 0.08 / height,
          "Weights removed, %. Beside each name: training positives. Dashed: a fall of 20 %; dot: the first sparsity "
          "below it." + (" Cut at +100 %." if top > HIGHEST else ""),
          colors.muted, size=-1, level="bottom")  # fmt: skip
    figure.subplots_adjust(
        left=0.06, right=0.985, top=1 - 0.62 / height, bottom=0.52 / height, hspace=0.38, wspace=0.12
    )
    return figure


def _panel(axes: Axes, own: pd.DataFrame, row: look.Record, colors: look.Theme) -> None:
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
        f"{look.shortened(row['class'], 29)}{known}", fontsize=look.SIZE - 2.3, color=colors.text,
        loc="left", pad=3,
    )  # fmt: skip
    axes.set_xlim(0, 100)
    axes.set_xticks([0, 25, 50, 75])
    look.strip(axes, colors)


def draw_overall(
    overall: pd.DataFrame, significance: pd.DataFrame, *, theme: look.ThemeName = "light"
) -> Figure:
    """Draw mAP against sparsity with its 95 % interval over seeds, and where the first significant drop is.

    Parameters
    ----------
    overall: sparsity, map_mean, map_low, map_high, p_paired_holm, change, seeds.
    significance: the row of the paired test: first_drop, largest_before, alpha.
    theme: ground and colours.
    """
    colors = look.THEMES[theme]
    rows = look.records(overall)
    figure = look.new_figure(7.2, 4.2, colors)
    axes = figure.subplots()
    _line(axes, rows, colors)
    top = max(100 * (row["map_high"] or row["map_mean"]) for row in rows)
    axes.set_ylim(0, top * 1.22)
    axes.set_xlim(0, 100)
    _mark_drop(axes, look.records(significance), top, colors)
    title = f"Mean average precision over classes, %: mean of {rows[0]['seeds']} seeds, 95 % interval"
    look.dress(axes, colors, title=title, below="weights removed, %")
    figure.subplots_adjust(left=0.065, right=0.975, top=0.88, bottom=0.14)
    return figure


def draw_conditions(overall: pd.DataFrame, *, theme: look.ThemeName = "light") -> Figure:
    """Draw mAP of the reference and of conditions without a share of removed weights, a line each.

    Parameters
    ----------
    overall: condition, map_mean, map_low, map_high, seeds; the reference first.
    theme: ground and colours.
    """
    colors = look.THEMES[theme]
    rows = look.records(overall)[::-1]
    figure = look.new_figure(7.2, 1.2 + 0.34 * len(rows), colors)
    axes = figure.subplots()
    for place, row in enumerate(rows):
        color = colors.control if place == len(rows) - 1 else colors.pie
        if row["map_low"] is not None:
            axes.plot(
                [100 * row["map_low"], 100 * row["map_high"]], [place, place], color=color, linewidth=1.5
            )
        axes.plot(100 * row["map_mean"], place, "o", color=color, markersize=6)
    axes.set_yticks(range(len(rows)), [look.shortened(row["condition"]) for row in rows])
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xlim(left=0)
    title = f"Mean average precision over classes, %: mean of {rows[0]['seeds']} seeds, 95 % interval"
    look.dress(axes, colors, title=title, below="%", grid="x")
    height = figure.get_figheight()
    figure.subplots_adjust(left=0.26, right=0.97, top=1 - 0.42 / height, bottom=0.5 / height)
    return figure


def _line(axes: Axes, rows: list[look.Record], colors: look.Theme) -> None:
    share = [100 * row["sparsity"] for row in rows]
    if all(row["map_low"] is not None for row in rows):
        low, high = ([100 * row[end] for row in rows] for end in ("map_low", "map_high"))
        axes.fill_between(share, low, high, color=colors.control, alpha=0.22, linewidth=0)
    mean = [100 * row["map_mean"] for row in rows]
    axes.plot(share, mean, color=colors.control, linewidth=2.2, solid_capstyle="round")
    axes.plot(share, mean, "o", color=colors.control, markersize=3.4, clip_on=False)


def _mark_drop(axes: Axes, tests: list[look.Record], top: float, colors: look.Theme) -> None:
    found = next((row for row in tests if row["test"] == "paired"), None)
    if found is None or found["first_drop"] is None:
        words = found["note"] if found and found["note"] else "no test"
        look.write(axes, 1, top * 1.18, words, colors.muted, size=-1, level="top")
        return
    at = 100 * found["first_drop"]
    axes.plot([at, at], [0, top * 1.06], color=colors.muted, linewidth=0.9, linestyle=(0, (4, 3)))
    left = at > 55
    look.write(axes, at + (-1.2 if left else 1.2), top * 1.18,
          f"first significant drop: {at:.0f} %\n(paired t-test, Holm)", colors.muted, size=-1,
          side="right" if left else "left", level="top")  # fmt: skip
