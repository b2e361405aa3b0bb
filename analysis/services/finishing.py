"""Finish a run whose units are all done: verify every file against the ledger, write what sums it up."""

from pathlib import Path

from analysis.models import Run, RunKind, UnitState
from analysis.services import ledger, mirror


def finish(run: Run) -> None:
    """Verify every file of a complete run and finish it; units with damaged files go back to be done again."""
    mirror.gather_scores(run)
    if verify_files(run):
        return
    if run.kind == RunKind.TRAINING:
        from analysis.services.ensembles import publish_ensemble

        publish_ensemble(run=run)
    else:
        from analysis.sweep.finish import finish_run
        from analysis.sweep.prepare import open_run

        finish_run(open_run(mirror.folder_of(run)))
        mirror.send(run, mirror.TABLES)
    ledger.mark_finished(run=run)


def verify_files(run: Run) -> int:
    """Put done units back to do whose files are gone, damaged, or not those that were recorded; return how many.

    The ledger's digest decides: a file that a late worker of another host wrote over it counts as damaged.
    """
    found = _training_files(run) if run.kind == RunKind.TRAINING else _score_files(run)
    done = run.units.filter(state=UnitState.DONE).values_list("key", "artefacts")
    damaged = [key for key, recorded in done if recorded != found.get(key)]
    return ledger.reopen(run=run, keys=damaged) if damaged else 0


def _score_files(run: Run) -> dict[str, dict[str, str]]:
    """Read all score files; return name and SHA-256 of the good ones by unit."""
    from analysis.sweep.prepare import open_run
    from analysis.sweep.units import find_artefact, list_units

    opened = open_run(mirror.folder_of(run))
    found = {
        unit.key: [find_artefact(opened, unit.seed, sparsity) for sparsity in unit.sparsities]
        for unit in list_units(opened)
    }
    return {key: {a.path.name: a.sha256 for a in artefacts if a} for key, artefacts in found.items()}


def _training_files(run: Run) -> dict[str, dict[str, str]]:
    from analysis.sweep.artefacts import sha256_file

    folder = Path(run.folder)
    return {
        key: {name: sha256_file(folder / name) for name in recorded if (folder / name).is_file()}
        for key, recorded in run.units.filter(state=UnitState.DONE).values_list("key", "artefacts")
    }
