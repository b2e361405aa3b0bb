"""Readers come first: work that nobody waits for at a screen gives way to the web processes."""

import os
import time
from contextlib import suppress
from pathlib import Path

from django.conf import settings

NICENESS = 10
"""As `nice` counts: a process with it gets a tenth of a core that a web process wants too, and all of an idle one."""
AUTOGROUP = Path("/proc/self/autogroup")
"""Where Linux shares the cores between sessions first, `nice` counts only within one; this file holds the session's."""


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
