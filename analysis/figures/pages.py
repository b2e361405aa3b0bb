"""Figures of the pages of data sets, ensembles and runs: class counts, a training's epochs, what pruning does."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter, NullLocator

from analysis.conditions import Condition
from analysis.figures.theme import SIZE, THEMES, Theme, ThemeName, dress, new_figure, shortened
from analysis.frames import conditions_of, with_conditions


def draw_mean_ap(metrics: pd.DataFrame, *, theme: ThemeName = "light") -> Figure:
    """Draw mAP against sparsity, or by condition: one thin line per seed, their mean in front.

    Parameters
    ----------
    metrics: frames.METRICS; a class without AP is left out of the mean.
    theme: ground and colours.
    """
    colors = THEMES[theme]
    conditions = conditions_of(metrics)
    levels = [Condition.of(name).level for name in conditions]
    means = with_conditions(metrics).groupby(["seed", "condition"])["ap"].mean().unstack("seed")
    per_seed = means.loc[list(conditions)]
    figure = new_figure(7.2, 4.2, colors)
    axes = figure.subplots()
    shares = [100 * level for level in levels if level is not None]
    on_axis = len(shares) == len(levels)
    places = np.array(shares) if on_axis else np.arange(len(levels), dtype=float)
    thin, thick = ("-", "-") if on_axis else (".", "o")
    axes.plot(places, per_seed.to_numpy(), thin, color=colors.control, linewidth=0.9, alpha=0.45)
    axes.plot(places, per_seed.mean(axis=1).to_numpy(), thick, color=colors.control, linewidth=2.4)
    if not on_axis:
        axes.set_xticks(places, [shortened(name, 14) for name in conditions])
        axes.set_xlim(-0.5, len(levels) - 0.5)
    axes.set_ylim(0, float(per_seed.max().max()) * 1.12)
    title = f"Mean average precision over classes, {per_seed.shape[1]} seeds and their mean"
    dress(axes, colors, title=title, below="weights removed, %" if on_axis else "condition")
    figure.subplots_adjust(left=0.07, right=0.98, top=0.88, bottom=0.14)
    return figure


def draw_forgetting(metrics: pd.DataFrame, *, theme: ThemeName = "light") -> Figure:
    """Draw each class's relative change of AP in the last condition, median over seeds, rarest class last.

    Parameters
    ----------
    metrics: frames.METRICS; classes without AP are left out.
    theme: ground and colours.
    """
    colors = THEMES[theme]
    first, *_, last = conditions_of(metrics)
    ap = with_conditions(metrics).pivot_table(index=["class", "seed"], columns="condition", values="ap")
    change = (100 * (ap[last] - ap[first]) / ap[first]).groupby("class").median()
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
    title = f"Change of AP with {Condition.of(last).words}, by positive test images"
    below = f"% of the AP of {first}, median over seeds"
    dress(axes, colors, title=title, below=below, grid="x")
    height = figure.get_figheight()
    figure.subplots_adjust(left=0.28, right=0.97, top=1 - 0.42 / height, bottom=0.5 / height)
    return figure


SPLITS = {"train": "training", "val": "validation", "test": "test"}


def draw_class_counts(classes: pd.DataFrame, *, theme: ThemeName = "light") -> Figure:
    """Draw the positive images of each class on a logarithmic axis, the commonest class on top.

    Parameters
    ----------
    classes: column `name`, and counts of positive images in any of `train`, `val` and `test`. The first of
        train, test, val that is there is drawn as bars, the others as ticks across them.
    theme: ground and colours.
    """
    colors = THEMES[theme]
    there = [role for role in ("train", "test", "val") if role in classes]
    rows = classes.sort_values(there[0], kind="stable").reset_index(drop=True)
    figure = new_figure(7.6, 1.0 + 0.25 * len(rows), colors)
    axes = figure.subplots()
    places = np.arange(len(rows))
    counts = rows[there[0]].to_numpy(dtype=float)
    axes.barh(
        places, np.maximum(counts, 0.6), left=0.5, height=0.7, color=colors.control, label=SPLITS[there[0]]
    )
    for role, color in zip(there[1:], (colors.pie, colors.text), strict=False):
        values = np.maximum(rows[role].to_numpy(dtype=float), 0.55)
        axes.plot(values, places, "|", color=color, markersize=10, markeredgewidth=2, label=SPLITS[role])
    axes.set_xscale("log")
    axes.set_xlim(0.5, max(10.0, float(rows[there].to_numpy().max()) * 1.6))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_yticks(
        places, [f"{shortened(row['name'])}  {int(row[there[0]]):,}" for row in rows.to_dict("records")]
    )
    axes.set_ylim(-0.7, len(rows) - 0.3)
    axes.legend(frameon=False, fontsize=SIZE, labelcolor=colors.text, loc="lower right")
    dress(axes, colors, title="Positive images by class", below="positive images, logarithmic", grid="x")
    height = figure.get_figheight()
    figure.subplots_adjust(left=0.34, right=0.97, top=1 - 0.42 / height, bottom=0.5 / height)
    return figure


def draw_training(history: pd.DataFrame, *, theme: ThemeName = "light") -> Figure:
    """Draw training and validation loss, and mean AP, of each seed; a dot marks the epoch that was kept.

    Parameters
    ----------
    history: one row per seed and epoch with the columns seed, epoch, train_loss, val_loss (losses 0 or more), val_map
        (0 to 1 or blank), and best, 1 where the validation loss was the lowest so far.
    theme: ground and colours.
    """
    colors = THEMES[theme]
    has_map = history["val_map"].notna().any()
    figure = new_figure(9.6 if has_map else 6.4, 3.6, colors)
    panels = figure.subplots(1, 2 if has_map else 1, squeeze=False, gridspec_kw={"wspace": 0.18})[0]
    _lines(panels[0], history, "train_loss", colors.control, "training")
    _lines(panels[0], history, "val_loss", colors.pie, "validation")
    panels[0].set_ylim(0, _top(history[["train_loss", "val_loss"]].to_numpy()))
    seeds = history["seed"].nunique()
    _finish(panels[0], f"Loss, {seeds} seed{'s' if seeds > 1 else ''}", colors)
    panels[0].legend(frameon=False, fontsize=SIZE, labelcolor=colors.text, loc="upper right")
    if has_map:
        _lines(panels[1], history, "val_map", colors.pie, "validation")
        panels[1].set_ylim(0, _top(history["val_map"].to_numpy(dtype=float)))
        _finish(panels[1], "Mean average precision of the validation split", colors)
    figure.subplots_adjust(left=0.055 if has_map else 0.09, right=0.985, top=0.88, bottom=0.15)
    return figure


def _lines(axes: Axes, history: pd.DataFrame, column: str, color: str, name: str) -> None:
    """Draw one line per seed, and on validation lines the kept epoch."""
    many = history["seed"].nunique() > 3
    for place, (_, own) in enumerate(history.groupby("seed")):
        epochs, values = own["epoch"].to_numpy(), own[column].to_numpy(dtype=float)
        axes.plot(
            epochs, values, color=color, linewidth=1.0 if many else 1.6, alpha=0.6 if many else 0.95,
            label=name if place == 0 else None, marker="." if len(own) == 1 else None,
        )  # fmt: skip
        kept = own.loc[own["best"] == 1, "epoch"].max()
        if column != "train_loss" and not np.isnan(kept):
            axes.plot([kept], values[epochs == kept], "o", color=color, markersize=4)


def _finish(axes: Axes, title: str, colors: Theme) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    dress(axes, colors, title=title, below="epoch")


def _top(values: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> float:
    finite = values[np.isfinite(values)]
    return float(finite.max()) * 1.08 if finite.size and finite.max() > 0 else 1.0
