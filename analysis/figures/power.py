"""The figure of planning: power against cases, one curve for each number of readers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from analysis.figures.theme import SIZE, THEMES, ThemeName, dress, new_figure, write


@dataclass(frozen=True)
class Planned:
    """The plan itself: cases of a reader, power by formula, and by simulation with its standard error."""

    readers: int
    cases: int
    power: float
    simulated: float | None = None
    error: float = 0.0


def draw_power(
    cases: Sequence[int],
    curves: Mapping[int, Sequence[float]],
    planned: Planned | None,
    *,
    wanted: float = 0.8,
    theme: ThemeName = "light",
) -> Figure:
    """Draw power (0 to 1) against the cases of one reader.

    Parameters
    ----------
    cases: along the axis.
    curves: number of readers to the power at each number of cases.
    planned: a point to mark, with two standard errors of its simulation.
    wanted: a line at this power.
    theme: ground and colours.
    """
    colors = THEMES[theme]
    figure = new_figure(7.6, 4.4, colors)
    axes = figure.subplots()
    axes.axhline(wanted, color=colors.muted, linewidth=0.9, linestyle=(0, (4, 3)))
    write(axes, cases[0], wanted + 0.012, f"{100 * wanted:.0f} %", colors.muted, size=-1)
    labels = []
    for readers, values in curves.items():
        own = planned is not None and readers == planned.readers
        axes.plot(
            cases, values, color=colors.pie if own else colors.control,
            linewidth=2.4 if own else 1.1, alpha=1.0 if own else 0.75, zorder=3 if own else 2,
        )  # fmt: skip
        labels.append((float(values[-1]), f"{readers} readers", own))
    for height, (_, words, own) in zip(_spread([value for value, *_ in labels]), labels, strict=True):
        axes.annotate(
            words, (cases[-1], height), xytext=(6, 0), textcoords="offset points", va="center",
            color=colors.pie if own else colors.text, fontsize=SIZE - 0.5, fontweight="bold" if own else "normal",
        )  # fmt: skip
    if planned is not None:
        axes.plot(planned.cases, planned.power, "o", color=colors.pie, markersize=8, zorder=5)
        if planned.simulated is not None:
            axes.errorbar(
                planned.cases, planned.simulated, yerr=2 * planned.error, fmt="D", color=colors.text,
                markersize=5.5, capsize=3, linewidth=1.2, zorder=6,
            )  # fmt: skip
    axes.set_ylim(0, 1.03)
    axes.set_xlim(cases[0], cases[-1])
    axes.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1.0], ["0", "20 %", "40 %", "60 %", "80 %", "100 %"])
    dress(axes, colors, title="Power", below="cases of one reader, half of each kind")
    figure.subplots_adjust(left=0.09, right=0.86, top=0.91, bottom=0.13)
    return figure


def draw_sensitivity(
    varied: Mapping[str, tuple[float, float]],
    power: float | None,
    *,
    wanted: float = 0.8,
    theme: ThemeName = "light",
) -> Figure:
    """Draw the power (0 to 1) at half and at twice the value of each assumption, the one that matters most on top.

    Parameters
    ----------
    varied: an assumption in words to both powers.
    power: of the plan as it is assumed, a line; None: not known.
    wanted: another line.
    theme: ground and colours.
    """
    colors = THEMES[theme]
    rows = sorted(varied.items(), key=lambda row: abs(row[1][1] - row[1][0]))
    height = 1.1 + 0.36 * len(rows)
    figure = new_figure(7.6, height, colors)
    axes = figure.add_axes((0.31, 0.55 / height, 0.65, 1 - 1.0 / height))
    axes.axvline(wanted, color=colors.muted, linewidth=0.9, linestyle=(0, (4, 3)))
    if power is not None:
        axes.axvline(power, color=colors.text, linewidth=1.1)
    for y, (_, ends) in enumerate(rows):
        axes.plot(ends, [y, y], color=colors.line, linewidth=6, solid_capstyle="butt")
        for value, words, color in zip(ends, ("½", "2×"), (colors.control, colors.pie), strict=True):
            axes.plot(value, y, "o", color=color, markersize=8)
            axes.annotate(words, (value, y), xytext=(0, 7), textcoords="offset points", ha="center", color=color,
                          fontsize=SIZE - 1.5)  # fmt: skip
    axes.set_yticks(range(len(rows)), [name for name, _ in rows])
    axes.set_ylim(-0.6, len(rows) - 0.2)
    axes.set_xlim(0, 1.03)
    axes.set_xticks([0, 0.2, 0.4, 0.6, 0.8, 1.0], ["0", "20 %", "40 %", "60 %", "80 %", "100 %"])
    dress(axes, colors, title="Power with half and with twice of what is assumed", below="power", grid="x")
    return figure


def _spread(heights: Sequence[float], apart: float = 0.042) -> list[float]:
    """Move labels that would lie on each other down, from the highest on; the others stay at their curves."""
    moved = list(heights)
    limit = 1.02
    for place in sorted(range(len(heights)), key=lambda place: -heights[place]):
        moved[place] = min(heights[place], limit)
        limit = moved[place] - apart
    return moved
