"""Say what the engine and precision of a run change against plain torch in fp32, on a sample of images."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.durable import json_bytes, write_whole
from analysis.frames import label_matrix
from analysis.metrics.ranking import rank_quality
from analysis.metrics.ranks import spearman_rows
from analysis.sweep.device import named_faults
from analysis.sweep.errors import SweepError, UnitError
from analysis.sweep.run.acceptance import agreement, compared_levels, lowest_images
from analysis.sweep.run.engine import Engine
from analysis.sweep.run.prepare import Run, prepare_run
from analysis.sweep.run.units import Workspace
from analysis.sweep.spec import InferSpec, SweepSpec
from analysis.terminal import Progress

MEMBERS = 3
"""How many checkpoints are compared; exemplars come from their mean scores."""

EXEMPLAR_SHARE = 0.05


def check_sweep(
    spec: SweepSpec,
    out: Path | None = None,
    *,
    images: int,
    runs: Path = Path("var/runs"),
    cache: Path | None = None,
    progress: Progress | None = None,
) -> list[str]:
    """Prepare a sweep and check its precision, nothing else; say what was found, for a terminal.

    Parameters and errors are those of `prepare_run` and `check_precision`.
    """
    run = prepare_run(spec, out, runs=runs, cache=cache, progress=progress)
    found = check_precision(run, images, progress=progress)
    end = "nothing else was computed; run the same command without --check for the sweep"
    return [*found["told"], f"written to {run.paths.check}; {end}"]


def check_precision(
    run: Run, images: int = 512, *, seed: int = 0, progress: Progress | None = None
) -> dict[str, Any]:
    """Predict a random sample in the run's engine and precision and in plain fp32; write RUN/check.json.

    Parameters
    ----------
    images: size of the sample, at most all.
    progress: called as progress("check", done, total) in images.

    Raises
    ------
    SweepError: as `run_unit`; a sample without images.
    """
    if images < 1:
        raise SweepError(f"--check: expected 1 image or more, got {images}")
    workspace = Workspace(run)
    pixels = workspace.pixels()
    rows = np.random.default_rng(seed).choice(len(pixels), min(images, len(pixels)), replace=False)
    rows.sort()
    sample = pixels[rows]
    level = compared_levels(run.spec.prune.sparsities)[-1]
    members = list(run.checkpoints)[:MEMBERS]
    with named_faults(f"run {run.run_id}", run.spec.infer.batch_size):
        mine, plain = (
            _scores(run, infer, members, level, sample, place, progress)
            for place, infer in enumerate((run.spec.infer, plain_infer(run.spec.infer)))
        )
    if not np.isfinite(mine).all():
        raise UnitError(
            f"run {run.run_id}: expected finite scores, got nan in {run.spec.infer.precision}; use another precision"
        )
    classes = list(run.spec.data.classes)
    labels = label_matrix(pd.read_csv(run.paths.images, usecols=classes), classes)[rows]
    infer = run.spec.infer
    sample_is = {"images": len(rows), "members": len(members), "level": level}
    found = {
        "engine": infer.engine,
        "precision": infer.precision,
        **sample_is,
        **compare(labels, mine, plain),
    }
    found |= {"format": 1, "run_id": run.run_id, "told": sentences(found)}
    write_whole(run.paths.check, json_bytes(found))
    return found


def sentences(found: Mapping[str, Any]) -> list[str]:
    """Say in words what a check found."""
    order = (
        "constant, not comparable"
        if (rho := found["rank_agreement"]) is None
        else f"Spearman's rho {rho:.6f}"
    )
    return [
        f"{found['engine']} {found['precision']} against torch fp32, {found['images']} images, "
        f"{found['members']} members, dense and {found['level']:.2f}:",
        f"largest difference of a score {found['score_difference']:.2g}",
        f"order of the images by agreement: {order}; {found['kept']} of {found['exemplars']} exemplars are the same",
        f"AP changes by at most {found['ap_change']:.2g}, on average {found['ap_mean_change']:+.2g}",
    ]


def plain_infer(infer: InferSpec) -> InferSpec:
    """Return the plain engine of the same device in fp32."""
    return replace(infer, engine="torch" if infer.device == "cpu" else "graph", precision="fp32")


def compare(
    labels: NDArray[np.integer], mine: NDArray[np.float32], plain: NDArray[np.float32]
) -> dict[str, Any]:
    """Compare two sets of scores: members x (dense, compressed) x images x classes.

    Returns
    -------
    `score_difference`: the largest difference of any score. `rank_agreement`: Spearman's rho between the two orders of
    the images by their agreement of dense and compressed scores, the order that makes exemplars; None where an order is
    constant. `exemplars`, `kept`: images of lowest agreement in fp32, and how many of them are so in the run's
    precision too. `ap_change`, `ap_mean_change`: the largest and the mean change of AP over members, levels and classes
    with positives in the sample.
    """
    agreements = [agreement(*scores.mean(axis=0)) for scores in (mine, plain)]
    some = ~np.isnan(agreements[0]) & ~np.isnan(agreements[1])
    orders = [values[some][None] for values in agreements]
    rho = float(spearman_rows(orders[0], orders[1]).rho[0]) if some.sum() > 1 else np.nan
    count = int(EXEMPLAR_SHARE * labels.shape[0])
    lowest = [lowest_images(values, count) for values in agreements]
    change = rank_quality(labels, mine).ap - rank_quality(labels, plain).ap
    change = change[~np.isnan(change)]
    return {
        "score_difference": float(np.abs(mine - plain).max()),
        "rank_agreement": None if np.isnan(rho) else rho,
        "exemplars": count,
        "kept": len(lowest[0] & lowest[1]),
        "ap_change": float(np.abs(change).max(initial=0.0)),
        "ap_mean_change": float(change.mean()) if change.size else 0.0,
    }


def _scores(
    run: Run,
    infer: InferSpec,
    members: list[int],
    level: float,
    sample: NDArray[np.uint8],
    place: int,
    progress: Progress | None,
) -> NDArray[np.float32]:
    """Predict dense and compressed scores of some members: members x 2 x images x classes."""
    spec = run.spec
    engine = Engine.of(spec, infer)
    rounds = [(member, k) for member in members for k in (0.0, level)]
    scores, loaded = [], None
    for done, (member, k) in enumerate(rounds):
        if loaded != member:
            prune = replace(spec.prune, sparsities=compared_levels(spec.prune.sparsities))
            engine.load(run.member(member).state, prune, member)
            loaded = member

        def step(images: int, of: int, before: int = (place * len(rounds) + done)) -> None:
            if progress:
                progress("check", before * of + images, 2 * len(rounds) * of)

        scores.append(engine.predict(k, sample, step))
    return np.stack(scores).reshape(len(members), 2, *scores[0].shape)
