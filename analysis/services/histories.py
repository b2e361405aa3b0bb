"""How an ensemble was trained, from the files beside its checkpoints: by epoch, and the kept epoch of each member.

Two kinds of `history.csv` are read: ours, a row per epoch, and the published study's, a row per epoch and phase.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.durable import write_whole
from analysis.errors import RefusedError
from analysis.figures.pages import draw_training
from analysis.figures.theme import render
from analysis.services.places import within
from analysis.tablefile import read_table

NAME = "history.csv"
COLUMNS = ("seed", "epoch", "train_loss", "val_loss", "val_map", "best", "seconds")
NEEDED = ("epoch", "train_loss", "val_loss", "best")
PUBLISHED = ("epoch", "phase", "loss", "mAP")
"""The columns of the published study's histories that are read."""

MAX_BYTES = 4 << 20
"""The most bytes of one history. A row takes about 80; a page reads the file while somebody waits."""


class HistoryError(RefusedError):
    """A history is not what a training writes: the file, what was expected, what was found."""


def beside(checkpoints: Mapping[int, Path]) -> dict[int, Path]:
    """Return the history of each seed: the file in its checkpoint's folder, where that is the seed's alone.

    A link that leads out of the folder is passed over: a page shows what it reads.
    """
    folders = [file.parent for file in checkpoints.values()]
    files = {
        seed: file.with_name(NAME) for seed, file in checkpoints.items() if folders.count(file.parent) == 1
    }
    return {seed: file for seed, file in files.items() if file.is_file() and within(file, [file.parent])}


def begun_in(folder: Path, seeds: Sequence[int]) -> dict[int, Path]:
    """Return the histories in a training's own folder, also of seeds that have no checkpoint yet."""
    found = {}
    for file in sorted(folder.glob(f"*/{NAME}")):
        _, has_seed, number = file.parent.name.rpartition("_seed-")
        found[int(number) if has_seed and number.isdigit() else 0] = file
    return {seed: found[seed] for seed in seeds if seed in found}


def history_of(files: Mapping[int, Path]) -> pd.DataFrame:
    """Read the histories of some seeds.

    Returns
    -------
    Columns COLUMNS, a row per seed and epoch; `val_map` and `seconds` are blank where a training did not note
    them.

    Raises
    ------
    HistoryError: larger than MAX_BYTES, no CSV, too many columns, columns of neither kind, a value that is no number,
        an epoch that is not a whole number from 1 or comes twice.
    """
    parts = [_one(file).assign(seed=seed) for seed, file in files.items()]
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
        measured = own[own["val_loss"].notna()]
        if len(measured):
            kept = measured.sort_values(["val_loss", "epoch"]).to_dict("records")[0]
            area = None if pd.isna(kept["val_map"]) else float(kept["val_map"])
            row |= {"kept": int(kept["epoch"]), "loss": float(kept["val_loss"]), "map": area}
        rows.append(row)
    return rows


def draw_curves(folder: Path, files: Mapping[int, Path]) -> Path:
    """Draw the loss curves of some seeds into a folder, as curves.svg and curves.png; return the picture."""
    figure = draw_training(history_of(files))
    for kind in ("svg", "png"):
        write_whole(folder / f"curves.{kind}", render(figure, kind))
    return folder / "curves.png"


def _one(file: Path) -> pd.DataFrame:
    place = f"{file.parent.name}/{file.name}"
    if file.stat().st_size > MAX_BYTES:
        raise HistoryError(f"{place}: expected a history of at most {MAX_BYTES:,} bytes, got a larger one")
    table = read_table(file, error=HistoryError, where=place)
    needed = PUBLISHED if "phase" in table.columns else NEEDED
    absent = [name for name in needed if name not in table.columns]
    if absent:
        raise HistoryError(f"{place}: expected the columns {', '.join(needed)}; {absent[0]} is missing")
    for name in (name for name in (*COLUMNS, "loss", "mAP") if name in table.columns):
        numbers = pd.to_numeric(table[name], errors="coerce")
        if (numbers.isna() & table[name].notna()).any():
            raise HistoryError(f"{place}: expected numbers in the column {name}, got something else")
        table[name] = numbers.astype(float)
    own = _from_published(table) if needed is PUBLISHED else table
    epochs = own["epoch"]
    if not ((epochs >= 1) & (epochs % 1 == 0)).all() or epochs.duplicated().any():
        raise HistoryError(f"{place}: expected epochs as whole numbers from 1, each once, got different ones")
    return own


def _from_published(table: pd.DataFrame) -> pd.DataFrame:
    """Put the phases of an epoch into one row; its weights were kept where the validation loss was a new lowest."""
    phases = {
        name: table[table["phase"] == name][["epoch", "loss", "mAP"]].rename(
            columns={"loss": f"{name}_loss", "mAP": f"{name}_map"}
        )
        for name in ("train", "val")
    }
    own = phases["train"].drop(columns="train_map").merge(phases["val"], on="epoch", how="outer")
    lowest_before = own["val_loss"].cummin().shift(fill_value=float("inf"))
    return own.assign(best=(own["val_loss"] < lowest_before).astype(float))
