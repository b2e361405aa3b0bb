"""Which images are vulnerable: over-representation among exemplars, stability of the list, overlap of criteria."""

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure

from analysis.figures import theme as look

RANKINGS = {"loss": ("control", "-"), "confident learning": ("control", ":"), "EL2N": ("muted", "--")}
"""Colour of the theme and line of each ranking of labels; the exemplars' own is drawn in theirs."""

WIDEST = (0.05, 40.0)
"""Range of the ratios drawn; an interval beyond it meets the frame."""


def draw_representation(representation: pd.DataFrame, *, theme: look.ThemeName = "light") -> Figure:
    """Draw how much more often each class, and each number of diseases, is among exemplars.

    Parameters
    ----------
    representation: kind, group, exemplars, of_exemplars, others, of_others, ratio, ci_low, ci_high.
    theme: ground and colours.
    """
    colors = look.THEMES[theme]
    rows = look.records(representation)
    classes = sorted((r for r in rows if r["kind"] == "class"), key=lambda r: r["ratio"] or 0.0)
    diseases = [row for row in rows if row["kind"] == "diseases"][::-1]
    left = max([1.3, *(look.text_width(look.shortened(row["group"]), look.SIZE) for row in classes)]) + 0.3
    tall = [0.24 * max(len(part), 1) for part in (classes, diseases)]
    height, width = sum(tall) + 2.0, left + 5.3
    figure = look.new_figure(width, height, colors)
    base = 0.68
    for part, inches, title in (
        (diseases, tall[1], "Number of diseases of the image"),
        (classes, tall[0], "Class"),
    ):
        axes = figure.add_axes((left / width, base / height, 3.7 / width, inches / height))
        _forest(axes, part, colors)
        below = "times as common among exemplars as among other images (log scale)"
        shown = "" if part is classes else below
        look.dress(axes, colors, title=title, below=shown, grid="x", pad=4, x=-(left - 0.12) / 3.7, ha="left")
        axes.tick_params(labelbottom=part is diseases)
        base += inches + 0.5
    look.write(figure, 0.12 / width, 1 - 0.12 / height,
               "Over-representation among exemplars, 95 % score interval",
               colors.text, size=1, level="top")  # fmt: skip
    look.write(figure, (left + 3.85) / width, 1 - 0.5 / height, "exemplars    others", colors.muted,
               size=-1.5, level="top")  # fmt: skip
    return figure


def _forest(axes: Axes, rows: list[look.Record], colors: look.Theme) -> None:
    axes.set_xscale("log")
    axes.set_xlim(*WIDEST)
    axes.set_ylim(-0.6, max(len(rows), 1) - 0.4)
    axes.axvline(1, color=colors.muted, linewidth=0.8)
    for place, row in enumerate(rows):
        sure = row["ci_low"] is not None and (row["ci_low"] > 1 or (row["ci_high"] or math.inf) < 1)
        color = colors.pie if sure else colors.muted
        if row["ci_low"] is not None:
            ends = max(row["ci_low"], WIDEST[0] / 2), min(row["ci_high"] or math.inf, WIDEST[1] * 2)
            axes.plot(ends, [place, place], color=color, linewidth=1.5)
        if row["ratio"]:
            axes.plot(min(max(row["ratio"], WIDEST[0]), WIDEST[1]), place, "o", color=color, markersize=5.5)
        elif row["exemplars"] == 0 and row["ratio"] is not None:
            axes.plot(WIDEST[0] * 1.06, place, "<", color=color, markersize=5)
        words = f"{_share(row, 'exemplars')}   {_share(row, 'others')}"
        look.write(axes, 1.04, place, words, colors.muted, size=-1.5, by="row", level="center",
                   family="monospace")  # fmt: skip
    axes.set_yticks(range(len(rows)), [look.shortened(row["group"]) for row in rows])
    axes.set_xticks([0.1, 0.3, 1, 3, 10, 30], ["0.1", "0.3", "1", "3", "10", "30"])


def _share(row: look.Record, side: str) -> str:
    return f"{100 * row[side] / row[f'of_{side}']:5.1f} %"


def draw_stability(
    exemplars: pd.DataFrame, overlap: pd.DataFrame, *, theme: look.ThemeName = "light"
) -> Figure:
    """Draw the inclusion probability of each exemplar by its rank, and how far the criteria agree.

    Parameters
    ----------
    exemplars: rank, inclusion (empty with one seed).
    overlap: criterion_a, criterion_b, jaccard, jaccard_chance.
    theme: ground and colours.
    """
    colors = look.THEMES[theme]
    figure = look.new_figure(9.0, 4.0, colors)
    left, right = figure.subplots(1, 2, gridspec_kw={"width_ratios": [1.25, 1]})
    shares = [row["inclusion"] for row in look.records(exemplars) if row["inclusion"] is not None]
    left.plot(range(1, len(shares) + 1), shares, "o", color=colors.control, markersize=4.2, alpha=0.6,
              markeredgewidth=0)  # fmt: skip
    left.set_ylim(0, 1.04)
    left.set_xlim(0, len(shares) + 1)
    mean = f"mean {np.mean(shares):.2f}" if shares else "not estimable with one seed"
    title = f"How often each would be selected again: {mean}"
    look.dress(left, colors, title=title, below="exemplars, lowest agreement first")
    left.set_ylabel("inclusion probability over seeds", color=colors.muted, fontsize=look.SIZE - 0.5)
    _overlap(right, look.records(overlap), colors)
    figure.subplots_adjust(left=0.07, right=0.985, top=0.87, bottom=0.22, wspace=0.3)
    return figure


def _overlap(axes: Axes, rows: list[look.Record], colors: look.Theme) -> None:
    names = list(dict.fromkeys([row[side] for side in ("criterion_a", "criterion_b") for row in rows]))
    axes.set_xlim(-0.5, len(names) - 1.5)
    axes.set_ylim(len(names) - 0.5, 0.5)
    axes.set_aspect("equal")
    for row in rows:
        a, b = names.index(row["criterion_a"]), names.index(row["criterion_b"])
        value = row["jaccard"] or 0.0
        ground, full = np.array(to_rgb(colors.ground)), np.array(to_rgb(colors.control))
        red, green, blue = ground * (1 - value) + full * value
        shade = to_hex((red, green, blue))
        axes.fill_between([a - 0.48, a + 0.48], b - 0.48, b + 0.48, color=shade, linewidth=0)
        look.write(axes, a, b, f"{value:.2f}", look.ink_on(shade), size=-1.5, side="center", level="center")
    axes.set_xticks(range(len(names) - 1), names[:-1], rotation=30, ha="right")
    axes.set_yticks(range(1, len(names)), names[1:])
    chance = [row["jaccard_chance"] for row in rows if row["jaccard_chance"] is not None]
    words = f", by chance {np.mean(chance):.2f}" if chance else ""
    look.write(axes, -0.42, 1.05, f"Shared by two criteria (Jaccard{words})", colors.text, size=0.5,
               by="axes", level="bottom")  # fmt: skip
    look.strip(axes, colors)


def draw_suspects(
    relabelling: pd.DataFrame, suspects: pd.DataFrame, *, theme: look.ThemeName = "light"
) -> Figure:
    """Draw the share of images with a wrong label that is found as the most suspicious ones are looked at.

    Parameters
    ----------
    relabelling: ranking, unit, target, share, found, random, ideal. suspects: ranking, unit, target, units, wrong.
    theme: ground and colours.
    """
    colors = look.THEMES[theme]
    figure = look.new_figure(9.0, 4.2, colors)
    targets = zip(figure.subplots(1, 2, sharey=True), ("wrong positives", "missed positives"), strict=True)
    for axes, target in targets:
        own, of = (
            part[(part["unit"] == "image") & (part["target"] == target)] for part in (relabelling, suspects)
        )
        drawn = [("random", "random", "line", "-"), ("ideal", "ideal", "line", "--")]
        drawn += [
            (name, "found", *RANKINGS.get(name, ("pie", "-"))) for name in dict.fromkeys(own["ranking"])
        ]
        for name, column, color, style in drawn if len(own) else ():
            points = own[own["ranking"] == (name if column == "found" else own["ranking"].iloc[0])]
            ink = getattr(colors, color)
            axes.plot([0, *100 * points["share"]], [0, *100 * points[column]], style, color=ink, label=name)
        counts = f": {of['wrong'].iloc[0]} of {of['units'].iloc[0]} images" if len(of) else ": none"
        look.dress(axes, colors, title=f"{target.capitalize()}{counts}", below="images looked at, %")
        axes.set_xlim(0, 100)
        axes.set_ylim(0, 102)
    figure.axes[0].set_ylabel(
        "of those with a wrong label found, %", color=colors.muted, fontsize=look.SIZE - 0.5
    )
    shown = max(reversed(figure.axes), key=lambda axes: len(axes.lines))
    shown.legend(loc="lower right", frameon=False, fontsize=look.SIZE - 1, labelcolor=colors.text)
    figure.subplots_adjust(left=0.07, right=0.985, top=0.88, bottom=0.14, wspace=0.1)
    return figure
