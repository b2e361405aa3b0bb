"""Shared by the site's commands: a refusal is printed as its own message; background work has low priority.

Readers come first: what runs from a timer, and every sweep worker, gives way to the web processes.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from readerstudy.environment import BASE
from readerstudy.refusals import RefusedError

NICENESS = 10
"""As `nice` counts: a process with it gets a tenth of a core that a web process wants too, and all of an idle one."""
AUTOGROUP = Path("/proc/self/autogroup")
"""Where Linux shares the cores between sessions first, `nice` counts only within one; this file holds the session's."""


class SiteCommand(BaseCommand):
    """A command that tells without a traceback what the site or a model refuses, the errors of `refused`, and which
    place cannot be used.

    `takes`: names of what it is given, as flags or in its place, to the words of `add_argument`.
    """

    refused: tuple[type[Exception], ...] = ()
    takes: Mapping[str, Mapping[str, Any]] = {}

    def add_arguments(self, parser: CommandParser) -> None:
        """Take what the command says that it takes."""
        for name, words in self.takes.items():
            parser.add_argument(name, **words)

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run; a refusal ends the command with its words."""
        refusals: tuple[type[Exception], ...] = (RefusedError, OSError, *self.refused)
        try:
            return super().execute(*args, **options)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        except refusals as error:
            raise CommandError(str(error)) from error


def write_new(path: Path, text: str) -> None:
    """Write a text into a file that does not exist yet.

    Raises
    ------
    CommandError: it exists, or cannot be written.
    """
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}") from error


class PatientCommand(SiteCommand):
    """A command that gives way when it is a process of its own, as from a timer; called from code it does not."""

    def run_from_argv(self, argv: list[str]) -> None:
        """Give way, then run."""
        give_way()
        super().run_from_argv(argv)


def start_apart(*words: str, holding: tuple[int, ...] = ()) -> None:
    """Start a command of the site as a process of its own, which outlives the request that asked for it.

    A thread would die with its web process, and take its turns from readers. The command keeps the open files
    `holding`, and so their locks, until it ends.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "readerstudy", *words], cwd=BASE, env=dict(os.environ), start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        pass_fds=holding,
    )  # fmt: skip
    threading.Thread(target=process.wait, daemon=True).start()  # a child that is waited for leaves no zombie


def give_way() -> None:
    """Let every other process of the machine go first, for as long as this one lives.

    The session gives way too if it is this process's own, as from a timer; a terminal is left as it is. With
    READERS_FIRST=no nothing is done.
    """
    if not settings.READERS_FIRST:
        return
    os.nice(NICENESS)
    if os.getsid(0) == os.getpid():
        _session_gives_way()


def _session_gives_way() -> None:
    """Write the session's niceness. From all users but root Linux takes one such change every 100 ms, no more."""
    for _ in range(10):
        with suppress(OSError):
            try:
                AUTOGROUP.write_text(str(NICENESS))
            except BlockingIOError:
                time.sleep(0.12)
                continue
        return
