"""A whole sweep in one process, resumable: prepare, compute what is missing, finish."""

from pathlib import Path

from analysis.sweep.run.finish import finish_run
from analysis.sweep.run.prepare import Run, prepare_run
from analysis.sweep.run.units import Workspace, list_units, run_unit, unfinished
from analysis.sweep.spec import SweepSpec
from analysis.terminal import Progress


def run_sweep(
    spec: SweepSpec,
    out: Path | None = None,
    *,
    runs: Path = Path("var/runs"),
    cache: Path | None = None,
    progress: Progress | None = None,
) -> Run:
    """Run a sweep from the files alone; finished units are verified and skipped.

    Parameters
    ----------
    progress: called as progress(stage, done, total) with the stages checkpoints, decode, units and metrics.

    Raises
    ------
    SweepError: see `prepare_run`, `run_unit` and `finish_run`.
    """
    run = prepare_run(spec, out, runs=runs, cache=cache, progress=progress)
    units = list_units(run)
    todo = unfinished(run, units)
    workspace = Workspace(run)
    done = len(units) - len(todo)
    if progress:
        progress("units", done, len(units))
    for unit in todo:
        run_unit(run, unit, workspace)
        done += 1
        if progress:
            progress("units", done, len(units))
    finish_run(run, progress)
    return run
