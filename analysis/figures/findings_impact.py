"""Overall impact: mean average precision against the share of removed weights, of one method or of two."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.cells import Record, records
from analysis.figures.theme import SIZE, THEMES, Theme, ThemeName, new_figure, strip


def draw_overall(
    overall: pd.DataFrame, significance: pd.DataFrame, compared: pd.DataFrame, *, theme: ThemeName = "light"
) -> Figure:
    """Draw mAP against sparsity with its 95 % interval over seeds, and where the first significant drop is.

    Parameters
    ----------
    overall: sparsity, map_mean, map_low, map_high, p_paired_holm, change, seeds.
    significance: the row of the paired test: first_drop, largest_before, alpha.
    compared: a second method beside it: sparsity, method_a, method_b, map_a, map_b and their intervals; may be empty.
    theme: ground and colours.
    """
    colors = THEMES[theme]
    rows = records(overall)
    figure = new_figure(7.2, 4.2, colors)
    axes = figure.subplots()
    both = records(compared) if "method_a" in compared.columns else []
    if both:
        _line(axes, both, "map_b", colors.pie, colors)
        axes.text(
            101,
            100 * both[-1]["map_b"],
            both[-1]["method_b"],
            color=colors.pie,
            fontsize=SIZE - 1,
            va="center",
        )
        last = 100 * rows[-1]["map_mean"]
        axes.text(101, last, both[-1]["method_a"], color=colors.control, fontsize=SIZE - 1, va="center")
    _line(axes, rows, "map_mean", colors.control, colors, ("map_low", "map_high"))
    top = max(100 * (row["map_high"] or row["map_mean"]) for row in rows)
    axes.set_ylim(0, top * 1.22)
    axes.set_xlim(0, 100)
    _mark_drop(axes, rows, records(significance), top, colors)
    axes.set_xlabel("weights removed, %", color=colors.muted, fontsize=SIZE)
    axes.set_title(
        f"Mean average precision over classes, %: mean of {rows[0]['seeds']} seeds, 95 % interval",
        color=colors.text, fontsize=SIZE + 1, loc="left", pad=12,
    )  # fmt: skip
    axes.grid(axis="y", color=colors.line, linewidth=0.7)
    axes.set_axisbelow(True)
    strip(axes, colors, keep=("bottom",))
    figure.subplots_adjust(left=0.065, right=0.84 if both else 0.975, top=0.88, bottom=0.14)
    return figure


def _line(
    axes: Axes, rows: list[Record], name: str, color: str, colors: Theme, ends: tuple[str, str] | None = None
) -> None:
    low, high = ends or (f"{name}_low", f"{name}_high")
    share = [100 * row["sparsity"] for row in rows]
    if all(row[low] is not None for row in rows):
        axes.fill_between(
            share, [100 * row[low] for row in rows], [100 * row[high] for row in rows], color=color, alpha=0.22,
            linewidth=0,
        )  # fmt: skip
    axes.plot(share, [100 * row[name] for row in rows], color=color, linewidth=2.2, solid_capstyle="round")
    axes.plot(share, [100 * row[name] for row in rows], "o", color=color, markersize=3.4, clip_on=False)


def _mark_drop(axes: Axes, rows: list[Record], tests: list[Record], top: float, colors: Theme) -> None:
    found = next((row for row in tests if row["test"] == "paired"), None)
    if found is None or found["first_drop"] is None:
        words = found["note"] if found and found["note"] else "no test"
        axes.text(1, top * 1.18, words, color=colors.muted, fontsize=SIZE - 1, va="top")
        return
    at = 100 * found["first_drop"]
    axes.plot([at, at], [0, top * 1.06], color=colors.muted, linewidth=0.9, linestyle=(0, (4, 3)))
    left = at > 55
    axes.text(
        at + (-1.2 if left else 1.2), top * 1.18, f"first significant drop: {at:.0f} %\n(paired t-test, Holm)",
        color=colors.muted, fontsize=SIZE - 1, va="top", ha="right" if left else "left",
    )  # fmt: skip
