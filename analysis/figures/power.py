"""The figure of planning: power against cases, one curve for each number of readers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from analysis.figures.theme import SIZE, THEMES, ThemeName, dress, new_figure


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
    axes.text(cases[0], wanted + 0.012, f"{100 * wanted:.0f} %", color=colors.muted, fontsize=SIZE - 1)
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


def _spread(heights: Sequence[float], apart: float = 0.042) -> list[float]:
    """Move labels that would lie on each other down, from the highest on; the others stay at their curves."""
    moved = list(heights)
    limit = 1.02
    for place in sorted(range(len(heights)), key=lambda place: -heights[place]):
        moved[place] = min(heights[place], limit)
        limit = moved[place] - apart
    return moved
