"""See and steer the ledger's runs from the command line."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from analysis.management.told import ToldCommand
from analysis.models import Run, UnitState
from analysis.services import control
from analysis.services.progress import failures_of, hands_of, progress_of, state_of


class Command(ToldCommand):
    help = "List the site's runs, show one, cancel or resume it, or try its failed units again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run", nargs="?", help="a run's name; without one, all are listed")
        steps = parser.add_mutually_exclusive_group()
        steps.add_argument("--cancel", action="store_true", help="cancel it; workers notice within seconds")
        steps.add_argument("--resume", action="store_true", help="resume, and try failed units again")
        steps.add_argument("--retry", metavar="UNIT", help="try one failed unit again")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["run"] is None:
            if options["cancel"] or options["resume"] or options["retry"]:
                raise CommandError("expected the name of a run to change, got none; `runs` lists them")
            for run in Run.objects.filter(same_as__isnull=True):
                self._line(run)
            return
        run = self._find(options["run"])
        self._step(run, options)
        run.refresh_from_db()
        self._show(run)

    def _find(self, name: str) -> Run:
        found = Run.objects.filter(run_id=name).first() or Run.objects.filter(requested_as=name).first()
        if found is None:
            raise CommandError(f"expected the name of a run, got {name!r}; `runs` lists them")
        return found.same_as or found

    def _step(self, run: Run, options: dict[str, Any]) -> None:
        if options["cancel"]:
            control.cancel(run=run)
            return
        if options["resume"]:
            control.resume(run=run)
        elif options["retry"]:
            control.retry(run=run, key=options["retry"])
        else:
            return
        from analysis.tasks import ring

        ring()

    def _line(self, run: Run) -> None:
        now = progress_of(run)
        state = state_of(run, now)
        left = f", {now.left_text} left" if state == "running" else ""
        self.stdout.write(f"{run.run_id:24} {state:10} {now.done:>6} of {now.total:<6} {run.name}{left}")

    def _show(self, run: Run) -> None:
        self._line(run)
        units = list(run.units.exclude(state=UnitState.DONE))
        for hand in hands_of(units):
            self.stdout.write(
                f"  {hand['key']}: {hand['stage']} {hand['share']} %, {hand['since']} on {hand['worker']}"
            )
        for name, state in (("failed", UnitState.FAILED), ("to be tried again", UnitState.TODO)):
            for error, found in failures_of(units, state):
                self.stdout.write(f"  {name}: {', '.join(unit.key for unit in found)}")
                self.stdout.write(f"    {error}")
