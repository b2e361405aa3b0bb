"""Commands in processes that begin with the libraries loaded: two thirds of a short command's time are its imports.

One process for each test run imports libraries, and nothing of the project, then forks for every command. The fork
takes the command's own environment and arguments, reads the settings again and ends as any process does.
"""

import atexit
import gc
import os
import pickle
import runpy
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

BASE = Path(__file__).parents[2]
LIBRARIES = (
    "allauth", "argon2", "billiard", "celery", "cryptography.x509", "django.contrib.staticfiles", "django.core.cache",
    "django.core.management", "django.db.backends.sqlite3.base", "django.db.models", "django.forms",
    "django.template.response", "django.views.generic", "fido2.server", "kombu", "markdown_it", "matplotlib.figure",
    "numba", "pandas", "PIL.Image", "scipy.ndimage", "scipy.spatial", "scipy.stats", "sqlparse", "whitenoise", "yaml",
)  # fmt: skip
"""None of them may need the settings: each command has its own."""


def run(
    command: tuple[str, ...], environment: dict[str, str], *, own_session: bool = False
) -> "subprocess.CompletedProcess[str]":
    """Run FILE ARGUMENTS or -c CODE ARGUMENTS in the project's folder, as `subprocess.run` would; wait for its end."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                socket.send_fds(_warm(), [b"x"], [out.fileno(), err.fileno(), theirs.fileno()])
            ours.sendall(pickle.dumps((command, environment, own_session)))
            ours.shutdown(socket.SHUT_WR)
            code = int(ours.makefile().read())
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(command, code, out.read(), err.read())


@cache
def _warm() -> socket.socket:
    """Start the process that forks; it ends when nobody holds the other end of its socket any more."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    with theirs:
        forking = subprocess.Popen(
            [sys.executable, "-m", "tests.servers.warm", str(theirs.fileno())],
            cwd=BASE, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=[theirs.fileno()],
        )  # fmt: skip
    atexit.register(forking.wait)
    atexit.register(ours.close)  # what is registered last is called first
    return ours


def _fork_for_each(requests: socket.socket) -> tuple[str, ...]:
    """Return, in a fork, the command that it is to run, with environment and output in place; never return else."""
    while True:
        asked, files, *_ = socket.recv_fds(requests, 1, 3)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass  # keepers that have ended
        if not asked:
            os._exit(0)
        if os.fork() == 0:
            break
        for file in files:
            os.close(file)
    requests.close()
    out, err, answer = files
    with socket.socket(fileno=answer) as asker:
        if child := os.fork():
            asker.sendall(str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])).encode())
            os._exit(0)
        with asker.makefile("rb") as work:
            command, environment, own_session = pickle.load(work)
    if own_session:
        os.setsid()
    for file, place in ((out, 1), (err, 2)):
        os.dup2(file, place)
        os.close(file)
    os.environ.clear()
    os.environ.update(environment)
    return command  # type: ignore[no-any-return]


def _become(command: tuple[str, ...]) -> None:
    """Run the command as the main program."""
    for name in [
        name for name in sys.modules if name.partition(".")[0] in {"tests", "readerstudy", "analysis"}
    ]:
        del sys.modules[name]
    if command[0] != "-c":
        sys.argv = list(command)
        runpy.run_path(str(BASE / command[0]), run_name="__main__")
        return
    sys.argv = ["-c", *command[2:]]
    main = sys.modules["__main__"] = ModuleType("__main__")
    exec(compile(command[1], "<string>", "exec"), main.__dict__)  # as python -c does


if __name__ == "__main__":
    for library in LIBRARIES:
        import_module(library)
    gc.freeze()  # what is here by now need not be looked through, and copied, at the end of every fork
    with socket.socket(fileno=int(sys.argv[1])) as control:
        todo = _fork_for_each(control)
    _become(todo)
