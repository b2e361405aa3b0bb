"""All figures of a finished reader study, from the tables of its results; here the forest plots, of all cases and of
subgroups.
"""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.endpoints import GROUPS, Groups, capital
from analysis.figures import theme as look
from analysis.figures.answers import draw_answers, draw_paper_means
from analysis.printed import p_value

GROUPINGS = {"class_group": "By rarest finding", "n_findings": "By number of diseases"}


def reader_study_figures(
    tables: Mapping[str, pd.DataFrame],
    *,
    groups: Groups = GROUPS,
    theme: look.ThemeName = "light",
    pooled: str = "u_centred",
) -> dict[str, Figure]:
    """Draw forest, paper_means, answers where a question has levels, and subgroups where the study has them.

    Parameters
    ----------
    tables: the result tables by name: answers, comparisons, paper_compatible, subgroups, and endpoints
        (endpoint, title, low, high, axis_low, axis_high, interval).
    groups: what the arms are called.
    theme: ground and colours.
    pooled: the method whose theta is drawn over all readers; u_centred where a question has none by it.
    """
    words = tables["endpoints"]
    comparisons = tables["comparisons"].merge(words, on="endpoint")
    method = comparisons["method"]
    without = ~comparisons["endpoint"].isin(comparisons.loc[method == pooled, "endpoint"])
    primary = comparisons[(method == pooled) | ((method == "u_centred") & without)]
    readers = comparisons[method.isin(["reader_delong", "new_reader"])]
    paper = tables["paper_compatible"].merge(words, on="endpoint")
    figures = {
        "forest": draw_forest(pd.concat([primary, readers]), groups, theme=theme),
        "paper_means": draw_paper_means(paper, primary, groups, theme=theme),
    }
    if len(tables["answers"]):
        figures["answers"] = draw_answers(tables["answers"], groups, theme=theme)
    if len(tables["subgroups"]):
        figures["subgroups"] = draw_subgroups(tables["subgroups"], primary, theme=theme)
    return figures


ROW, CLOSE, MANY = 0.23, 0.155, 12
"""Height of a row in inches; with more rows than `MANY` they are closer, so that all fits a page."""


def draw_forest(
    comparisons: pd.DataFrame, groups: Groups = GROUPS, *, theme: look.ThemeName = "light"
) -> Figure:
    """Draw theta = P(arm 1 answered higher than arm 0) + half the ties, with intervals.

    Parameters
    ----------
    comparisons: of each question the row over all readers, and the rows of the methods reader_delong and new_reader
        (the interval of prediction); with title, axis_low and axis_high (what lies left and right of 0.5) of the
        question, and the name of the intervals.
    groups: what the arms are called.
    theme: ground and colours.
    """
    colors = look.THEMES[theme]
    rows = [own for _, own in comparisons.groupby("endpoint", sort=False)]
    heights = [0.82 + (ROW if len(own) <= MANY else CLOSE) * len(own) for own in rows]
    figure = look.new_figure(7.2, sum(heights) + 0.75, colors)
    total = sum(heights) + 0.75
    top = total - 0.25
    for own, height in zip(rows, heights, strict=True):
        box = (0.11, (top - height + 0.25) / total, 0.56, (height - 0.62) / total)
        axes = figure.add_axes(box)
        _endpoint(axes, own, capital(groups.ones), colors, total)
        top -= height
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.5\nno difference", "0.75", "1"])
    axes.tick_params(labelbottom=True, labelcolor=colors.muted)
    look.write(figure, 0.11, 0.1 / total,
               f"θ: how often a {groups.one} got a higher answer than a {groups.other}, ties counted half. "
               f"Bars: {comparisons['interval'].iloc[0]}s.", colors.muted, size=-1, level="bottom")  # fmt: skip
    return figure


def _endpoint(axes: Axes, own: pd.DataFrame, named: str, colors: look.Theme, inches: float) -> None:
    readers = look.records(own[own["method"] == "reader_delong"])
    pooled = look.records(own[~own["method"].isin(["reader_delong", "new_reader"])])[0]
    axes.axvline(0.5, color=colors.muted, linewidth=0.9, linestyle=(0, (4, 3)), zorder=0)
    for y, row in enumerate(readers):
        _interval(axes, y, row, colors.muted, thick=False)
        _label(axes, y, look.shortened(row["reader"]), row, colors, strong=False)
    last = len(readers) + 0.25
    _interval(axes, last, pooled, colors.text, thick=True)
    _label(axes, last, "All", pooled, colors, strong=True)
    for row in look.records(own[(own["method"] == "new_reader") & own["ci_low"].notna()]):
        last += 1
        ends = [row["ci_low"], row["ci_high"]]
        axes.plot(
            ends,
            [last, last],
            color=colors.text,
            linewidth=1.0,
            linestyle=(0, (2, 2)),
            marker="|",
            markersize=7,
        )
        _label(axes, last, "Another", row, colors, strong=False)
    axes.set_xlim(0, 1)
    axes.set_ylim(last + 0.6, -0.6)
    axes.set_yticks([])
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1])
    axes.grid(axis="x", color=colors.line, linewidth=0.5)
    axes.set_axisbelow(True)
    look.strip(axes, colors)
    axes.tick_params(labelbottom=False)
    _headings(axes, pooled, named, colors, inches)


def _headings(axes: Axes, pooled: look.Record, named: str, colors: look.Theme, inches: float) -> None:
    height = axes.get_position().height * inches
    above = 1 + 0.07 / height
    look.write(axes, -0.17, above + 0.17 / height, pooled["title"], colors.text, size=1.5, by="axes",
               fontweight="bold")  # fmt: skip
    for x, words, side in (
        (0.0, f"← {look.shortened(named, 14)}: {look.shortened(pooled['axis_low'], 34)}", "left"),
        (1.0, f"{look.shortened(pooled['axis_high'], 34)} →", "right"),
        (1.045, f"θ  [{pooled['interval']}]", "left"),
        (1.4, "p", "left"),
    ):
        look.write(axes, x, above, words, colors.muted, size=-1.5, by="axes", side=side)


def _interval(axes: Axes, y: float, row: look.Record, color: str, *, thick: bool) -> None:
    theta, low, high = row["estimate"], row["ci_low"], row["ci_high"]
    if theta is None:
        return
    if low is not None and high is not None:
        axes.plot([low, high], [y, y], color=color, linewidth=2.6 if thick else 1.3, solid_capstyle="butt")
    kind, size = ("D", 7.0) if thick else ("o", 4.8)
    axes.plot([theta], [y], marker=kind, markersize=size, color=color, markeredgewidth=0, clip_on=False)


def _label(axes: Axes, y: float, name: str, row: look.Record, colors: look.Theme, *, strong: bool) -> None:
    color, weight = (colors.text, "bold") if strong else (colors.muted, "normal")
    for x, words, side in (
        (-0.03, name, "right"),
        (1.045, _estimate(row), "left"),
        (1.4, p_value(row["p"]), "left"),
    ):
        look.write(axes, x, y, words, color, by="row", side=side, level="center", fontweight=weight)


def _estimate(row: look.Record) -> str:
    theta, low, high = row["estimate"], row["ci_low"], row["ci_high"]
    if theta is None:
        return "not estimable"
    if low is None or high is None:
        return f"{theta:.2f}  [no interval]"
    return f"{theta:.2f}  [{low:.2f}, {high:.2f}]"


SUBGROUP_ROW, GAP, MOST = 0.23, 0.6, 3
"""Height of a row and between panels in inches; questions side by side."""


def draw_subgroups(
    subgroups: pd.DataFrame, overall: pd.DataFrame, *, theme: look.ThemeName = "light"
) -> Figure:
    """Draw theta of every subgroup with its interval, the comparison over all cases below.

    Parameters
    ----------
    subgroups: the subgroups table.
    overall: the primary comparison of each question: endpoint, title, estimate, ci_low, ci_high,
        and the name of the intervals.
    theme: ground and colours.
    """
    colors = look.THEMES[theme]
    endpoints = list(dict.fromkeys(overall["endpoint"]))
    lines = _lines(subgroups)
    across, down = min(len(endpoints), MOST), -(-len(endpoints) // MOST)
    panel = SUBGROUP_ROW * (len(lines) + 1) + 0.38
    height = down * panel + (down - 1) * GAP + 0.92
    figure = look.new_figure(7.2, height, colors)
    grid = figure.add_gridspec(
        down, across, left=0.17, right=0.985, top=1 - 0.42 / height, bottom=0.5 / height, wspace=0.08,
        hspace=GAP / panel,
    )  # fmt: skip
    for k, name in enumerate(endpoints):
        axes = figure.add_subplot(grid[k])
        own = {(r["grouping"], r["group"]): r for r in look.records(subgroups[subgroups["endpoint"] == name])}
        whole = look.records(overall[overall["endpoint"] == name])[0]
        _panel(axes, lines, own, whole, colors, labelled=k % across == 0)
    look.write(figure, 0.17, 0.06 / height,
               f"θ with {overall['interval'].iloc[0]}; grey p: not adjusted, explorative. No mark: too few cases.",
               colors.muted, size=-1.5, level="bottom")  # fmt: skip
    return figure


def _lines(subgroups: pd.DataFrame) -> list[tuple[str, str | None, str]]:
    """Return a heading for each grouping (group None), then its groups."""
    lines: list[tuple[str, str | None, str]] = []
    for grouping in dict.fromkeys(subgroups["grouping"]):
        lines.append((grouping, None, look.shortened(GROUPINGS.get(grouping, grouping))))
        groups = subgroups.loc[subgroups["grouping"] == grouping, "group"]
        lines += [(grouping, group, look.shortened(group)) for group in dict.fromkeys(groups)]
    return lines


def _panel(
    axes: Axes,
    lines: list[tuple[str, str | None, str]],
    own: dict[tuple[str, str], look.Record],
    whole: look.Record,
    colors: look.Theme,
    *,
    labelled: bool,
) -> None:
    axes.axvline(0.5, color=colors.muted, linewidth=0.9, linestyle=(0, (4, 3)), zorder=0)
    for y, (grouping, group, words) in enumerate(lines):
        if labelled:
            bold = "bold" if group is None else "normal"
            look.write(axes, -0.04 if group is not None else -0.52, y, words, colors.text, size=-0.5,
                       by="row", side="right" if group is not None else "left", level="center",
                       fontweight=bold)  # fmt: skip
        row = None if group is None else own.get((grouping, group))
        if row is not None and row["estimate"] is not None:
            _interval(axes, y, row, colors.muted, thick=False)
            look.write(axes, 0.985, y, p_value(row["p"]), colors.muted, size=-2, by="row", side="right",
                       level="center")  # fmt: skip
    last = len(lines) + 0.3
    _interval(axes, last, whole, colors.text, thick=True)
    if labelled:
        look.write(axes, -0.04, last, "All cases", colors.text, size=-0.5, by="row", side="right",
                   level="center", fontweight="bold")  # fmt: skip
    axes.set_xlim(0, 1.22)
    axes.set_ylim(last + 0.7, -0.7)
    axes.set_yticks([])
    axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    look.strip(axes, colors)
    axes.set_title(
        look.shortened(whole["title"], 22),
        fontsize=look.SIZE,
        fontweight="bold",
        color=colors.text,
        loc="left",
    )
