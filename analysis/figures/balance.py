"""Love plot: how alike exemplars and controls are, before and after matching."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.figures import theme as look

BALANCED = 0.1
FURTHEST = 1.2
"""Largest |SMD| drawn in its place; beyond it a mark at the frame gives the number."""

NAMES = {
    "n_findings": "number of findings",
    "class_group": "group",
    "log_frequency": "frequency of rarest class (log)",
}


def draw_love_plot(
    balance: pd.DataFrame, *, theme: look.ThemeName = "light", synthetic: bool = False
) -> Figure:
    """Draw the absolute standardised mean difference of each covariate before and after matching.

    Parameters
    ----------
    balance: covariate, level, smd_before, smd_after, as `analysis.selection.covariates.balance_table` gives it; rows
        without any of the two are left out.
    theme: ground and colours.
    synthetic: writes on the figure that the images are not of patients.

    Reference
    ---------
    Love 2002; the line at 0.1: Austin 2009, Stat Med 28:3083.
    """
    colors = look.THEMES[theme]
    rows = [
        row for row in look.records(balance) if row["smd_before"] is not None or row["smd_after"] is not None
    ]
    rows.sort(key=lambda row: abs(row["smd_before"] or 0.0))
    names = [_name(row) for row in rows]
    left = max([1.2, *(look.text_width(name, look.SIZE - 0.5) for name in names)]) + 0.25
    width, height = left + 4.6, 0.27 * max(len(rows), 2) + 1.35
    figure = look.new_figure(width, height, colors)
    axes = figure.add_axes((left / width, 0.62 / height, 4.4 / width, 1 - 1.27 / height))
    axes.axvspan(0, BALANCED, color=colors.line, alpha=0.45, linewidth=0)
    for place, row in enumerate(rows):
        ends = [min(abs(row[name] or 0.0), FURTHEST) for name in ("smd_before", "smd_after")]
        axes.plot(ends, [place, place], color=colors.line, linewidth=1.6, zorder=1)
        for name, filled in (("smd_before", False), ("smd_after", True)):
            if row[name] is None:
                continue
            color = colors.pie if filled and abs(row[name]) > BALANCED else colors.control
            axes.plot(
                min(abs(row[name]), FURTHEST), place, "o", markersize=6.5, color=color,
                markerfacecolor=color if filled else colors.ground, clip_on=False, zorder=3,
            )  # fmt: skip
            if abs(row[name]) > FURTHEST:
                words = "∞" if np.isinf(row[name]) else f"{abs(row[name]):.1f}"
                look.write(axes, FURTHEST + 0.03, place, words, colors.muted, size=-1.5, level="center")
    most = max([0.0, *(abs(row[name] or 0.0) for row in rows for name in ("smd_before", "smd_after"))])
    axes.set_xlim(0, FURTHEST if most > FURTHEST else max(0.3, 1.12 * most))
    axes.set_ylim(-0.6, max(len(rows), 1) - 0.4)
    axes.set_yticks(range(len(rows)), names)
    axes.set_xlabel(
        "|standardised mean difference|; grey: up to 0.1, balanced",
        color=colors.muted,
        fontsize=look.SIZE - 0.5,
    )
    look.strip(axes, colors, keep=("bottom",))
    look.write(figure, 0.12 / width, 1 - 0.12 / height, "Exemplars and controls, before and after matching",
               colors.text, size=1, level="top")  # fmt: skip
    _legend(figure, width, height, colors)
    if synthetic:
        look.mark(figure, theme, "SYNTHETIC IMAGES")
    return figure


def _legend(figure: Figure, width: float, height: float, colors: look.Theme) -> None:
    marks = [
        Line2D([], [], marker="o", linestyle="", color=colors.control, markerfacecolor=fill, label=words)
        for fill, words in (
            (colors.ground, "exemplars and all other images"),
            (colors.control, "matched pairs"),
        )
    ]
    marks.append(Line2D([], [], marker="o", linestyle="", color=colors.pie, label="matched, above 0.1"))
    figure.legend(
        handles=marks, loc="upper left", bbox_to_anchor=(0.02 / width, 1 - 0.3 / height), ncols=3, frameon=False,
        fontsize=look.SIZE - 1.5, labelcolor=colors.muted, handletextpad=0.2, columnspacing=1.2,
    )  # fmt: skip


def _name(row: dict[str, object]) -> str:
    name = NAMES.get(str(row["covariate"]), str(row["covariate"]))
    return look.shortened(f"{name}: {row['level']}" if row["level"] else name)
