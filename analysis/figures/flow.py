"""The flow of readers and cases through a study, drawn as CONSORT diagrams are."""

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from analysis.figures.theme import SIZE, THEMES, Theme, ThemeName, new_figure, wrapped, write

WIDTH = 7.2
LINE = 0.155
"""Height of a line of text in inches."""
PAD, GAP = 0.09, 0.2
_COLUMNS = ((0.0, 2.1), (2.42, 2.3), (4.9, 2.3))
"""Left edge and width of readers, PIEs, controls, in inches."""


@dataclass(frozen=True)
class Flow:
    """Boxes from top to bottom; in every text the first line is the heading, the others follow below.

    `head`: first box of the case set; `readers`: four boxes; `readers_lost`: three texts between them, who left there
    ("" = nobody); `arms`: four boxes each for arm 1 and arm 0; `foot`: a sentence under the drawing.
    """

    head: str
    readers: tuple[str, ...]
    readers_lost: tuple[str, ...]
    arms: tuple[tuple[str, ...], tuple[str, ...]]
    foot: str


def draw_flow(flow: Flow, *, theme: ThemeName = "light") -> Figure:
    """Draw readers at the left, both arms of the case set at the right, from top to bottom."""
    colors = THEMES[theme]
    side = [_wrap(text, _COLUMNS[0][1] - 0.25) for text in flow.readers_lost]
    left = [_wrap(text, _COLUMNS[0][1]) for text in flow.readers]
    both = [
        [_wrap(text, width) for text in arm] for arm, (_, width) in zip(flow.arms, _COLUMNS[1:], strict=True)
    ]
    rows = [max(_height(both[0][k]), _height(both[1][k])) for k in range(4)]
    rows[3] = max(rows[3], _height(left[3]))
    # A reader's box is as high as its text; what was lost there is between it and the next row.
    needs = [_height(left[k]) + (_height(side[k]) + 0.1 if side[k] else GAP) for k in range(3)]
    steps = [max(row + GAP, need) for row, need in zip(rows, needs, strict=False)]
    top = _height(_wrap(flow.head, 3)) + 0.34
    total = top + sum(steps) + rows[3] + 0.3
    figure = new_figure(WIDTH + 0.2, total, colors)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(-0.1, WIDTH + 0.1)
    axes.set_ylim(total, 0)
    axes.axis("off")
    _draw_head(axes, flow.head, top, colors)
    y = top
    for k, height in enumerate(rows):
        own = height if k == 3 else _height(left[k])
        _box(axes, _COLUMNS[0], y, own, left[k], colors.text, colors.muted)
        for column, lines, color in zip(_COLUMNS[1:], both, (colors.pie, colors.control), strict=True):
            _box(axes, column, y, height, lines[k], colors.text, color)
        if k < len(steps):
            _step(axes, (y + own, y + height, y + height), y + steps[k], side[k], colors)
            y += steps[k]
    foot = flow.foot[:1].upper() + flow.foot[1:] + "."
    write(axes, 0, total - 0.08, foot, colors.muted, size=-1, level="bottom")
    return figure


def _draw_head(axes: Axes, head: str, top: float, colors: Theme) -> None:
    left, right = _COLUMNS[1][0], _COLUMNS[2][0] + _COLUMNS[2][1]
    middle, height = (left + right) / 2, top - 0.34
    _box(axes, (middle - 1.1, 2.2), 0.06, height, _wrap(head, 2.2), colors.text, colors.muted)
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
        write(axes, 0.3, y, line, colors.muted, size=-1.2, level="center", style="italic")


def _arrow(axes: Axes, x: float, start: float, end: float, colors: Theme) -> None:
    arrow = {"arrowstyle": "-|>", "color": colors.muted, "linewidth": 1, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", xy=(x, end), xytext=(x, start), arrowprops=arrow)


def _box(
    axes: Axes, column: tuple[float, float], y: float, height: float, lines: list[str], ink: str, edge: str
) -> None:
    """Draw a box with its lines; `column` is its left edge and its width in inches."""
    x, width = column
    style = "round,pad=0,rounding_size=0.05"
    axes.add_patch(
        FancyBboxPatch((x, y), width, height, boxstyle=style, facecolor="none", edgecolor=edge, linewidth=1.1)
    )
    for number, line in enumerate(lines):
        at, strong = y + PAD + (number + 0.5) * LINE, number == 0
        size, weight = (SIZE, "bold") if strong else (SIZE - 0.7, "normal")
        axes.text(x + PAD, at, line, fontsize=size, va="center", color=ink, fontweight=weight)


def _wrap(text: str, width: float) -> list[str]:
    return [part for line in text.split("\n") if line for part in wrapped(line, width - 2 * PAD, SIZE)]


def _height(lines: list[str]) -> float:
    return len(lines) * LINE + 2 * PAD
