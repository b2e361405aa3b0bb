"""Command for `analysis.services.handover.hand_over`: from a run to a blind folder and a sealed key."""

from typing import Any

from analysis.management.told import ToldCommand
from analysis.services import handover_options as shared
from analysis.services.handover import hand_over, love_plot_path


class Command(ToldCommand):
    """Select exemplars and controls from a run and write them as a case set."""

    help = "Select exemplars and controls from a run and write a blind folder and, elsewhere, a sealed key."
    asked = ("places", "contents", "unchecked", "exemplars", "selection")

    def handle(self, *args: Any, **options: Any) -> None:
        """Select, write, and report; nothing that reveals a case's arm is printed."""
        spec = shared.spec_of(options, options["seed"])
        selection, written = hand_over(
            run=options["run"], spec=spec, unchecked=options["unchecked"], **shared.written_with(options)
        )
        for line in (spec.estimand, *selection.notes):
            self.stdout.write(line)
        self.stdout.write(shared.report_of(written))
        self.stdout.write(
            f"{love_plot_path(written.key)}: the love plot of the balance; keep it with the key"
        )
