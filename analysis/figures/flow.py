"""The flow of readers and cases through a study, drawn as CONSORT diagrams are."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from analysis.figures.theme import SIZE, THEMES, Theme, ThemeName, mark_simulated, new_figure, wrapped

WIDTH = 7.2
LINE = 0.155
"""Height of a line of text in inches."""
PAD, GAP = 0.09, 0.2
_COLUMNS = ((0.0, 2.1), (2.42, 2.3), (4.9, 2.3))
"""Left edge and width of readers, PIEs, controls, in inches."""


def draw_flow(
    *,
    head: str,
    readers: Sequence[str],
    readers_lost: Sequence[str],
    arms: tuple[Sequence[str], Sequence[str]],
    foot: str,
    theme: ThemeName = "light",
    simulated: bool = False,
) -> Figure:
    """Draw readers at the left, both arms of the case set at the right, from top to bottom.

    Parameters
    ----------
    head: first box of the case set. In every text the first line is the heading, the others follow below.
    readers: four boxes of the readers.
    readers_lost: three texts between them: who left there ("" = nobody).
    arms: four boxes each for PIEs and controls.
    foot: a sentence under the drawing.
    theme: ground and colours.
    simulated: writes so on the figure.
    """
    colors = THEMES[theme]
    side = [_wrap(text, _COLUMNS[0][1] - 0.25) for text in readers_lost]
    left = [_wrap(text, _COLUMNS[0][1]) for text in readers]
    both = [[_wrap(text, width) for text in arm] for arm, (_, width) in zip(arms, _COLUMNS[1:], strict=True)]
    rows = [max(_height(both[0][k]), _height(both[1][k])) for k in range(4)]
    rows[3] = max(rows[3], _height(left[3]))
    # A reader's box is as high as its text; what was lost there stands between it and the next row.
    needs = [_height(left[k]) + (_height(side[k]) + 0.1 if side[k] else GAP) for k in range(3)]
    steps = [max(row + GAP, need) for row, need in zip(rows, needs, strict=False)]
    top = _height(_wrap(head, 3)) + 0.34
    total = top + sum(steps) + rows[3] + 0.3
    figure = new_figure(WIDTH + 0.2, total, colors)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(-0.1, WIDTH + 0.1)
    axes.set_ylim(total, 0)
    axes.axis("off")
    _draw_head(axes, head, top, colors)
    y = top
    for k, height in enumerate(rows):
        own = height if k == 3 else _height(left[k])
        _box(axes, 0, y, own, left[k], colors, colors.muted)
        for column, color in ((1, colors.pie), (2, colors.control)):
            _box(axes, column, y, height, both[column - 1][k], colors, color)
        if k < len(steps):
            _step(axes, (y + own, y + height, y + height), y + steps[k], side[k], colors)
            y += steps[k]
    axes.text(
        0, total - 0.08, foot[:1].upper() + foot[1:] + ".", fontsize=SIZE - 1, color=colors.muted, va="bottom"
    )
    if simulated:
        mark_simulated(figure, colors)
    return figure


def _draw_head(axes: Axes, head: str, top: float, colors: Theme) -> None:
    left, right = _COLUMNS[1][0], _COLUMNS[2][0] + _COLUMNS[2][1]
    middle, height = (left + right) / 2, top - 0.34
    _frame(axes, middle - 1.1, 0.06, 2.2, height, colors, colors.muted)
    _write(axes, middle - 1.1 + PAD, 0.06, _wrap(head, 2.2), colors)
    for start, width in _COLUMNS[1:]:
        x = start + width / 2
        axes.plot(
            [middle, middle, x], [0.06 + height, top - 0.17, top - 0.17], color=colors.muted, linewidth=1
        )
        _arrow(axes, x, top - 0.17, top, colors)


def _step(
    axes: Axes, ends: tuple[float, float, float], target: float, lost: list[str], colors: Theme
) -> None:
    for (start, width), end in zip(_COLUMNS, ends, strict=True):
        x = start + (0.14 if lost and start == 0 else width / 2)
        _arrow(axes, x, end, target, colors)
    for number, line in enumerate(lost):
        y = ends[0] + 0.05 + PAD + (number + 0.5) * LINE
        axes.text(0.3, y, line, fontsize=SIZE - 1.2, color=colors.muted, va="center", style="italic")


def _arrow(axes: Axes, x: float, start: float, end: float, colors: Theme) -> None:
    axes.annotate(
        "",
        xy=(x, end),
        xytext=(x, start),
        arrowprops={"arrowstyle": "-|>", "color": colors.muted, "linewidth": 1, "shrinkA": 0, "shrinkB": 0},
    )


def _box(
    axes: Axes, column: int, y: float, height: float, lines: list[str], colors: Theme, edge: str
) -> None:
    start, width = _COLUMNS[column]
    _frame(axes, start, y, width, height, colors, edge)
    _write(axes, start + PAD, y, lines, colors)


def _frame(axes: Axes, x: float, y: float, width: float, height: float, colors: Theme, edge: str) -> None:
    axes.add_patch(
        FancyBboxPatch(
            (x, y),
            width,
            height,
            boxstyle="round,pad=0,rounding_size=0.05",
            facecolor="none",
            edgecolor=edge,
            linewidth=1.1,
        )
    )


def _write(axes: Axes, x: float, y: float, lines: list[str], colors: Theme) -> None:
    for number, line in enumerate(lines):
        strong = number == 0
        axes.text(
            x,
            y + PAD + (number + 0.5) * LINE,
            line,
            fontsize=SIZE - (0 if strong else 0.7),
            va="center",
            color=colors.text,
            fontweight="bold" if strong else "normal",
        )


def _wrap(text: str, width: float) -> list[str]:
    return [part for line in text.split("\n") if line for part in wrapped(line, width - 2 * PAD, SIZE)]


def _height(lines: list[str]) -> float:
    return len(lines) * LINE + 2 * PAD
