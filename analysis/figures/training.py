"""Figures of a training: how loss and mean AP went, epoch by epoch, for every seed."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis.figures.theme import SIZE, THEMES, Theme, ThemeName, new_figure, strip

HISTORY = ("seed", "epoch", "train_loss", "val_loss", "val_map", "best")
"""The columns of a history that the figure reads; `val_map` may be blank."""


def draw_training(history: pd.DataFrame, *, theme: ThemeName = "light") -> Figure:
    """Draw training and validation loss, and mean AP, of each seed; a dot marks the epoch that was kept.

    Parameters
    ----------
    history: one row per seed and epoch with the columns HISTORY; losses 0 or more, `val_map` 0 to 1 or blank,
        `best` 1 where the validation loss was the lowest so far.
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
    axes.set_title(title, color=colors.text, fontsize=SIZE + 1, loc="left", pad=10)
    axes.set_xlabel("epoch", color=colors.muted, fontsize=SIZE)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", color=colors.line, linewidth=0.7)
    axes.set_axisbelow(True)
    strip(axes, colors, keep=("bottom",))


def _top(values: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> float:
    finite = values[np.isfinite(values)]
    return float(finite.max()) * 1.08 if finite.size and finite.max() > 0 else 1.0
