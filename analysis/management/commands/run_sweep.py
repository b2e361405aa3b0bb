"""Run a sweep from a specification."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from analysis.management.working import WorkingCommand
from analysis.models import Run
from analysis.services.runs import create_run
from analysis.sweep.spec import SweepSpec
from analysis.sweep.toml import load_spec
from analysis.terminal import progress_bars


class Command(WorkingCommand):
    help = (
        "Prune and evaluate an ensemble as a specification says. Ctrl-C stops it; run the same command again "
        "to resume."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("spec", type=Path, help="the specification (TOML; docs/formats.md)")
        parser.add_argument("--out", type=Path, help="the run's folder (default: the site's runs folder)")
        parser.add_argument(
            "--check",
            type=int,
            metavar="IMAGES",
            help="only compare the engine and precision with plain fp32 on so many images; the run's page shows it",
        )
        parser.add_argument("--queue", action="store_true", help="let the site's workers do it")

    def handle(self, *args: Any, **options: Any) -> None:
        with progress_bars() as progress:
            spec = load_spec(options["spec"])
            if options["check"] is not None:
                said = self._check(spec, options, progress)
            else:
                run = self._run(spec, options, progress)
        if options["check"] is not None:
            self.stdout.write("\n".join(said))
            return
        self.report(run, queue=options["queue"])

    def _check(self, spec: SweepSpec, options: dict[str, Any], progress: Any) -> list[str]:
        from analysis.sweep.run.check import check_sweep

        if options["queue"]:
            raise CommandError("expected --check or --queue, got both: a check runs here and now")
        return check_sweep(
            spec, options["out"], images=options["check"], runs=settings.RUNS_ROOT,
            cache=settings.IMAGE_CACHE, progress=progress,
        )  # fmt: skip

    def _run(self, spec: SweepSpec, options: dict[str, Any], progress: Any) -> Run:
        run = create_run(
            spec=spec,
            out=options["out"],
            runs=settings.RUNS_ROOT,
            progress=progress,
            image_cache=settings.IMAGE_CACHE,
        )
        self.take_up(run, progress, queue=options["queue"])
        return run
