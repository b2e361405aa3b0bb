"""Finish a run whose units are all done: verify every file against the ledger, write its summary."""

import logging
from collections.abc import Sequence
from pathlib import Path

from analysis.models import Run, RunKind, Unit
from analysis.services import ledger, mirror

log = logging.getLogger(__name__)


def finish(run: Run) -> None:
    """Verify every file of a complete run and finish it; units with damaged files go back to be done again.

    Raises
    ------
    MirrorError: the store does not answer; the run is as it was, and is finished later.
    """
    # Asked once: what another finisher opens and a worker does again meanwhile is not in this list, and is
    # neither missed in the files gathered by it nor opened a second time.
    recorded = ledger.recorded(run)
    if len(recorded) != run.units.count():
        return
    mirror.gather_scores(run, [unit.artefacts for unit in recorded])
    if verify_files(run, recorded):
        return
    if run.kind == RunKind.TRAINING:
        from analysis.services.ensembles import publish_ensemble

        publish_ensemble(run=run)
    elif run.kind == RunKind.RETRAIN:
        from analysis.services.experiments import finish_experiment

        finish_experiment(run)
    else:
        from analysis.sweep.run.finish import finish_run
        from analysis.sweep.run.prepare import open_run

        finish_run(open_run(mirror.folder_of(run)))
        mirror.send(run, mirror.TABLES)
    ledger.mark_finished(run=run)


def verify_files(run: Run, recorded: Sequence[Unit] | None = None) -> int:
    """Put done units back to do whose files are gone, damaged, or not those that were recorded.

    The ledger's digest decides: a file that a late worker of another host wrote over it counts as damaged.
    Return how many there are, those included that somebody else has put back meanwhile.

    Parameters
    ----------
    recorded: the done units as they were when their files were gathered; None asks the ledger now.
    """
    recorded = ledger.recorded(run) if recorded is None else recorded
    found = _score_files(run) if run.has_predictions else _own_files(run, recorded)
    damaged = [unit for unit in recorded if unit.artefacts != found.get(unit.key)]
    if damaged:
        opened = ledger.reopen(run=run, units=damaged)
        log.warning(
            "run %s: files of %s units differ from the record, %s are computed again",
            run.run_id,
            len(damaged),
            opened,
        )
    return len(damaged)


def _score_files(run: Run) -> dict[str, dict[str, str]]:
    """Read all score files; return name and SHA-256 of the good ones by unit."""
    from analysis.sweep.run.prepare import open_run
    from analysis.sweep.run.units import find_artefact, list_units

    opened = open_run(mirror.folder_of(run))
    found = {
        unit.key: [find_artefact(opened, unit.seed, condition) for condition in unit.conditions]
        for unit in list_units(opened)
    }
    return {key: {a.path.name: a.sha256 for a in artefacts if a} for key, artefacts in found.items()}


def _own_files(run: Run, recorded: Sequence[Unit]) -> dict[str, dict[str, str]]:
    from analysis.durable import sha256_file

    folder = Path(run.folder)
    return {
        unit.key: {name: sha256_file(folder / name) for name in unit.artefacts if (folder / name).is_file()}
        for unit in recorded
    }
