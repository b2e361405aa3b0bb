"""Import predictions that others have made into a RUN folder, whole or not at all.

Do they belong to the label file? Rows, names and every label text are compared with it.
"""

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, softmax

from analysis.conditions import Condition
from analysis.durable import json_bytes, sha256_bytes, sha256_file, sha256_of_all, whole_folder, write_whole
from analysis.frames import FORMAT, METRICS, RUN_FORMAT, check_table, label_matrix
from analysis.identity import NameClashError, Names, join
from analysis.imports.errors import PredictionsError
from analysis.imports.listing import Choices, Listing, Places, PredictionFile, data_spec, list_predictions
from analysis.imports.pickled import LABEL, Predictions
from analysis.imports.readers import read_predictions
from analysis.metrics.cases import mean_scores, one_row_each
from analysis.metrics.ranking import f1_at, rank_quality
from analysis.sweep.data.source import Source, read_source
from analysis.sweep.data.splits import Split
from analysis.sweep.run.paths import RunPaths, npy_bytes
from analysis.sweep.spec import OUTPUTS, SweepSpec
from analysis.tablefolder import refuse_used_folder
from analysis.terminal import Progress

CROSS_FITTED = (
    "cross-fitted: images are judged by networks that have not seen them, agreements ranked within folds"
)


@dataclass(frozen=True)
class Imported:
    """What an import made: the RUN folder, its name, its size and what its user should know."""

    folder: Path
    run_id: str
    images: int
    seeds: int
    conditions: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class _Unit:
    """One imported file: where it came from, and the digests before and after."""

    file: PredictionFile
    source_sha256: str
    sha256: str
    labelled: bool


def import_predictions(
    places: Places, out: Path, choices: Choices, *, progress: Progress = lambda *_: None
) -> Imported:
    """Read predictions, check all of them, and write a RUN folder.

    Parameters
    ----------
    places: a folder that holds `{dataset}_{architecture}_seed-{s}_prune-{k}` with the endings .pkl, .npy, .csv or
        .parquet; or two or more conditions by name, each a folder or a file, the reference first.
    out: the RUN folder; it must not exist, or be empty.
    choices: label files and what else describes the data set.
    progress: called as progress("import", done, total).

    Returns
    -------
    What was made. The same input makes the same bytes.

    Raises
    ------
    PredictionsError, ConditionError, DataError: predictions that are unreadable, incomplete, or not those of the
        label file, or a condition or data set that is none; nothing is left behind.
    """
    refuse_used_folder(out, PredictionsError)
    listing = list_predictions(places)
    _check_logits(choices, listing)
    source = read_source(data_spec(choices, listing.dataset))
    with whole_folder(out.absolute()) as half:
        building = RunPaths(half)
        building.predictions.mkdir(parents=True)
        made = _write_run(building, listing, source, choices, progress)
    seeds = {f.seed for f in listing.files}
    return Imported(
        out, made["run_id"], len(source.split.images), len(seeds), listing.conditions, tuple(made["warnings"])
    )


def _check_logits(choices: Choices, listing: Listing) -> None:
    strange = [name for name in choices.logits if name not in listing.conditions]
    if strange or choices.output not in OUTPUTS:
        raise PredictionsError(
            f"expected logits of the conditions {', '.join(listing.conditions)} and one of {', '.join(OUTPUTS)}, "
            f"got {', '.join(strange) or choices.output}"
        )


def _write_run(
    paths: RunPaths, listing: Listing, source: Source, choices: Choices, progress: Progress
) -> dict[str, Any]:
    tables = {getattr(paths, name): table for name, table in source.tables().items()}
    if choices.folds is not None:
        tables[paths.images].insert(1, "fold", choices.folds)
    for path, table in tables.items():
        write_whole(path, _csv(table))
    units, metrics, images = [], [], tables[paths.images]
    for done, file in enumerate(listing.files, 1):
        unit, quality = _import_one(paths, file, source, choices, images)
        units.append(unit)
        metrics.append(quality)
        progress("import", done, len(listing.files))
    write_whole(paths.metrics, _csv(check_table(pd.concat(metrics, ignore_index=True), METRICS)))
    provenance = _provenance(paths, [*tables, paths.metrics], listing, source, choices, units)
    for unit in units:
        write_whole(paths.sidecar(unit.file.seed, unit.file.condition), _sidecar(unit, provenance["run_id"]))
    write_whole(paths.provenance, json_bytes(provenance))
    return provenance


def _import_one(
    paths: RunPaths, file: PredictionFile, source: Source, choices: Choices, table: pd.DataFrame
) -> tuple[_Unit, pd.DataFrame]:
    classes = source.data.classes
    found, content = read_predictions(
        file.path,
        images=len(source.split.images),
        classes=classes,
        id_column=choices.id_column or source.data.id_column,
    )
    if choices.id_column and found.images is None and found.columns is not None:
        raise PredictionsError(f"{file.path}: expected the column {choices.id_column!r} of images, got none")
    try:
        if file.condition in choices.logits:
            found = replace(found, scores=_scores_of(found.scores, choices.output))
        scores = matching_scores(found, source.split, classes)
    except PredictionsError as error:
        raise PredictionsError(f"{file.path}: {error}") from error
    written = npy_bytes(scores)
    write_whole(paths.prediction(file.seed, file.condition), written)
    labelled = found.labels is not None or found.images is not None
    unit = _Unit(file, sha256_bytes(content), sha256_bytes(written), labelled)
    labels, scores = label_matrix(one_row_each(table), classes), mean_scores(table, scores)
    quality = rank_quality(labels, scores)
    level = Condition.of(file.condition).level
    row = {
        "seed": file.seed, "condition": file.condition, "sparsity": np.nan if level is None else level,
        "class": classes, "positives": quality.positives, "ap": quality.ap, "auc": quality.auc,
        "f1": f1_at(labels, scores),
    }  # fmt: skip
    return unit, pd.DataFrame(row)


def _provenance(
    paths: RunPaths, tables: Sequence[Path], listing: Listing, source: Source, choices: Choices,
    units: Sequence[_Unit],
) -> dict[str, Any]:  # fmt: skip
    predictions = {paths.prediction(u.file.seed, u.file.condition).name: u.sha256 for u in units}
    files = {unit.file.name: unit.source_sha256 for unit in units}
    spec = {"data": SweepSpec(source.data).shown()["data"]} if choices.data is not None else {}
    identity = {
        "format": FORMAT,
        "imported": files,
        "digests": source.digests,
        "classes": source.data.classes,
    }
    if choices.logits:
        identity["logits"] = {"of": sorted(choices.logits), "output": choices.output}
    if source.data.cases == "mean":
        identity["cases"] = "mean"
    if choices.folds is not None:
        identity["folds"] = sha256_bytes(np.asarray(choices.folds, "<i8").tobytes())
    run_id = sha256_bytes(json.dumps(identity, sort_keys=True).encode())[:12]
    return {
        "format": RUN_FORMAT,
        "run_id": run_id,
        "conditions": [{"name": name} for name in listing.conditions],
        "imported": {"dataset": source.data.name, "files": files, "logits": sorted(choices.logits)},
        "ties": zlib.crc32(run_id.encode()),
        "synthetic": source.data.synthetic,
        "digests": source.digests,
        "images": {"count": len(source.split.images)},
        "predictions": predictions,
        "predictions_sha256": sha256_of_all(predictions),
        "tables": {path.name: sha256_file(path) for path in tables},
        "class_groups": {
            "from": "training split" if source.train else "test split",
            "head_above": source.data.head,
            "tail_below": source.data.tail,
        },
        "versions": {"numpy": np.__version__, "pandas": pd.__version__},
        "warnings": _warnings(listing, source, units) + [CROSS_FITTED] * (choices.folds is not None),
    } | ({"spec": spec} if spec else {})


def _warnings(listing: Listing, source: Source, units: Sequence[_Unit]) -> list[str]:
    found = source.warnings
    bare = [unit.file.name for unit in units if not unit.labelled]
    if bare:
        found.append(
            f"{len(bare)} files contain no labels or image names: only their number of rows could be checked"
        )
    if listing.aside:
        found.append(f"{len(listing.aside)} files were ignored, the first is {listing.aside[0]}")
    return found


def _sidecar(unit: _Unit, run_id: str) -> bytes:
    return json_bytes({
        "format": RUN_FORMAT, "run_id": run_id, "seed": unit.file.seed, "condition": unit.file.condition,
        "sha256": unit.sha256, "imported_from": unit.file.name, "imported_sha256": unit.source_sha256,
    })  # fmt: skip


def _csv(table: pd.DataFrame) -> bytes:
    return table.to_csv(index=False).encode()


SEPARATOR = "|"
"""Between the class names in the published label texts; they are in column order, which is not required."""


def matching_scores(found: Predictions, split: Split, classes: tuple[str, ...]) -> NDArray[np.float32]:
    """Check predictions against a split and return its scores, float32, images x classes in the split's order.

    Scores of 64 bits are rounded to 32.

    Raises
    ------
    PredictionsError: another number of rows, other columns, another image or label (row and both texts are
        named), a score that is not a number from 0 to 1.
    """
    if len(found.scores) != len(split.images):
        raise PredictionsError(
            f"expected {len(split.images)} rows, one per image of {split.where.name}, got {len(found.scores)}"
        )
    scores, labels = _in_order(found, classes), found.labels
    if found.images is not None:
        rows = _rows_of(found.images, split)
        scores, labels = scores[rows], None if labels is None else [labels[row] for row in rows]
    if labels is not None:
        _check_labels(labels, split, classes)
    _check_range(scores, classes)
    return np.ascontiguousarray(scores, np.float32)


def _in_order(found: Predictions, classes: tuple[str, ...]) -> NDArray[Any]:
    if found.columns is None:
        if found.scores.shape[1] != len(classes):
            raise PredictionsError(f"expected {len(classes)} columns, got {found.scores.shape[1]}")
        return found.scores
    absent = [name for name in classes if name not in found.columns]
    strange = [name for name in found.columns if name not in classes]
    if absent or strange:
        got = f"the column {strange[0][:80]!r}" if strange else "none"
        wanted = f"the column {absent[0]!r}" if absent else f"one column per class and '{LABEL}'"
        raise PredictionsError(f"expected {wanted}, got {got}")
    return found.scores[:, [found.columns.index(name) for name in classes]]


def _rows_of(came: list[str], split: Split) -> list[int]:
    """Return the row of each image of the split; raise PredictionsError for another image, or one twice."""
    held = Names(came)
    try:
        found = join(Names(split.images, rows=False), held)
    except NameClashError as error:
        raise PredictionsError(str(error)) from error
    if strange := sorted({*range(len(came))} - {*found.values()}):
        raise PredictionsError(f"expected each image of {split.where.name} once, got {held.said(strange[0])}")
    return [found[place] for place in range(len(found))]


def _scores_of(logits: NDArray[Any], output: str) -> NDArray[np.float64]:
    """Turn logits into scores from 0 to 1; what is no number stays so and is refused with its row."""
    values = np.where(np.isfinite(logits), logits, np.nan).astype(np.float64)
    return np.asarray(softmax(values, axis=1) if output == "softmax" else expit(values))


def _check_labels(came: list[str], split: Split, classes: tuple[str, ...]) -> None:
    names = np.array(classes, dtype=object)
    for row, (positive, text) in enumerate(zip(split.labels == 1, came, strict=True), 1):
        wanted = list(names[positive])
        if text != SEPARATOR.join(wanted) and sorted(text.split(SEPARATOR)) != sorted(wanted):
            raise PredictionsError(
                f"row {row}, image {split.images[row - 1]}: expected the label {SEPARATOR.join(wanted)!r} "
                f"({split.where.name}), got {text[:200]!r}; "
                f"is this the label file used for the predictions?"
            )


def _check_range(scores: NDArray[Any], classes: tuple[str, ...]) -> None:
    # A nan fails both comparisons, so it counts as outside.
    bad = ~((scores >= 0) & (scores <= 1))
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise PredictionsError(
            f"row {row + 1}, column {classes[column]!r}: expected a score from 0 to 1, got {scores[row, column]}; "
            f"say so if these are logits (--logits)"
        )
