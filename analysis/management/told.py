"""Shared by the analysis's commands: a refusal is printed as its own message."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from analysis.asked import declare
from analysis.errors import RefusedError
from analysis.sweep.errors import of_a_place


class ToldCommand(BaseCommand):
    """A command that ends a refusal, a place that cannot be used and Ctrl-C without a traceback.

    What it takes is in asked.toml under its name, and under those of `asked`.
    """

    asked: tuple[str, ...] = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Take what is asked for."""
        declare(parser, type(self).__module__.rpartition(".")[2], *self.asked)

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run."""
        try:
            return super().execute(*args, **options)
        except RefusedError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(of_a_place(error)) from error
        except KeyboardInterrupt:
            raise CommandError("stopped; run the same command again to resume") from None


class FileCommand(ToldCommand):
    """A command from files to files: it needs neither a database nor a site that is fit to run."""

    requires_system_checks: list[str] = []
