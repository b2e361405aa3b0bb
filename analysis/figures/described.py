"""Answers to questions that are not tested: paired bars of shares, and for a number its quartiles and ends."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.endpoints import GROUPS, Groups, capital
from analysis.figures import theme as look

ROW = 0.3
MOST = 20
"""Answers of a question that are drawn; the table has all."""


@dataclass(frozen=True)
class Described:
    """First readings' answers to a question that is not tested, in the group with arm 1 and in that with arm 0.

    `planned` and `answered` count readings. `rows` hold an answer and how often it was given in either group; of a
    `number` its five-number summary (None: nothing answered); of a text or a mark nothing. `guess`: readers guessed the
    group; the first row is for that with arm 1, the second for the other.
    """

    question: str
    planned: tuple[int, ...]
    answered: tuple[int, ...]
    rows: tuple[tuple[str, tuple[float | None, ...]], ...]
    number: bool = False
    unit: str = ""
    guess: bool = False


def draw_described(
    questions: Sequence[Described],
    groups: Groups = GROUPS,
    *,
    theme: look.ThemeName = "light",
) -> Figure:
    """Draw one panel for each question, one below the other.

    Parameters
    ----------
    questions: at least one.
    groups: what the arms are called.
    theme: ground and colours.
    """
    colors = look.THEMES[theme]
    heights = [ROW * (2 if each.number else max(1, len(each.rows[:MOST]))) for each in questions]
    total = sum(heights) + 0.75 * len(heights) + 0.35
    figure = look.new_figure(7.2, total, colors)
    top = total - 0.55
    for each, height in zip(questions, heights, strict=True):
        axes = figure.add_axes((0.3, (top - height) / total, 0.66, height / total))
        (_number if each.number else _shares)(axes, each, groups, colors)
        look.strip(axes, colors)
        title = look.shortened(f"{each.question} ({each.unit})" if each.unit else each.question, 90)
        look.write(axes, -0.42, 1 + 0.1 / height, title, colors.text, size=0.5, by="axes", fontweight="bold")
        top -= height + 0.75
    for x, name, color in ((0.3, groups.ones, colors.pie), (0.6, groups.others, colors.control)):
        look.write(figure, x, 1 - 0.2 / total, f"■ {look.shortened(capital(name), 30)}", color)
    return figure


def _shares(axes: Axes, each: Described, groups: Groups, colors: look.Theme) -> None:
    rows = each.rows[:MOST] or (("Answered", each.answered),)
    for place, color in enumerate((colors.pie, colors.control)):
        of = (each.answered if each.rows else each.planned)[place] or 1
        at = [y + (0.2 if place else -0.2) for y in range(len(rows))]
        axes.barh(at, [(values[place] or 0) / of for _, values in rows], height=0.36, color=color)
    axes.set_yticks(range(len(rows)), [look.shortened(row[0], 34) for row in rows])
    axes.set_ylim(max(len(rows), 1) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:.0%}")


def _number(axes: Axes, each: Described, groups: Groups, colors: look.Theme) -> None:
    for place, color in enumerate((colors.pie, colors.control)):
        five = [values[place] for _, values in each.rows]
        known = [value for value in five if value is not None]
        if len(known) == 5:
            axes.plot([known[0], known[4]], [place, place], color=color, linewidth=1.3)
            axes.plot([known[1], known[3]], [place, place], color=color, linewidth=6, solid_capstyle="butt")
            axes.plot(
                [known[2]], [place], marker="D", color=color, markeredgecolor=colors.ground, markersize=8
            )
    axes.set_yticks([0, 1], [look.shortened(capital(name), 30) for name in (groups.ones, groups.others)])
    axes.set_ylim(1.6, -0.6)
