"""Train an ensemble."""

from typing import Any

from analysis.management.told import FileCommand
from analysis.services.histories import draw_curves
from analysis.sweep.toml import load_spec
from analysis.terminal import progress_bars


class Command(FileCommand):
    help = (
        "Train every seed of a specification's [train] section. Ctrl-C stops it; run the same command again "
        "to resume."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        spec = load_spec(options["spec"])
        from analysis.sweep.training.train import train_ensemble

        with progress_bars() as progress:
            trained = train_ensemble(spec, options["out"], progress=progress)
        for warning in dict.fromkeys(warning for member in trained for warning in member.warnings):
            self.stdout.write(warning)
        for member in trained:
            self.stdout.write(f"seed {member.seed}: {member.epochs} epochs, {member.checkpoint}")
        self.stdout.write(f"curves: {draw_curves(options['out'], {m.seed: m.history for m in trained})}")
