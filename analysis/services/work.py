"""Do the work of the ledger in this process: claim, compute under a heartbeat, record; then finish runs.

torch is imported when the first unit is computed, so that the web process can import this module.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import close_old_connections, connection

from analysis.models import PREPARE, Run, Unit
from analysis.services import finishing, jobs, ledger
from analysis.services.fleet import free_dead_neighbours, worker_name
from analysis.sweep.errors import HostError, SweepError, UnitError

log = logging.getLogger(__name__)

HEARTBEATS_PER_LEASE = 4
SHOWN_SECONDS = 3.0
"""A heartbeat also tells how far the unit is, so it comes at least this often."""

Stopped = Callable[[], bool]


class Worker:
    """One process that works through the ledger; it keeps the last network and the images loaded.

    Parameters
    ----------
    lease_seconds: how long a unit stays ours without a heartbeat.
    runs: the folder of the runs that were asked for on a page.
    stopped: asked between and within units; True ends the work, and the unit at hand is put back.
    host: see `worker_name`.
    image_cache: this host's folder of decoded images; None for the one in which each run was prepared.
    """

    def __init__(
        self, *, lease_seconds: float, runs: Path, stopped: Stopped = lambda: False, host: str = "",
        image_cache: Path | None = None,
    ) -> None:  # fmt: skip
        self.lease_seconds = lease_seconds
        self.stopped = stopped
        self.host = host
        self.name = worker_name(host)
        self._desk = jobs.Desk(runs, image_cache)
        self._last: Unit | None = None
        self._unfit: set[int] = set()

    def work(self, run: Run | None = None, on_unit: Callable[[], None] = lambda: None) -> int:
        """Claim and compute until nothing is open; finish what became complete; return the units done."""
        free_dead_neighbours(self.host)
        done = 0
        while not self.stopped():
            claim = ledger.claim_next(
                worker=self.name,
                lease_seconds=self.lease_seconds,
                run=run,
                near=self._last,
                unfit=self._unfit,
            )
            if claim is None:
                break
            self._last = claim
            done += self._compute(claim)
            on_unit()
        self._finish(run)
        return done

    def _finish(self, run: Run | None) -> None:
        """Finish what is complete. A run that cannot be finished keeps no other one waiting; its error comes last."""
        faults = []
        for complete in ledger.complete_runs():
            if run is None or complete.pk == run.pk:
                try:
                    finishing.finish(complete)
                except Exception as error:
                    log.warning("run %s cannot be finished: %s", complete.run_id, type(error).__name__)
                    faults.append(error)
        if faults:
            raise faults[0]

    def _compute(self, claim: Unit) -> bool:
        try:
            with self._heartbeat(claim) as job:
                return jobs.do(job, self._desk)
        except jobs.WorkStoppedError:
            ledger.let_go(claim)
        except HostError as error:  # the run is frozen for other hosts: leave it to them
            log.warning("run %s cannot be computed on this host: %s", claim.run_id, error)
            self._unfit.add(claim.run_id)
            ledger.let_go(claim, why=f"left to another host: {error}")
        except Exception as error:  # whatever a unit raises is in the ledger, and the worker lives on
            log.warning("unit %s of run %s failed: %s", claim.key, claim.run_id, type(error).__name__)
            mend_first = isinstance(error, SweepError) and not isinstance(error, UnitError)
            final = claim.key == PREPARE and mend_first
            ledger.fail(claim, error=f"{type(error).__name__}: {error}", final=final)
        except BaseException:  # Ctrl-C: somebody else may go on at once
            ledger.let_go(claim)
            raise
        return False

    @contextmanager
    def _heartbeat(self, claim: Unit) -> Iterator[jobs.Job]:
        """Prolong the lease from a thread while the block computes; the job stops when the unit is lost."""
        over, lost = threading.Event(), threading.Event()
        job = jobs.Job(claim, lost=lambda: lost.is_set() or self.stopped(), lease_seconds=self.lease_seconds)

        def beat() -> None:
            while not over.wait(min(self.lease_seconds / HEARTBEATS_PER_LEASE, SHOWN_SECONDS)):
                close_old_connections()
                try:
                    if not ledger.keep(claim, lease_seconds=self.lease_seconds, steps=job.steps):
                        lost.set()
                        return
                except Exception as error:  # a database that is away for a moment must not end the heartbeat
                    log.warning("no heartbeat for unit %s: %s", claim.key, type(error).__name__)
            connection.close()

        thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
        thread.start()
        try:
            yield job
        finally:
            over.set()
            thread.join()
