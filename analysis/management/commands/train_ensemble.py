"""Train an ensemble."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analysis.services.histories import draw_curves
from analysis.sweep.errors import SweepError, of_a_place
from analysis.sweep.toml import load_spec
from analysis.terminal import progress_bars


class Command(BaseCommand):
    requires_system_checks: list[str] = []
    help = (
        "Train every seed of a specification's [train] section. Ctrl-C stops it; run the same command again "
        "to resume."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("spec", type=Path, help="the specification (TOML; docs/formats.md)")
        parser.add_argument("--out", type=Path, required=True, help="the folder of the ensemble")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            spec = load_spec(options["spec"])
            from analysis.sweep.training.train import train_ensemble

            with progress_bars() as progress:
                trained = train_ensemble(spec, options["out"], progress=progress)
        except SweepError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(of_a_place(error)) from error
        except KeyboardInterrupt:
            raise CommandError("stopped; run the same command again to resume") from None
        for member in trained:
            self.stdout.write(f"seed {member.seed}: {member.epochs} epochs, {member.checkpoint}")
        self.stdout.write(f"curves: {draw_curves(options['out'], {m.seed: m.history for m in trained})}")
