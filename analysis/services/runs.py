"""Prepare a run from a specification and put it into the ledger; and its results, class by class."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis import frames
from analysis.conditions import Condition
from analysis.models import Run, RunKind, Unit
from analysis.services import mirror
from analysis.services.control import register_run
from analysis.sweep.errors import SweepError
from analysis.sweep.spec import SweepSpec
from analysis.terminal import Progress

if TYPE_CHECKING:
    from analysis.sweep.run.prepare import Run as Prepared


def create_run(
    *,
    spec: SweepSpec,
    out: Path | None,
    runs: Path,
    progress: Progress = lambda *_: None,
    image_cache: Path | None = None,
) -> Run:
    """Check all input, decode the images, freeze the plan, write the ledger; an existing run is returned.

    Parameters
    ----------
    out: the run's folder; `runs`/<run_id> when None.
    progress: called as progress(stage, done, total).
    image_cache: this host's folder of decoded images; beside the run's folder when None.

    Raises
    ------
    SweepError: bad input, named by file and row; nothing half-written.
    """
    from analysis.sweep.run.prepare import prepare_run
    from analysis.sweep.run.units import predict_first

    if out is not None and mirror.store() is not None:
        raise SweepError(
            "expected no --out: when RUNS_URL names a store, each host keeps the run in its own folder"
        )
    prepared = prepare_run(
        spec, out, runs=runs, cache=image_cache, progress=progress, meanwhile=predict_first
    )
    mirror.send(Run(run_id=prepared.run_id, kind=RunKind.SWEEP), mirror.PLAN)
    return register_run(
        run_id=prepared.run_id,
        name=spec.data.name,
        folder=prepared.paths.root,
        spec=prepared.spec.shown(),
        synthetic=spec.data.synthetic,
        units=units_of(prepared),
    )


def units_of(prepared: "Prepared") -> list[Unit]:
    """Return the units of a prepared run, in the order in which they are best done."""
    from analysis.sweep.run.units import list_units

    return [
        Unit(key=unit.key, member=unit.seed, condition=unit.condition or "") for unit in list_units(prepared)
    ]


def conditions_of(run: Run) -> tuple[str, ...]:
    """Return the names of a finished run's conditions, its reference first; none before it is finished."""
    path = Path(run.folder) / "metrics.csv"
    if not path.exists():
        return ()
    columns = ["condition", "sparsity"]
    return frames.conditions_of(pd.read_csv(path, usecols=lambda name: name in columns))


def class_table(metrics: pd.DataFrame) -> list[dict[str, Any]]:
    """Return per class the median AP over seeds of the reference and the last condition, and the median change.

    The change is relative, per seed, as in the figure beside the table.
    """
    conditions, metrics = frames.conditions_of(metrics), frames.with_conditions(metrics)
    first, last = (Condition.of(name) for name in (conditions[0], conditions[-1]))
    rows = []
    for name, own in metrics.groupby("class", sort=False):
        ap = own.pivot_table(index="seed", columns="condition", values="ap", dropna=False)
        before, after = ap[first.name], ap[last.name]
        values = (before.median(), after.median(), (100 * (after - before) / before).median())
        dense, pruned, relative = (None if math.isnan(value) else float(value) for value in values)
        rows.append(
            {
                "name": name,
                "positives": int(own["positives"].iloc[0]),
                "dense": dense,
                "pruned": pruned,
                "change": relative,
                "reference": first.words,
                "condition": last.words,
            }
        )
    return sorted(rows, key=lambda row: -row["positives"])
