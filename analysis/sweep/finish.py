"""Finish a run: metrics of every unit, and the provenance that ties them to weights, images and labels."""

import hashlib
from typing import Any

import pandas as pd

from analysis.frames import FORMAT, METRICS, check_table
from analysis.metrics.decisions import f1_at
from analysis.metrics.ranking import rank_quality
from analysis.sweep.artefacts import clear_temporaries, json_bytes, sha256_file, write_atomic
from analysis.sweep.errors import UnitError
from analysis.sweep.prepare import Run
from analysis.sweep.progress import Progress
from analysis.sweep.units import find_artefact, list_units, read_scores, unfinished


def finish_run(run: Run, progress: Progress | None = None) -> dict[str, Any]:
    """Verify every score file, write metrics.csv and provenance.json, and return the provenance.

    One score file is in memory at a time. The files hold no time and no path, so the same run is the same
    bytes.

    Raises
    ------
    UnitError: units that are not finished (the first is named), or a table that changed since the
    preparation.
    """
    left = unfinished(run)
    if left:
        raise UnitError(
            f"run {run.run_id}: expected all units finished, {len(left)} are not, first {left[0].key}"
        )
    for name, digest in run.plan["tables"].items():
        if sha256_file(run.paths.root / name) != digest:
            raise UnitError(f"{run.paths.root / name}: expected SHA-256 {digest}, another came")
    metrics = check_table(_metrics(run, progress), METRICS)
    write_atomic(run.paths.metrics, metrics.to_csv(index=False).encode())
    clear_temporaries(run.paths.predictions)
    provenance = _provenance(run)
    write_atomic(run.paths.provenance, json_bytes(provenance))
    return provenance


def _metrics(run: Run, progress: Progress | None) -> pd.DataFrame:
    classes = list(run.spec.data.classes)
    labels = pd.read_csv(run.paths.images, usecols=classes)[classes].to_numpy()
    pairs = [(unit.seed, sparsity) for unit in list_units(run) for sparsity in unit.sparsities]
    parts = []
    for done, (seed, sparsity) in enumerate(pairs, 1):
        scores = read_scores(run, seed, sparsity)
        quality = rank_quality(labels, scores)
        table = {"class": classes, "positives": quality.positives, "ap": quality.ap, "auc": quality.auc}
        parts.append(pd.DataFrame({"seed": seed, "sparsity": sparsity, **table, "f1": f1_at(labels, scores)}))
        if progress:
            progress("metrics", done, len(pairs))
    return pd.concat(parts, ignore_index=True)


def _provenance(run: Run) -> dict[str, Any]:
    plan = run.plan
    pairs = [(unit.seed, sparsity) for unit in list_units(run) for sparsity in unit.sparsities]
    artefacts = [found for pair in pairs if (found := find_artefact(run, *pair))]
    predictions = {found.path.name: found.sha256 for found in artefacts}
    listing = "\n".join(f"{name} {digest}" for name, digest in sorted(predictions.items()))
    return {
        "format": FORMAT,
        "run_id": run.run_id,
        "synthetic": run.spec.data.synthetic,
        "spec": run.spec.shown(),
        "digests": plan["digests"],
        "images": plan["images"] | {"pixels": plan["cache"]["digest"]},
        "checkpoints": [{"seed": c["seed"], "sha256": c["sha256"]} for c in plan["checkpoints"]],
        "predictions": predictions,
        "predictions_sha256": hashlib.sha256(listing.encode()).hexdigest(),
        "tables": plan["tables"] | {run.paths.metrics.name: sha256_file(run.paths.metrics)},
        "class_groups": {
            "from": plan["class_groups_from"],
            "head_above": run.spec.data.head,
            "tail_below": run.spec.data.tail,
        },
        "versions": plan["versions"],
        "warnings": run.warnings,
    }
