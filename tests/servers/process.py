"""Start a server as a user without rights, wait until it answers, stop it; nothing is left behind."""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

PATIENCE = 60.0
BINARIES = {
    "postgresql": ("pg_ctl",), "redis": ("redis-server",), "rabbitmq": ("rabbitmq-server",), "nginx": ("nginx",),
}  # fmt: skip


class ServerError(Exception):
    """A server did not start or stop as asked; the message holds the end of its log."""


def binary(name: str) -> str | None:
    """Find a program; Debian keeps PostgreSQL's out of PATH, and RabbitMQ's wrapper insists on its own user."""
    if name == "rabbitmq-server" and Path("/usr/lib/rabbitmq/bin/rabbitmq-server").exists():
        return "/usr/lib/rabbitmq/bin/rabbitmq-server"
    for found in sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True):
        return str(found)
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")


def installed(server: str) -> bool:
    """Say whether the programs of a server are here."""
    return all(binary(name) for name in BINARIES[server])


def free_port() -> int:
    """Return a port of the loopback address that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def children_of(pid: int) -> list[int]:
    """Find the children of a process, the ended but uncollected ones included; not every kernel lists them itself."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == pid:
            found.append(int(folder.name))
    return sorted(found)


def alive(pid: int) -> bool:
    """Say whether a process still runs; one that has ended and waits to be collected does not."""
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False


def as_user(user: str, command: Sequence[str]) -> list[str]:
    """Return the command as run by `user` where this process is root, else unchanged."""
    if os.geteuid() != 0:
        return list(command)
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--reset-env", *command]


def folder_of(user: str, name: str) -> Path:
    """Make a new folder that belongs to `user`; short, because sockets in it have short addresses."""
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir="/tmp"))
    if os.geteuid() == 0:
        entry = pwd.getpwnam(user)
        os.chown(folder, entry.pw_uid, entry.pw_gid)
    return folder


def reachable(port: int) -> bool:
    """Say whether somebody listens on a port of the loopback address."""
    with socket.socket() as client:
        client.settimeout(1.0)
        return client.connect_ex(("127.0.0.1", port)) == 0


@dataclass
class Server:
    """One server process: start, stop, kill, start again on the same port with the same data."""

    name: str
    user: str
    command: Sequence[str]
    folder: Path
    port: int
    url: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    ready: Callable[[], bool] | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    handle: "subprocess.Popen[bytes] | None" = None
    password: str = field(default_factory=lambda: secrets.token_hex(12))

    @property
    def log(self) -> Path:
        """What the server said."""
        return self.folder / "log.txt"

    def start(self) -> "Server":
        """Start it and wait until it answers.

        Raises
        ------
        ServerError: it ended, or did not answer in time.
        """
        command = ["env", *(f"{k}={v}" for k, v in self.environment.items()), *self.command]
        return self._start(as_user(self.user, command), self.folder, None)

    def start_in(self, place: Path, environment: Mapping[str, str]) -> "Server":
        """Start it as this process's own user, in a folder and with an environment.

        Raises
        ------
        ServerError: as start.
        """
        return self._start(list(self.command), place, environment)

    def _start(self, command: Sequence[str], place: Path, environment: Mapping[str, str] | None) -> "Server":
        with self.log.open("ab") as log:
            self.handle = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=place, env=environment,
                start_new_session=True,
            )  # fmt: skip
        ready = self.ready or (lambda: reachable(self.port))
        deadline = time.monotonic() + PATIENCE
        while not ready():
            if self.handle.poll() is not None or time.monotonic() > deadline:
                raise ServerError(f"{self.name} did not answer on port {self.port}:\n{self._tail()}")
            time.sleep(0.1)
        return self

    def stop(self) -> None:
        """Ask it to end, and wait; kill it when it does not."""
        if self.handle is None:
            return
        if self.handle.poll() is None:
            self.handle.send_signal(self.stop_signal)
        try:
            self.handle.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()
        self.handle = None

    def kill(self) -> None:
        """Take the whole session away at once, as a loss of the host would."""
        if self.handle is None:
            return
        # PostgreSQL's children lead sessions of their own; until they are gone its memory is in use, and no new
        # server starts on the same data.
        children = children_of(self.handle.pid)
        os.killpg(self.handle.pid, signal.SIGKILL)
        self.handle.wait()
        self.handle = None
        for child in children:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        deadline = time.monotonic() + PATIENCE
        while any(alive(child) for child in children) and time.monotonic() < deadline:
            time.sleep(0.02)

    def restart(self) -> None:
        """Stop and start again: same port, same data."""
        self.stop()
        self.start()

    def _tail(self) -> str:
        return self.log.read_text(errors="replace")[-3000:]


def remove(server: Server) -> None:
    """Stop a server and delete its data."""
    server.stop()
    shutil.rmtree(server.folder, ignore_errors=True)
