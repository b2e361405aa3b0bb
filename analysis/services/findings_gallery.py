"""The exemplars of a set of findings, with labels, scores and pictures, read from the run's files."""

import io
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.caseset import CaseSetError, find_images
from analysis.durable import write_whole
from analysis.models import Run
from analysis.services.findings_files import FindingsFolder
from analysis.services.provenance import document_of
from analysis.sweep.data.pixels import read_pixels
from analysis.sweep.errors import DataError
from analysis.sweep.spec import PreprocessSpec

Row = dict[Any, Any]

SEEN = PreprocessSpec(size=256, antialias=True)
"""Square, as the networks see them: a thumbnail shows what was judged, not what a radiologist would read."""
MOVED = 5
"""Classes shown of an image: those whose score moved most."""


@dataclass(frozen=True)
class Wanted:
    """Which exemplars to list; what is empty or None keeps all. Both ends of a range belong to it.

    `positive` is a class that the image is labelled with; `low` and `high` bound its agreement. `scored` names the
    class whose mean score over seeds, `of` the "dense" or the "pruned" networks or its "change" (pruned minus
    dense), lies from `least` to `most`.
    """

    positive: str = ""
    low: float | None = None
    high: float | None = None
    scored: str = ""
    of: str = "change"
    least: float | None = None
    most: float | None = None


def exemplars_of(found: FindingsFolder, wanted: Wanted) -> list[Row]:
    """List exemplars from the lowest agreement up.

    Returns
    -------
    rank, image, score, inclusion (None with one seed), labels (list), person (view, sex and age as far as known), and
    moved, the `MOVED` classes whose mean score over seeds moved most: name, labelled, dense and pruned (0 to 1).
    """
    table = found.table("exemplars")
    if table.empty:
        return []
    keep = _between(table["score"], wanted.low, wanted.high)
    if wanted.positive:
        keep &= table["labels"].map(lambda labels: wanted.positive in str(labels).split("; "))
    scores = found.table("exemplar_scores")
    if wanted.scored:
        of_class = scores[scores["class"] == wanted.scored].assign(change=lambda t: t["pruned"] - t["dense"])
        keep &= table["image"].isin(
            of_class["image"][_between(of_class[wanted.of], wanted.least, wanted.most)]
        )
    table = table[keep]
    scores = scores[scores["image"].isin(table["image"])]
    own = {str(image): part for image, part in scores.groupby("image")}
    return [_card(row, own[str(row["image"])]) for row in table.to_dict("records")]


def _between(values: pd.Series, low: float | None, high: float | None) -> pd.Series:
    return values.between(-math.inf if low is None else low, math.inf if high is None else high)


def thumbnail(run: Run, found: FindingsFolder, rank: int) -> bytes | None:
    """Return the picture of the exemplar of a rank as PNG, 256 x 256 as the networks see it; None without one."""
    kept = found.folder / "thumbnails" / f"{rank}.png"
    if kept.is_file():
        return kept.read_bytes()
    table, folder = found.table("exemplars"), images_of(run)
    if folder is None or not 1 <= rank <= len(table):
        return None
    image = str(table.loc[table["rank"] == rank, "image"].iloc[0])
    names = pd.read_csv(Path(run.folder) / "images.csv", usecols=["image"], dtype=str, keep_default_na=False)
    try:
        seen = replace(SEEN, colour=_spec(run).get("preprocess", {}).get("colour", "grey"))
        square = read_pixels(find_images([image], folder, among=names["image"])[image], seen).square
    except (CaseSetError, DataError):
        return None
    write_whole(kept, png_of(square))
    return kept.read_bytes()


def png_of(picture: npt.NDArray[np.uint8]) -> bytes:
    """Write a picture as PNG, grey or in colour."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()


def images_of(run: Run) -> Path | None:
    """Return the folder of a run's images, from its plan; imported runs have none."""
    folder = _spec(run).get("data", {}).get("images")
    return Path(folder) if folder else None


def _spec(run: Run) -> Row:
    found: Row = document_of(run, "plan.json").get("spec", {})
    return found


def _card(row: Row, scores: pd.DataFrame) -> Row:
    change = (scores["pruned"] - scores["dense"]).abs().sort_values(ascending=False, kind="stable")
    moved = scores.loc[change.index[:MOVED]].assign(labelled=scores["label"] == 1)
    words = [str(row[name]) for name in ("view", "sex") if str(row.get(name) or "").strip()]
    words += [f"{row['age']:.0f} years"] if pd.notna(row.get("age")) else []
    return row | {
        "inclusion": None if pd.isna(row.get("inclusion")) else row["inclusion"],
        "labels": row["labels"].split("; "), "person": ", ".join(words),
        "moved": moved.rename(columns={"class": "name"}).to_dict("records"),
    }  # fmt: skip
