"""The worker's tasks. A message says that there may be work, the ledger says which.

A worker that gets a message works until nothing is open. A thread sends one again at start and every 30 s while
anything is open and the worker idle, so a message that was lost, doubled or torn costs nothing.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from celery import shared_task
from celery.signals import worker_ready, worker_shutting_down
from django.conf import settings
from django.db import connection
from kombu.exceptions import OperationalError

from analysis.errors import RefusedError
from analysis.models import Run, Unit, UnitState
from analysis.services import handing_over, handover_work, ledger, ratings, uploads
from analysis.services.findings import Choices
from analysis.services.findings_files import make_set, note_fault
from analysis.services.fleet import free_dead_neighbours, note_listening
from analysis.services.work import Worker

log = logging.getLogger(__name__)

RECONCILE_SECONDS = 30.0
_shutting_down = threading.Event()
_busy = threading.Event()
_worker: Worker | None = None


@shared_task(name="analysis.sweep.work")
def work_through() -> None:
    """Work through the ledger in this process."""
    global _worker  # noqa: PLW0603  (one per process: it keeps the network and the images loaded)
    if _worker is None:
        _worker = Worker(
            lease_seconds=settings.LEASE_SECONDS,
            runs=settings.RUNS_ROOT,
            stopped=_shutting_down.is_set,
            host=settings.WORKER_HOST,
            image_cache=settings.IMAGE_CACHE,
        )
    _busy.set()
    try:
        _worker.work()
    finally:
        _busy.clear()


def ring(bells: int = 1) -> None:
    """Wake up to `bells` workers. A broker that is away costs nothing but time: workers notify themselves."""
    for _ in range(bells):
        if fault := _send(work_through, queue="sweep"):
            log.warning("no worker could be notified, workers poll by themselves: %s", fault)
            return


def _send(task: Any, *args: Any, queue: str = "cases") -> str:
    """Hand something to a worker; return what kept the broker from it, or nothing."""
    try:
        task.apply_async(args=args, queue=queue, ignore_result=True, retry=False)
    except (OperationalError, OSError) as error:
        return type(error).__name__
    return ""


@shared_task(name="analysis.findings.make")
def make_findings(run_id: int, choices: dict[str, Any]) -> None:
    """Compute a set of findings into the run's folder; why it failed is noted there for the page."""
    run = Run.objects.get(pk=run_id)
    try:
        make_set(run=run, choices=Choices(**choices))
    except (RefusedError, OSError) as error:
        note_fault(run, str(error))
    else:
        note_fault(run, "")


def ask_for_findings(*, run: Run, choices: Choices) -> None:
    """Hand the analysis of a run to a worker. A lost message costs one more click."""
    if fault := _send(make_findings, run.pk, asdict(choices)):
        note_fault(run, f"no worker could be reached ({fault}); try again")


make_handover = shared_task(name="analysis.handover.make")(handover_work.make)
make_ratings = shared_task(name="analysis.ratings.make")(ratings.make)


def ask_for(work: Any, *args: Any) -> None:
    """Hand something to a worker. A lost message costs one more click."""
    if fault := _send(work, *args):
        log.warning("no worker could be notified of %s: %s", work.name, fault)


def reconcile() -> bool:
    """Send a message if anything is left to do and this worker is idle; say whether it was.

    A busy worker takes every open unit before it stops, so ringing for it would only fill the queue.
    """
    free_dead_neighbours(settings.WORKER_HOST)
    waiting = not _busy.is_set() and (ledger.open_units().exists() or bool(ledger.complete_runs()))
    if waiting:
        # Each busy worker may keep one message waiting behind its work; one more reaches somebody idle.
        ring(1 + Unit.objects.filter(state=UnitState.WORKING).count())
    handing_over.expire()
    ratings.expire()
    uploads.expire()
    return waiting


@worker_ready.connect
def _start_reconciler(sender: Any, **kwargs: Any) -> None:
    queues = list(sender.app.amqp.queues.consume_from)
    threading.Thread(target=_reconcile_for_ever, args=(queues,), name="reconciler", daemon=True).start()


@worker_shutting_down.connect
def _stop(**kwargs: Any) -> None:
    _shutting_down.set()


def _reconcile_for_ever(queues: Sequence[str]) -> None:
    turns: list[Callable[[], object]] = [partial(note_listening, queues)]
    if "sweep" in queues:  # any other worker is always idle, as far as the ledger goes
        turns.insert(0, reconcile)
    while True:
        for turn in turns:  # each by itself: without the shared cache, units go on
            try:
                turn()
            except Exception as error:  # a broker or database that is away comes back; the thread must live
                log.warning("the reconciler tries again later: %s", type(error).__name__)
            finally:
                connection.close()
        if _shutting_down.wait(RECONCILE_SECONDS):
            return
