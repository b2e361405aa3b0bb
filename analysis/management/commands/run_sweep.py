"""Run a sweep from a specification."""

from typing import Any

from django.conf import settings

from analysis.management.working import WorkingCommand
from analysis.services.runs import create_run
from analysis.sweep.toml import load_spec
from analysis.terminal import progress_bars


class Command(WorkingCommand):
    help = (
        "Prune and evaluate an ensemble as a specification says. Ctrl-C stops it; run the same command again "
        "to resume."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        with progress_bars() as progress:
            run = create_run(
                spec=load_spec(options["spec"]),
                out=options["out"],
                runs=settings.RUNS_ROOT,
                progress=progress,
                image_cache=settings.IMAGE_CACHE,
            )
            self.take_up(run, progress, queue=options["queue"])
        self.report(run, queue=options["queue"])
