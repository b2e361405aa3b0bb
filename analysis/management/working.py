"""Shared by commands that carry out a run of the ledger in their own process."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from analysis.experiment.plan import Plan, cost
from analysis.management.told import ToldCommand
from analysis.models import Run, UnitState
from analysis.services import control
from analysis.services.experiments import answer_of, register_experiment
from analysis.services.finishing import verify_files
from analysis.services.progress import progress_of
from analysis.services.work import Worker
from analysis.terminal import Progress, in_words, progress_bars


class WorkingCommand(ToldCommand):
    """A command that takes up a run, works until it is finished, or leaves it to the site's workers."""

    def take_up(self, run: Run, progress: Progress, *, queue: bool) -> None:
        """Resume a run, look whether its files are whole, and do it unless it is left to the workers."""
        control.resume(run=run)
        verify_files(run)
        if queue:
            return

        def show() -> None:
            now = progress_of(run)
            progress("units", now.done, now.total)

        show()
        worker = Worker(
            lease_seconds=settings.LEASE_SECONDS, runs=settings.RUNS_ROOT, host=settings.WORKER_HOST,
            image_cache=settings.IMAGE_CACHE,
        )  # fmt: skip
        worker.work(run, show)

    def report(self, run: Run, *, queue: bool) -> None:
        """Tell how it ended: where it is, or what failed."""
        if queue:
            from analysis.tasks import ring

            ring()
            self.stdout.write(f"run {run.run_id} is queued")
            return
        run.refresh_from_db()
        for unit in run.units.exclude(state=UnitState.DONE).exclude(error=""):
            self.stderr.write(f"{unit.key}: {unit.error}")
        if run.finished_at is None:
            raise CommandError(f"run {run.run_id} is not complete; run the same command again")
        self.stdout.write(f"run {run.run_id}: {run.folder}")


class ExperimentCommand(WorkingCommand):
    """A command that freezes an experiment, says what it costs, and does it."""

    asked = ("experiment",)

    def experiment(self, make: Callable[[], Plan], options: dict[str, Any]) -> None:
        """Freeze, tell the cost, work, and tell the answer."""
        plan = make()
        networks, images, seconds = cost(plan)
        self.stdout.write(
            f"frozen as {plan.said['digest']}\n"
            f"{networks} networks, each trained on {images:,} images; about {in_words(seconds)} in one process "
            f"like this one, by the time of one batch"
        )
        if options["only_cost"]:
            return
        self.stdout.flush()
        run = register_experiment(plan=plan)
        with progress_bars() as progress:
            self.take_up(run, progress, queue=options["queue"])
        self.report(run, queue=options["queue"])
        for line in answer_of(run):
            self.stdout.write(line)
