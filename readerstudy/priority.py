"""Readers come first: work that nobody waits for at a screen gives way to the web processes."""

import os

from django.core.management.base import BaseCommand

NICENESS = 10
"""As `nice` counts: a process with it gets a tenth of a core that a web process wants too, and all of an idle one."""


def give_way() -> None:
    """Let every other process of the machine go first, for as long as this one lives."""
    os.nice(NICENESS)


class PatientCommand(BaseCommand):
    """A command that gives way when it is a process of its own, as from a timer; called from code it does not."""

    def run_from_argv(self, argv: list[str]) -> None:
        """Give way, then run."""
        give_way()
        super().run_from_argv(argv)
