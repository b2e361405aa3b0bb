"""What the site's commands share: a refusal is told in its own words, and long work gives way to readers."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from readerstudy.priority import give_way


class SiteCommand(BaseCommand):
    """A command that tells the errors of `refused`, and what a model's field refuses, without a traceback."""

    refused: tuple[type[Exception], ...] = ()

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run; a refusal ends the command with its words."""
        try:
            return super().execute(*args, **options)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        except self.refused as error:
            raise CommandError(str(error)) from error


class PatientCommand(SiteCommand):
    """A command that gives way when it is a process of its own, as from a timer; called from code it does not."""

    def run_from_argv(self, argv: list[str]) -> None:
        """Give way, then run."""
        give_way()
        super().run_from_argv(argv)
