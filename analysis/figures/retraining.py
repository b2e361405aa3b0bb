"""The forest figure of a retraining experiment: what each action does to AP, on exemplars against elsewhere."""

import pandas as pd
from matplotlib.figure import Figure

from analysis.figures import theme as look

ROW, TOP, BOTTOM = 0.30, 0.60, 0.62


def draw_contrasts(rows: pd.DataFrame, *, synthetic: bool, theme: look.ThemeName = "light") -> Figure:
    """Draw differences of mean AP with 95 % intervals, those that decide in bold.

    Parameters
    ----------
    rows: comparison, group, role, estimate, ci_low, ci_high (blank: no interval), seeds.
    synthetic: whether a mark says so.
    """
    colors = look.THEMES[theme]
    listed = look.records(rows)
    height = TOP + ROW * len(listed) + BOTTOM
    figure = look.new_figure(9.6, height, colors)
    axes = figure.add_axes((0.40, BOTTOM / height, 0.35, ROW * len(listed) / height))
    axes.axvline(0, color=colors.muted, linewidth=0.9, linestyle=(0, (4, 3)), zorder=0)
    for y, row in enumerate(listed):
        strong = row["role"] == "primary"
        color, weight = (colors.text, "bold") if strong else (colors.muted, "normal")
        told = f"{row['estimate']:+.3f}"
        if row["ci_low"] is not None:
            axes.plot([row["ci_low"], row["ci_high"]], [y, y], color=color, linewidth=2.6 if strong else 1.3)
            told += f"  [{row['ci_low']:+.3f}, {row['ci_high']:+.3f}]"
        axes.plot(
            [row["estimate"]],
            [y],
            marker="D" if strong else "o",
            markersize=6 if strong else 4.5,
            color=color,
        )
        name = f"{row['comparison'].replace('-', ' ').replace('   ', ' – ')}, {row['group']}"
        for x, words, side in ((-0.03, name, "right"), (1.03, told, "left")):
            axes.text(x, y, words, transform=axes.get_yaxis_transform(), ha=side, va="center", color=color,
                      fontsize=look.SIZE - 0.5, fontweight=weight)  # fmt: skip
    axes.set_ylim(len(listed) - 0.4, -0.6)
    axes.set_yticks([])
    axes.locator_params(axis="x", nbins=5)
    look.dress(axes, colors, title="", below=f"Difference of mean AP, {listed[0]['seeds']} seeds", grid="x")
    figure.text(0.02, 1 - 0.2 / height, "Retraining: bold rows decide, the others explore; bars are 95 % intervals",
                color=colors.text, fontsize=look.SIZE + 0.5, va="top")  # fmt: skip
    if synthetic:
        look.mark(figure, theme, "SYNTHETIC")
    return figure
