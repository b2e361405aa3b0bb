"""Figures of a sweep: what pruning does to the whole and to each class."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis.figures.theme import SIZE, THEMES, ThemeName, new_figure, shortened, strip


def draw_mean_ap(metrics: pd.DataFrame, *, theme: ThemeName = "light") -> Figure:
    """Draw mAP against sparsity: one thin line per seed, their mean in front.

    Parameters
    ----------
    metrics: frames.METRICS; a class without AP is left out of the mean.
    theme: ground and colours.
    """
    colors = THEMES[theme]
    per_seed = metrics.groupby(["seed", "sparsity"])["ap"].mean().unstack("seed")
    figure = new_figure(7.2, 4.2, colors)
    axes = figure.subplots()
    share = 100 * per_seed.index.to_numpy(dtype=float)
    axes.plot(share, per_seed.to_numpy(), color=colors.control, linewidth=0.9, alpha=0.45)
    axes.plot(share, per_seed.mean(axis=1).to_numpy(), color=colors.control, linewidth=2.4)
    axes.set_ylim(0, float(per_seed.max().max()) * 1.12)
    axes.set_xlabel("weights removed, %", color=colors.muted, fontsize=SIZE)
    axes.set_title(
        f"Mean average precision over classes, {per_seed.shape[1]} seeds and their mean",
        color=colors.text, fontsize=SIZE + 1, loc="left", pad=12,
    )  # fmt: skip
    axes.grid(axis="y", color=colors.line, linewidth=0.7)
    axes.set_axisbelow(True)
    strip(axes, colors, keep=("bottom",))
    figure.subplots_adjust(left=0.07, right=0.98, top=0.88, bottom=0.14)
    return figure


def draw_forgetting(metrics: pd.DataFrame, *, theme: ThemeName = "light") -> Figure:
    """Draw each class's relative change of AP at the highest sparsity, median over seeds, rarest class last.

    Parameters
    ----------
    metrics: frames.METRICS with sparsity 0; classes without AP are left out.
    theme: ground and colours.
    """
    colors = THEMES[theme]
    ap = metrics.pivot_table(index=["class", "seed"], columns="sparsity", values="ap")
    last = float(ap.columns.max())
    change = (100 * (ap[last] - ap[0.0]) / ap[0.0]).groupby("class").median()
    positives = metrics.groupby("class")["positives"].first().reindex(change.index).sort_values()
    values = change.reindex(positives.index).to_numpy()
    figure = new_figure(7.2, 1.0 + 0.24 * len(values), colors)
    axes = figure.subplots()
    places = np.arange(len(values))
    shades = [colors.pie if value < 0 else colors.control for value in values]
    axes.barh(places, values, height=0.72, color=shades)
    axes.axvline(0, color=colors.muted, linewidth=0.8)
    axes.set_yticks(places, [f"{shortened(name)}  {positives[name]}" for name in positives.index])
    axes.set_ylim(-0.7, len(values) - 0.3)
    axes.set_xlabel("% of the dense AP, median over seeds", color=colors.muted, fontsize=SIZE)
    axes.set_title(
        f"Change of AP with {100 * last:.0f} % of weights removed, by positive test images",
        color=colors.text, fontsize=SIZE + 1, loc="left", pad=10,
    )  # fmt: skip
    axes.grid(axis="x", color=colors.line, linewidth=0.7)
    axes.set_axisbelow(True)
    strip(axes, colors)
    figure.subplots_adjust(left=0.28, right=0.97, top=1 - 0.42 / figure.get_figheight(),
                           bottom=0.5 / figure.get_figheight())  # fmt: skip
    return figure
