"""Do the work of the ledger in this process: claim, compute under a heartbeat, record; then finish runs.

torch is imported when the first unit is computed, so that the web process can import this module.
"""

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from django.db import close_old_connections, connection

from analysis.models import Run, Unit, UnitState
from analysis.services import ledger

if TYPE_CHECKING:
    from analysis.sweep.units import Workspace

log = logging.getLogger(__name__)

HEARTBEATS_PER_LEASE = 4

Stopped = Callable[[], bool]


class WorkStoppedError(Exception):
    """The unit was taken away, the run was cancelled, or the worker shuts down."""


def worker_name() -> str:
    """Return host:pid, by which a dead process of this host is told from a slow one elsewhere."""
    return f"{socket.gethostname()}:{os.getpid()}"


class Worker:
    """One process that works through the ledger; it keeps the last network and the images loaded.

    Parameters
    ----------
    lease_seconds: how long a unit stays ours without a heartbeat.
    stopped: asked between and within units; True ends the work, and the unit at hand is put back.
    """

    def __init__(self, *, lease_seconds: float, stopped: Stopped = lambda: False) -> None:
        self.lease_seconds = lease_seconds
        self.stopped = stopped
        self.name = worker_name()
        self._workspaces: dict[int, Workspace] = {}

    def work(self, run: Run | None = None, on_unit: Callable[[], None] | None = None) -> int:
        """Claim and compute until nothing is open; finish what became complete; return the units done."""
        free_dead_neighbours()
        done = 0
        while not self.stopped():
            claim = ledger.claim_next(worker=self.name, lease_seconds=self.lease_seconds, run=run)
            if claim is None:
                break
            done += self._compute(claim)
            if on_unit:
                on_unit()
        for complete in ledger.complete_runs():
            if run is None or complete.pk == run.pk:
                finish_tables(complete)
        return done

    def _compute(self, claim: ledger.Claim) -> bool:
        try:
            with self._heartbeat(claim) as lost:
                artefacts = self._run_unit(claim, lost)
        except WorkStoppedError:
            ledger.let_go(claim)
            return False
        except (
            Exception
        ) as error:  # whatever a unit raises is written into the ledger, and the worker lives on
            log.warning("unit %s of run %s failed: %s", claim.key, claim.run_id, type(error).__name__)
            ledger.fail(claim, error=f"{type(error).__name__}: {error}")
            return False
        return ledger.finish(claim, artefacts=artefacts)

    def _run_unit(self, claim: ledger.Claim, lost: threading.Event) -> dict[str, str]:
        from analysis.sweep.units import list_units, run_unit

        workspace = self._workspace(claim.run_id)
        unit = next(unit for unit in list_units(workspace.run) if unit.key == claim.key)

        def step(done: int, total: int) -> None:
            if lost.is_set() or self.stopped():
                raise WorkStoppedError

        made = run_unit(workspace.run, unit, workspace, step)
        return {artefact.path.name: artefact.sha256 for artefact in made}

    def _workspace(self, run_id: int) -> "Workspace":
        from analysis.sweep.prepare import open_run
        from analysis.sweep.units import Workspace

        if run_id not in self._workspaces:
            folder = Run.objects.values_list("folder", flat=True).get(pk=run_id)
            self._workspaces = {run_id: Workspace(open_run(Path(folder)))}  # one at a time: memory
        return self._workspaces[run_id]

    @contextmanager
    def _heartbeat(self, claim: ledger.Claim) -> Iterator[threading.Event]:
        """Prolong the lease from a thread while the block computes; set the event when the unit is lost."""
        lost, over = threading.Event(), threading.Event()

        def beat() -> None:
            while not over.wait(self.lease_seconds / HEARTBEATS_PER_LEASE):
                close_old_connections()
                try:
                    if not ledger.keep(claim, lease_seconds=self.lease_seconds):
                        lost.set()
                        return
                except Exception as error:  # a database that is away for a moment must not end the heartbeat
                    log.warning("no heartbeat for unit %s: %s", claim.key, type(error).__name__)
            connection.close()

        thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
        thread.start()
        try:
            yield lost
        finally:
            over.set()
            thread.join()


def finish_tables(run: Run) -> None:
    """Verify every file of a complete run and write its tables; damaged files go back to be done again."""
    from analysis.sweep.finish import finish_run
    from analysis.sweep.prepare import open_run
    from analysis.sweep.units import unfinished

    opened = open_run(Path(run.folder))
    damaged = [unit.key for unit in unfinished(opened)]
    if damaged:
        ledger.reopen(run=run, keys=damaged)
        return
    finish_run(opened)
    ledger.mark_finished(run=run)


def verify_files(run: Run) -> int:
    """Put done units back to do whose files are gone or damaged; return how many."""
    from analysis.sweep.prepare import open_run
    from analysis.sweep.units import unfinished

    missing = [unit.key for unit in unfinished(open_run(Path(run.folder)))]
    return ledger.reopen(run=run, keys=missing)


def free_dead_neighbours() -> int:
    """End the leases of workers of this host whose process is gone; return how many units that freed."""
    host = socket.gethostname()
    names = Unit.objects.filter(state=UnitState.WORKING).values_list("worker", flat=True).distinct()
    dead = [name for name in names if _is_dead(name, host)]
    return ledger.expire(workers=dead) if dead else 0


def _is_dead(name: str, host: str) -> bool:
    where, _, pid = name.rpartition(":")
    if where != host or not pid.isdigit() or int(pid) == os.getpid():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
