"""A whole sweep in one process, resumable: prepare, compute what is missing, finish.

Finishing writes the metrics of every unit, and the provenance that ties them to weights, images and labels.
"""

import io
import os
import zlib
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.conditions import Condition
from analysis.durable import clear_leftovers, json_bytes, sha256_file, sha256_of_all, write_whole
from analysis.frames import IGNORED, METRICS, RUN_FORMAT, check_table, label_matrix
from analysis.metrics.cases import mean_scores, one_row_each
from analysis.metrics.ranking import Ranking, f1_at, rank_quality
from analysis.sweep.errors import UnitError
from analysis.sweep.run.prepare import Run, prepare_run
from analysis.sweep.run.units import Workspace, list_units, predict_first, run_unit, unfinished, verified
from analysis.sweep.spec import SweepSpec
from analysis.terminal import Progress


@dataclass(frozen=True)
class Quality:
    """What is known of one score file: what its sidecar says (see `verified`), AP, ROC area and F1 of each class."""

    said: Mapping[str, Any]
    ranking: Ranking
    f1: NDArray[np.float64]

    @property
    def left(self) -> int:
        """Weights of the network that are left."""
        return int(self.said["parameters"]) - int(self.said.get("removed", 0))


def finish_run(run: Run, progress: Progress = lambda *_: None) -> dict[str, Any]:
    """Verify every score file, write metrics.csv and provenance.json, and return the provenance.

    Each score file is read once; as many are in memory as the host has cores. The files written hold no time
    and no path, so the same run is the same bytes.

    Raises
    ------
    UnitError: units that are not finished (the first is named), or a table that changed since the
    preparation.
    """
    for name, digest in run.plan["tables"].items():
        if sha256_file(run.paths.root / name) != digest:
            raise UnitError(f"{run.paths.root / name}: expected SHA-256 {digest}, got a different one")
    found = rank_files(run, progress)
    left = [unit for unit in list_units(run) if any((unit.seed, k) not in found for k in unit.conditions)]
    if left:
        raise UnitError(
            f"run {run.run_id}: expected all units finished, {len(left)} are not, first {left[0].key}"
        )
    metrics = check_table(_table(run, found), METRICS)
    write_whole(run.paths.metrics, metrics.to_csv(index=False).encode())
    clear_leftovers(run.paths.predictions)
    provenance = _provenance(run, found)
    write_whole(run.paths.provenance, json_bytes(provenance))
    return provenance


def rank_files(run: Run, progress: Progress = lambda *_: None) -> dict[tuple[int, str], Quality]:
    """Verify and rank every score file in threads; what is missing or damaged is left out."""
    images, labels = _images(run), _labels(run)
    pairs = [(unit.seed, condition) for unit in list_units(run) for condition in unit.conditions]

    def ranked(pair: tuple[int, str]) -> Quality | None:
        there = verified(run, *pair)
        if there is None:
            return None
        scores = mean_scores(images, np.load(io.BytesIO(there[1]), allow_pickle=False))
        return Quality(there[0], rank_quality(labels, scores), f1_at(labels, scores))

    found = {}
    with ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="rank") as pool:
        for done, (pair, quality) in enumerate(zip(pairs, pool.map(ranked, pairs), strict=True), 1):
            if quality is not None:
                found[pair] = quality
            progress("metrics", done, len(pairs))
    return found


def _images(run: Run) -> pd.DataFrame:
    names = {"image": str, "case": str}
    return pd.read_csv(run.paths.images, dtype=names, keep_default_na=False, na_values=[""])


def _labels(run: Run) -> NDArray[np.int8]:
    return label_matrix(one_row_each(_images(run)), run.spec.data.classes)


def _table(run: Run, found: Mapping[tuple[int, str], Quality]) -> pd.DataFrame:
    seeds, conditions = zip(*found, strict=True)
    rankings = [quality.ranking for quality in found.values()]
    classes, ignored = list(run.spec.data.classes), (_labels(run) == IGNORED).sum(axis=0)
    table = pd.DataFrame(
        {
            "seed": np.repeat(seeds, len(classes)),
            "condition": np.repeat(conditions, len(classes)),
            "sparsity": np.repeat(
                np.array([Condition.of(name).level for name in conditions], float), len(classes)
            ),
            "class": classes * len(found),
            **{
                name: np.concatenate([getattr(ranking, name) for ranking in rankings])
                for name in ("positives", "ap", "auc")
            },
            "f1": np.concatenate([quality.f1 for quality in found.values()]),
        }
    )
    return table.assign(ignored=np.tile(ignored, len(found))) if ignored.any() else table


def _provenance(run: Run, found: Mapping[tuple[int, str], Quality]) -> dict[str, Any]:
    plan = run.plan
    cards = Counter(quality.said["card"] for quality in found.values() if quality.said.get("card"))
    predictions = {
        run.paths.prediction(*pair).name: quality.said["sha256"] for pair, quality in found.items()
    }
    return {
        "format": RUN_FORMAT,
        "run_id": run.run_id,
        "conditions": _conditions(run, found),
        "ties": zlib.crc32(run.run_id.encode()),
        "synthetic": run.spec.data.synthetic,
        "spec": run.spec.shown(),
        "digests": plan["digests"],
        "images": plan["images"] | {"pixels": plan["cache"]["digest"]},
        "checkpoints": [{k: v for k, v in c.items() if k != "file"} for c in plan["checkpoints"]],
        "predictions": predictions,
        "predictions_sha256": sha256_of_all(predictions),
        "tables": plan["tables"] | {run.paths.metrics.name: sha256_file(run.paths.metrics)},
        "class_groups": {
            "from": plan["class_groups_from"],
            "head_above": run.spec.data.head,
            "tail_below": run.spec.data.tail,
        },
        "versions": plan["versions"],
        "warnings": run.warnings + _mixed(cards),
    } | ({"cards": cards} if cards else {})


def _conditions(run: Run, found: Mapping[tuple[int, str], Quality]) -> list[dict[str, Any]]:
    """Name the conditions, the reference first, each with the share of the reference's weights that went.

    Of all weights of the network, biases and norms too, where the level counts those that a method may remove.
    """
    axis = run.spec.axis
    whole = [quality.said.get("parameters", 0) for (_, name), quality in found.items() if name == axis[0]]
    rows: list[dict[str, Any]] = []
    for name in axis:
        own = [quality for (_, other), quality in found.items() if other == name]
        known = all(whole) and all(quality.said.get("parameters") for quality in own)
        share = round(1 - sum(quality.left for quality in own) / sum(whole), 4) if known else None
        again = {"recalibrated": True} if run.spec.condition(name).recalibrate else {}
        # Another network may be larger than the reference.
        rows.append({"name": name} | ({} if share is None or share < 0 else {"removed": share}) | again)
    return rows


def _mixed(cards: Mapping[str, int]) -> list[str]:
    if len(cards) < 2:
        return []
    shares = ", ".join(f"{count} by {name}" for name, count in sorted(cards.items()))
    return [
        f"score files were computed by GPUs of {len(cards)} kinds ({shares}): results are byte-equal only on one kind"
    ]


def run_sweep(
    spec: SweepSpec,
    out: Path | None = None,
    *,
    runs: Path = Path("var/runs"),
    cache: Path | None = None,
    progress: Progress = lambda *_: None,
) -> Run:
    """Run a sweep from the files alone; finished units are verified and skipped.

    Parameters
    ----------
    progress: called as progress(stage, done, total) with the stages checkpoints, decode, units and metrics.

    Raises
    ------
    SweepError: see `prepare_run`, `run_unit` and `finish_run`.
    """
    run = prepare_run(spec, out, runs=runs, cache=cache, progress=progress, meanwhile=predict_first)
    units = list_units(run)
    todo = unfinished(run, units)
    workspace, ready = Workspace(run), len(units) - len(todo)
    progress("units", ready, len(units))
    for done, unit in enumerate(todo, ready + 1):
        run_unit(run, unit, workspace)
        progress("units", done, len(units))
    finish_run(run, progress)
    return run
