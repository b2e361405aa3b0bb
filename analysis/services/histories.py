"""How an ensemble was trained, as its folder tells: histories by epoch, and the kept epoch of each member."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.figures.theme import render
from analysis.figures.training import draw_training
from analysis.sweep.artefacts import write_atomic

COLUMNS = ("seed", "epoch", "train_loss", "val_loss", "val_map", "best", "seconds")


def history_of(folder: str, seeds: Sequence[int]) -> pd.DataFrame:
    """Return the rows of every history.csv in a folder (or under a pattern) of the published layout, if any.

    Returns
    -------
    Columns COLUMNS; `val_map` is blank where a training did not measure it.
    """
    parts = []
    base = Path(folder.partition("*")[0])
    for file in sorted(base.glob("*/history.csv")) if base.is_dir() else ():
        _, has_seed, number = file.parent.name.rpartition("_seed-")
        seed = int(number) if has_seed and number.isdigit() else 0
        if seed in seeds:
            parts.append(pd.read_csv(file).assign(seed=seed))
    if not parts:
        return pd.DataFrame(columns=list(COLUMNS))
    found = pd.concat(parts, ignore_index=True)
    return found.reindex(columns=list(COLUMNS)).sort_values(["seed", "epoch"], ignore_index=True)


def members_of(seeds: Sequence[int], history: pd.DataFrame) -> list[dict[str, Any]]:
    """Return per seed the epochs run, the kept epoch, its validation loss and mean AP; blank when unknown."""
    rows = []
    for seed in seeds:
        own = history[history["seed"] == seed]
        row: dict[str, Any] = {"seed": seed, "epochs": len(own) or None}
        if len(own):
            kept = own.sort_values(["val_loss", "epoch"]).to_dict("records")[0]
            area = None if pd.isna(kept["val_map"]) else float(kept["val_map"])
            row |= {"kept": int(kept["epoch"]), "loss": float(kept["val_loss"]), "map": area}
        rows.append(row)
    return rows


def draw_curves(folder: Path, seeds: Sequence[int]) -> Path:
    """Draw the loss curves of an ensemble into its folder, as curves.svg and curves.png; return the picture."""
    figure = draw_training(history_of(str(folder), seeds))
    for kind in ("svg", "png"):
        write_atomic(folder / f"curves.{kind}", render(figure, kind))
    return folder / "curves.png"
