"""Run the web server and the worker side by side, start a dead one again, stop both cleanly."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from readerstudy.environment import BASE
from readerstudy.refusals import RefusedError

STOP_SECONDS = 20.0
"""How long a process may take to finish what it holds before it is killed; the ledger survives that."""
RESTARTS, RESTART_WINDOW = 5, 60.0
LIBC, PR_SET_PDEATHSIG = ctypes.CDLL(None), 1
"""prctl(2): the signal that Linux sends to a process when its parent ends. It stays over `exec`."""

ROOT_WARNING = "ignore:You're running the worker with superuser"
"""Celery's warning to root is said by `doctor` instead; only JSON messages are accepted in any case."""


class SupervisorError(RefusedError):
    """A process died so often that starting it again is of no use."""


def web_command(host: str, port: int) -> list[str]:
    """Return the command of the web server."""
    return [
        sys.executable, "-m", "gunicorn", "readerstudy.wsgi:application", "--bind", f"{host}:{port}",
        "--workers", "2", "--threads", "8", "--timeout", "60", "--graceful-timeout", "10",
        "--log-level", "warning", "--forwarder-headers", "",
    ]  # fmt: skip


def worker_command(queues: str = "sweep") -> list[str]:
    """Return the command of the worker of some queues: one process, since CUDA does not survive a fork."""
    return [
        sys.executable, "-W", ROOT_WARNING, "-m", "celery", "--quiet", "--app", "readerstudy",
        "worker", "--queues", queues, "--pool", "solo", "--loglevel", "WARNING",
        "--without-gossip", "--without-mingle", "--without-heartbeat",
    ]  # fmt: skip


def worker_processes(count: int = 1, gpus: Sequence[str] = ()) -> "list[Process]":
    """Return workers to run, and one for all other queues; with GPUs named, each of the former sees one, in turn."""
    from analysis.services.fleet import QUEUES  # here, since processes are supervised without Django too

    seen = [{"CUDA_VISIBLE_DEVICES": gpus[place % len(gpus)]} if gpus else {} for place in range(count)]
    sweeping = [Process(f"worker {place}", worker_command(), own) for place, own in enumerate(seen, 1)]
    others = ",".join(name for name in QUEUES if name != "sweep")
    return [*sweeping, Process(f"worker of {others}", worker_command(others))]


@dataclass
class Process:
    """One process that should run; `environment` is added to that of the supervisor."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    handle: "subprocess.Popen[bytes] | None" = None
    deaths: list[float] = field(default_factory=list)

    def start(self) -> None:
        """Start it in a session of its own, so that a Ctrl-C in the terminal reaches only the supervisor."""
        environment = {**os.environ, **self.environment}
        parent = os.getpid()

        def bound() -> None:
            """End with the supervisor, however that ends: none may be left behind who holds the port."""
            LIBC.prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM))
            if os.getppid() != parent:
                os._exit(1)

        self.handle = subprocess.Popen(
            self.command, cwd=BASE, env=environment, start_new_session=True,
            preexec_fn=bound,  # noqa: PLW1509  (this process has one thread)
        )  # fmt: skip

    def died(self) -> bool:
        """Say whether it ended by itself."""
        return self.handle is not None and self.handle.poll() is not None

    def stop(self, deadline: float) -> None:
        """Wait for the main process, which was asked to end; kill its whole session when the deadline passes."""
        if self.handle is None:
            return
        try:
            self.handle.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(self.handle.pid, signal.SIGKILL)
            self.handle.wait()
        self.handle = None


class Supervisor:
    """Keeps processes running until it is stopped; use it as a context."""

    def __init__(self, processes: Sequence[Process]) -> None:
        self.processes = list(processes)

    def __enter__(self) -> "Supervisor":
        # A service manager says SIGTERM where a terminal says Ctrl-C, and one that is closed says SIGHUP: each must
        # stop the processes too. Under nohup SIGHUP is ignored, and stays so.
        with suppress(ValueError):  # only the main thread may set a handler
            for each in (signal.SIGTERM, signal.SIGHUP):
                if signal.getsignal(each) is not signal.SIG_IGN:
                    signal.signal(each, signal.default_int_handler)
        sys.stdout.flush()  # into a file it would wait until the end: the passwords of a demo, say
        for process in self.processes:
            process.start()
        return self

    def __exit__(self, *error: object) -> None:
        deadline = time.monotonic() + STOP_SECONDS
        # The main processes only: a signal to a whole group once left Celery hanging.
        for process in self.processes:
            if process.handle is not None and process.handle.poll() is None:
                process.handle.terminate()
        for process in self.processes:
            process.stop(deadline)

    def restart_dead(self) -> None:
        """Start every dead process again.

        Raises
        ------
        SupervisorError: one died more than RESTARTS times within RESTART_WINDOW seconds.
        """
        now = time.monotonic()
        for process in self.processes:
            if not process.died():
                continue
            process.deaths = [death for death in process.deaths if now - death < RESTART_WINDOW] + [now]
            if len(process.deaths) > RESTARTS:
                raise SupervisorError(
                    f"the {process.name} process ended {len(process.deaths)} times within a minute; "
                    "its messages are above"
                )
            process.start()

    def watch(self) -> None:
        """Mend until interrupted."""
        while True:
            self.restart_dead()
            time.sleep(1.0)
