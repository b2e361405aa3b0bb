"""Forgetting against training frequency: when a class first drops, and how far it falls at 95 %."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.conditions import Condition
from analysis.figures import theme as look
from analysis.printed import p_value

NAMED = 4
"""Classes named at each end of the frequency."""

NEVER = {"left out": " without those that never fall", "1.0": " with never = 100 %"}


def draw_frequency(
    classes: pd.DataFrame, frequency: pd.DataFrame, *, theme: look.ThemeName = "light"
) -> Figure:
    """Draw first drop and impact of each class against its training positives, on a log axis.

    Parameters
    ----------
    classes: class, train_positives, first_drop, never_drops, impact_at, impact, impact_low, impact_high.
    frequency: quantity, method, never_as, estimate, ci_low, ci_high, p.
    theme: ground and colours.
    """
    colors = look.THEMES[theme]
    rows = [row for row in look.records(classes) if row["train_positives"] and row["never_drops"] is not None]
    found = look.records(frequency)
    figure = look.new_figure(9.0, 4.3, colors)
    left, right = figure.subplots(1, 2)
    # Names are placed by what they would cover, so the layout comes first.
    figure.subplots_adjust(left=0.06, right=0.985, top=0.8, bottom=0.17, wspace=0.16)
    if rows:
        positives = [row["train_positives"] for row in rows]
        for axes in (left, right):
            axes.set_xscale("log")
            look.label_powers(axes.xaxis)
            axes.set_xlim(min(positives) / 1.3, max(positives) * 1.3)
    ordered = all(row["never_drops"] or row["first_drop"] is not None for row in rows)
    _first_drop(left, rows if ordered else [], colors)
    _impact(right, [row for row in rows if row["impact"] is not None], colors)
    for axes, quantity, title in (
        (left, "first_drop", "First fall of AP by more than 20 %, % of weights removed"),
        (right, "impact", f"Change of AP, {Condition.of(classes['impact_at'].iloc[0]).words}, %"),
    ):
        look.dress(axes, colors, title=title, below="positive training images (log scale)", pad=34)
        words = [
            f"{correlation(row)}{NEVER.get(row['never_as'], '')}"
            for row in found
            if row["quantity"] == quantity
        ]
        above(axes, [*words[:1], "; ".join(words[1:])] if len(words) > 2 else words, colors)
    look.write(figure, 0.06, 0.02,
               "Open: never falls that far. Bars: 95 % bootstrap interval over seeds; a bar that reaches the frame "
               "continues beyond it.", colors.muted, size=-1.5)  # fmt: skip
    return figure


def _first_drop(axes: Axes, rows: list[look.Record], colors: look.Theme) -> None:
    y = [100.0 if row["never_drops"] else 100 * row["first_drop"] for row in rows]
    for row, value in zip(rows, y, strict=True):
        axes.plot(
            row["train_positives"], value, "o", markersize=6, color=colors.control,
            markerfacecolor=colors.ground if row["never_drops"] else colors.control,
        )  # fmt: skip
    axes.set_ylim(0, 108)
    axes.set_yticks([0, 25, 50, 75, 100], ["0", "25", "50", "75", "never"])
    _names(axes, rows, y, colors)


def _impact(axes: Axes, rows: list[look.Record], colors: look.Theme) -> None:
    y = [100 * row["impact"] for row in rows]
    for row in rows:
        if row["impact_low"] is not None:
            axes.plot(
                [row["train_positives"]] * 2, [100 * row["impact_low"], 100 * row["impact_high"]],
                color=colors.control, linewidth=1.2, alpha=0.6,
            )  # fmt: skip
    axes.plot([row["train_positives"] for row in rows], y, "o", markersize=6, color=colors.control)
    axes.axhline(0, color=colors.muted, linewidth=0.8)
    # A rare class may gain many times its AP by chance; its bar would squeeze all others.
    axes.set_ylim(-108, max([25.0, *(1.15 * value for value in y)]))
    _names(axes, rows, y, colors)


def _names(axes: Axes, rows: list[look.Record], y: list[float], colors: look.Theme) -> None:
    """Name classes at both ends of the frequency, as all names would cover each other."""
    if not rows:
        return
    order = [int(place) for place in np.argsort([row["train_positives"] for row in rows], kind="stable")]
    rare, frequent = order[: len(order) // 2][:NAMED], order[len(order) // 2 :][-NAMED:]
    places = axes.transData.transform(
        [(row["train_positives"], value) for row, value in zip(rows, y, strict=True)]
    )
    inch = 72.0 if axes.figure is None else axes.figure.dpi
    dot, top = 0.05 * inch, axes.transAxes.transform((0, 1))[1]
    dots = [(x - dot, x + dot, y - dot, y + dot) for x, y in places.tolist()]
    taken: list[tuple[float, float, float, float]] = []
    for place in [*rare, *reversed(frequent)]:
        name, left = look.shortened(rows[place]["class"]), place in frequent
        width, height = look.text_width(name, look.SIZE - 2.5) * inch, 0.13 * inch
        x, base = places[place][0] + (-width if left else 0.0), places[place][1] + 0.03 * inch
        box = (x, x + width + 0.06 * inch, base, base + height)
        # A name that would be printed over a point, another name or the words above the frame is left out.
        others = [at for other, at in enumerate(dots) if other != place]
        if any(_meet(box, other) for other in taken + others) or box[3] > top:
            continue
        taken.append(box)
        axes.annotate(
            name, (rows[place]["train_positives"], y[place]), xytext=(-3 if left else 3, 5),
            textcoords="offset points", ha="right" if left else "left", va="bottom", fontsize=look.SIZE - 2.5,
            color=colors.muted,
        )  # fmt: skip


def _meet(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[1] and b[0] < a[1] and a[2] < b[3] and b[2] < a[3]


def correlation(row: look.Record, comma: str = "") -> str:
    """Return a correlation in short: its sign, estimate, interval and p."""
    sign = "r" if row["method"] == "pearson" else "ρ"
    if row["estimate"] is None:
        return f"{sign} not estimable"
    band = "" if row["ci_low"] is None else f" [{row['ci_low']:.2f}, {row['ci_high']:.2f}]"
    return f"{sign} {row['estimate']:.2f}{band}{comma} p {p_value(row['p'])}"


def above(axes: Axes, lines: list[str], colors: look.Theme) -> None:
    """Write small lines right above the frame."""
    look.write(axes, 0, 1.015, "\n".join(lines), colors.muted, size=-2, by="axes", level="bottom")
