"""How the readers answered: diverging bars, a pair per question, and the published study's pooled means."""

import textwrap

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from analysis.endpoints import GROUPS, Groups, capital
from analysis.figures import theme as look
from analysis.printed import p_value

_WIDTH = 7.2


def draw_answers(
    answers: pd.DataFrame, groups: Groups = GROUPS, *, theme: look.ThemeName = "light"
) -> Figure:
    """Draw the share of every answer in both arms, centred on the neutral answer.

    Parameters
    ----------
    answers: one row per question, arm and level: endpoint, title, arm (1 = PIE, 0 = control), level, label,
        valence (-1 unfavourable .. 1 favourable), count, share (0..1, None when nothing was answered).
    groups: what the arms are called.
    theme: ground and colours.
    """
    colors = look.THEMES[theme]
    endpoints = list(dict.fromkeys(answers["endpoint"]))
    figure = look.new_figure(_WIDTH, 0.45 + 1.08 * len(endpoints), colors)
    reach = max(_reach(answers[answers["endpoint"] == name]) for name in endpoints)
    grid = figure.add_gridspec(
        len(endpoints), 1, left=0.125, right=0.975, top=0.885, bottom=0.085, hspace=0.62
    )
    for k, name in enumerate(endpoints):
        axes = figure.add_subplot(grid[k])
        _question(axes, answers[answers["endpoint"] == name], groups, colors)
        axes.set_xlim(-reach, reach)
        axes.set_xticks([t for t in (-1, -0.75, -0.5, -0.25, 0, 0.25, 0.5, 0.75, 1) if abs(t) <= reach])
        axes.xaxis.set_major_formatter(lambda x, _: f"{abs(x):.0%}")
        look.strip(axes, colors)
        axes.tick_params(labelcolor=colors.muted, labelbottom=k == len(endpoints) - 1)
    return figure


def _question(axes: Axes, answers: pd.DataFrame, groups: Groups, colors: look.Theme) -> None:
    axes.axvline(0, color=colors.line, linewidth=0.8, zorder=0)
    for y, (arm, name) in enumerate(((1, groups.one), (0, groups.other))):
        own = answers[answers["arm"] == arm].sort_values("level")
        n = int(own["count"].sum())
        left = -_left_share(own)
        for row in look.records(own):
            share = row["share"] or 0.0
            color = colors.valence(row["valence"])
            axes.barh(y, share, left=left, height=0.74, color=color, edgecolor=colors.ground, linewidth=0.9)
            if share >= 0.06:
                look.write(axes, left + share / 2, y + 0.02, f"{share:.0%}", look.ink_on(color), size=-1,
                           side="center", level="center")  # fmt: skip
            left += share
        look.write(axes, -0.012, y, f"{look.shortened(capital(name), 14)}\nn = {n}", colors.text, by="row",
                   side="right", level="center", linespacing=1.25)  # fmt: skip
    axes.set_ylim(1.5, -0.5)
    axes.set_yticks([])
    look.write(axes, 0, 1.13, look.shortened(answers["title"].iloc[0], 40), colors.text, size=1.5, by="axes",
               fontweight="bold")  # fmt: skip
    _key(axes, answers[answers["arm"] == 1].sort_values("level"), colors)


def _key(axes: Axes, levels: pd.DataFrame, colors: look.Theme) -> None:
    """Draw the levels of the question as swatches, the ends with their words, right above the bars."""
    inch = 1 / (axes.get_position().width * _WIDTH)
    x = 1.0
    rows = look.records(levels)
    for row in reversed(rows):
        words = look.shortened(row["label"], 24) if row in (rows[0], rows[-1]) else f"{row['level']:g}"
        x -= look.text_width(words, look.SIZE - 0.5) * inch
        look.write(axes, x, 1.13, words, colors.muted, size=-0.5, by="axes")
        x -= 0.16 * inch
        color = colors.valence(row["valence"])
        swatch = Rectangle(
            (x, 1.125), 0.11 * inch, 0.15, transform=axes.transAxes, clip_on=False, color=color
        )
        axes.add_patch(swatch)
        x -= 0.13 * inch


def _left_share(own: pd.DataFrame) -> float:
    """Return the share left of the centre: the levels of the lower half and half of a neutral one."""
    middle = own["level"].mean()
    below = own.loc[own["level"] < middle, "share"].astype(float).sum()
    return float(below + own.loc[own["level"] == middle, "share"].astype(float).sum() / 2)


def _reach(answers: pd.DataFrame) -> float:
    left = [_left_share(own) for _, own in answers.groupby("arm")]
    return min(1.0, max(*left, *(1 - share for share in left)) + 0.02)


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
    theme: look.ThemeName = "light",
) -> Figure:
    """Draw mean ± SD per arm for each question, with the pooled p-value and the primary one.

    Parameters
    ----------
    paper: the paper_compatible table, with title, low and high (the ends of the scale).
    primary: endpoint and p of the primary comparison.
    groups: what the arms are called.
    theme: ground and colours.
    """
    colors = look.THEMES[theme]
    across = min(len(paper), MOST)
    down = -(-len(paper) // MOST)
    height = 3.0 * down + 0.6
    figure = look.new_figure(7.2, height, colors)
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
    p_of = {row["endpoint"]: row["p"] for row in look.records(primary)}
    for k, row in enumerate(look.records(paper)):
        axes = figure.add_subplot(grid[k])
        _panel(axes, row, groups, colors)
        pooled, both = p_value(row["kruskal_p"]), p_value(p_of.get(row["endpoint"]))
        words = f"pooled: p {pooled}\nwith readers and cases: p {both}"
        look.write(axes, 0.46, -0.24, words, colors.text, size=-0.5, by="axes", side="center", level="top",
                   linespacing=1.4)  # fmt: skip
    look.write(figure, 0.055, 0.108 / height, textwrap.fill(NOTE, 122), colors.muted, size=-1.7,
               level="bottom", linespacing=1.35)  # fmt: skip
    return figure


def _panel(axes: Axes, row: look.Record, groups: Groups, colors: look.Theme) -> None:
    for x, (arm, color) in enumerate((("pie", colors.pie), ("control", colors.control))):
        mean, sd = row[f"{arm}_mean"], row[f"{arm}_sd"]
        if mean is None:
            continue
        axes.errorbar(
            [x], [mean], yerr=[sd or 0.0], fmt="o", markersize=8, color=color, ecolor=color,
            elinewidth=1.6, capsize=5, capthick=1.6,
        )  # fmt: skip
        look.write(axes, x + 0.13, mean, f"{mean:.2f}", colors.text, level="center")
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
    axes.set_xticks(
        [0, 1], [f"{look.shortened(capital(name), 14)}\nn = {row[f'{arm}_n']}" for arm, name in names]
    )
    look.strip(axes, colors)
    title = textwrap.fill(look.shortened(row["title"], 40), 20)
    axes.set_title(title, fontsize=look.SIZE + 0.5, fontweight="bold", color=colors.text, loc="left")
