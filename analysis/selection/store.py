"""A reader of a RUN folder: images, classes, provenance, and predictions that stay on the disk until used."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis import frames
from analysis.conditions import Condition, ConditionError, in_order, pair_of
from analysis.durable import sha256_file, sha256_of_all
from analysis.identity import spelled
from analysis.metrics import cases
from analysis.selection.criteria import SelectionError
from analysis.tablefile import read_table

_UNIT = re.compile(r"seed-(0|[1-9][0-9]{0,8})_([A-Za-z0-9._-]{1,60})\.npy")
_NEEDED = ("run_id", "synthetic", "tables", "predictions", "predictions_sha256")
_TEXT = ("image", "case", "view", "sex", "patient", "study", "role")


@dataclass(frozen=True)
class Run:
    """A finished sweep: what was predicted for which images.

    Attributes
    ----------
    folder: the RUN folder.
    images: frames.IMAGES, then one 0/1 column per class; of each case the image that stands for it, in file order.
    classes: frames.CLASSES, rows in column order of the predictions.
    conditions: names, the reference first (`analysis.conditions`).
    predictions: file of each (seed, condition), float32 images x classes.
    provenance: what provenance.json holds.
    predictions_sha256: digest over the names and digests of all prediction files, as in provenance.json.
    views: all images, as `images`.
    """

    folder: Path
    images: pd.DataFrame
    classes: pd.DataFrame
    conditions: tuple[str, ...]
    predictions: Mapping[tuple[int, str], Path]
    provenance: Mapping[str, Any]
    predictions_sha256: str
    views: pd.DataFrame

    @property
    def run_id(self) -> str:
        """Name of the run: the hash of its frozen choices."""
        return str(self.provenance["run_id"])

    @property
    def synthetic(self) -> bool:
        """Whether the images are not of patients."""
        return bool(self.provenance["synthetic"])

    @property
    def ties(self) -> int | None:
        """Seed of the order of images of equal agreement; None: their names', in runs that were made before it."""
        seed = self.provenance.get("ties")
        return seed if type(seed) is int and seed >= 0 else None

    @property
    def class_names(self) -> list[str]:
        """Names of the classes in column order."""
        return [str(name) for name in self.classes["class"]]

    @property
    def owners(self) -> list[str]:
        """Patient of each image; nobody is known to share a blank, so that it stands for the image itself."""
        names = self.images["image"]
        patients = self.images.get("patient", names)
        return [str(one) for one in patients.where(patients != "", names)]

    @property
    def clusters(self) -> list[str]:
        """Patient of each image where one of them has several; else empty."""
        return self.owners if len(set(self.owners)) < len(self.images) else []

    @property
    def folds(self) -> npt.NDArray[np.int64] | None:
        """Fold of each image of a cross-fitted run, whose networks differ from fold to fold; else None."""
        return self.images["fold"].to_numpy(np.int64) if "fold" in self.images else None

    @property
    def labels(self) -> np.ndarray:
        """Labels, int8 images x classes: 0, 1 or frames.IGNORED."""
        return frames.label_matrix(self.images, self.class_names)

    @property
    def seeds(self) -> list[int]:
        """Seeds, ascending."""
        return sorted({seed for seed, _ in self.predictions})

    @property
    def removed(self) -> dict[str, float]:
        """Share of all weights of the network that each condition removed, as far as provenance.json tells."""
        listed = self.provenance.get("conditions", [])
        return {one["name"]: float(one["removed"]) for one in listed if "removed" in one}

    def pair(self, condition: str | float = "", reference: str | float = "") -> tuple[str, str]:
        """Return the two conditions that are compared, see `analysis.conditions.pair_of`; raise SelectionError.

        Networks with new batch-norm statistics are compared with such alone.
        """
        try:
            pair = pair_of(self.conditions, condition, reference)
        except ConditionError as error:
            raise SelectionError(f"{self.folder}: {error}") from error
        again = {one["name"] for one in self.provenance.get("conditions", []) if one.get("recalibrated")}
        if len(again & set(pair)) == 1:
            raise SelectionError(
                f"{self.folder}: expected a reference that is recalibrated like its condition, "
                f"got {pair[0]} for {pair[1]}"
            )
        return pair

    def scores(self, seed: int, condition: str | float) -> np.ndarray:
        """Return the scores of one seed and condition (a name or a share), float32 `images` x classes, read-only.

        Raises
        ------
        SelectionError: see `scores_of_views`.
        """
        return cases.mean_scores(self.views, self.scores_of_views(seed, condition))

    def scores_of_views(self, seed: int, condition: str | float) -> np.ndarray:
        """Map a score file, float32 `views` x classes, read-only.

        Raises
        ------
        SelectionError: the run has no such file, or it has another shape or type.
        """
        name = Condition.of(condition).name
        path = self.predictions.get((seed, name))
        if path is None:
            raise SelectionError(
                f"{self.folder}: expected predictions of seed {seed}, condition {name}, got none "
                f"(conditions: {', '.join(self.conditions)})"
            )
        try:
            scores: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise SelectionError(f"{path}: expected an array of numpy ({error})") from error
        wanted = (len(self.views), len(self.classes))
        if scores.shape != wanted or scores.dtype != np.float32:
            raise SelectionError(f"{path}: expected float32 {wanted}, got {scores.dtype} {scores.shape}")
        return scores

    def mean_scores(self, condition: str | float) -> np.ndarray:
        """Average the scores over seeds, float64 images x classes; one file at a time is read.

        Raises
        ------
        SelectionError: a seed lacks this condition.
        """
        total = np.zeros((len(self.images), len(self.classes)))
        for seed in self.seeds:
            total += self.scores(seed, condition)
        return total / len(self.seeds)


def read_run(folder: Path) -> Run:
    """Read a RUN folder and check every digest that its provenance names.

    Raises
    ------
    SelectionError: a missing or damaged file, another digest, classes that differ between the files.
    FrameError: a cell that frames.IMAGES or frames.CLASSES does not allow.
    """
    provenance = _provenance(folder / "provenance.json")
    _check_digests(folder, provenance)
    classes = frames.check_table(_csv(folder / "classes.csv", ("class",)), frames.CLASSES)
    views = frames.check_table(_csv(folder / "images.csv", _TEXT), frames.IMAGES)
    frames.check_labels(views, [str(name) for name in classes["class"]], str(folder / "images.csv"))
    predictions = {_unit(name): folder / "predictions" / name for name in provenance["predictions"]}
    if not predictions:
        raise SelectionError(f"{folder}: expected predictions/seed-*_sparsity-*.npy, found none")
    conditions = _conditions(folder, provenance, {name for _, name in predictions})
    whole = sha256_of_all(provenance["predictions"])
    images = cases.one_row_each(views)
    return Run(folder, images, classes, conditions, predictions, provenance, whole, views)


def _conditions(folder: Path, provenance: Mapping[str, Any], there: set[str]) -> tuple[str, ...]:
    """Return the names of the conditions; in format 1 the files alone tell them."""
    if provenance["format"] == 1:
        return in_order(there)
    try:
        named = tuple(one["name"] for one in provenance["conditions"])
        if sorted(named) == sorted(there):
            return named
    except (KeyError, TypeError):
        pass
    path = folder / "provenance.json"
    raise SelectionError(f"{path}: expected the conditions of its score files {', '.join(sorted(there))}")


def _provenance(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise SelectionError(f"{path}: expected the provenance of a run ({error})") from error
    if not isinstance(content, dict) or content.get("format") not in (1, frames.RUN_FORMAT):
        raise SelectionError(f"{path}: expected format 1 or {frames.RUN_FORMAT}")
    missing = [name for name in _NEEDED if name not in content]
    if missing:
        raise SelectionError(f"{path}: missing: {', '.join(missing)}")
    for name in ("tables", "predictions"):
        if not isinstance(content[name], dict):
            raise SelectionError(
                f"{path}: expected {name} by file name, each with its SHA-256, got {type(content[name]).__name__}"
            )
    return content


def _check_digests(folder: Path, provenance: Mapping[str, Any]) -> None:
    scores = {f"predictions/{name}": digest for name, digest in provenance["predictions"].items()}
    for name, wanted in (provenance["tables"] | scores).items():
        path = folder / name
        if Path(name).is_absolute() or ".." in Path(name).parts or not path.is_file():
            raise SelectionError(f"{path}: expected the file that provenance.json names, found none")
        if (came := sha256_file(path)) != wanted:
            raise SelectionError(f"{path}: expected SHA-256 {wanted} (provenance.json), got {came}")
    if (came := sha256_of_all(provenance["predictions"])) != provenance["predictions_sha256"]:
        raise SelectionError(
            f"{folder / 'provenance.json'}: expected the list of predictions to have SHA-256 "
            f"{provenance['predictions_sha256']}, got {came}"
        )


def _unit(name: str) -> tuple[int, str]:
    """Read seed and condition from seed-S_sparsity-0.90.npy or seed-S_NAME.npy; one spelling, so no unit twice."""
    parts = _UNIT.fullmatch(name)
    try:
        if parts is not None:
            return int(parts[1]), Condition.of_file(parts[2]).name
    except ConditionError:
        pass
    raise SelectionError(
        f"{name[:80]}: expected seed-S_sparsity-K.npy, K with two decimals, or seed-S_NAME.npy"
    )


def _csv(path: Path, text: tuple[str, ...]) -> pd.DataFrame:
    frame = read_table(
        path, error=SelectionError, where=str(path),
        dtype=dict.fromkeys(text, str), keep_default_na=False, na_values=[""],
    )  # fmt: skip
    for name in text:
        if name in frame.columns:
            frame[name] = frame[name].fillna("").astype(object)
    if "patient" in frame.columns:
        frame["patient"] = frame["patient"].map(spelled)
    return frame
