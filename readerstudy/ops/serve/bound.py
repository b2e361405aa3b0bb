"""Become another program that ends when its parent does: `python bound.py PARENT PROGRAM [ARGUMENT...]`.

Run as a file of its own, since it must be small: a server's processes are started through it. Standard library only.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
"""prctl(2): the signal that Linux sends to a process when its parent ends. It stays over `exec`."""


def main(parent: int, command: list[str]) -> None:
    """Ask for the signal, then become the command.

    Parameters
    ----------
    parent: who started this process; if it is gone already, nothing is run.
    """
    prctl = getattr(ctypes.CDLL(None), "prctl", None)  # only Linux has it; elsewhere the command simply runs
    if prctl is not None:
        prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM))
    if os.getppid() == parent:
        os.execv(command[0], command)  # noqa: S606 - the supervisor's own list of words, no shell wanted


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
