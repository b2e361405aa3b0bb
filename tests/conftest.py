"""What every test shares: which tests this machine allows, and why a test is skipped.

A GPU host has the tests of the sweep and no Django: there `tests.site` and what it needs stay away.
"""

from __future__ import annotations

import gc
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Generator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests import long
from tests.servers.process import installed

pytest_plugins = ["tests.site", "tests.servers.fixtures"] if find_spec("django") else []

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what runs in its background so, and every process that a test starts would not hear Ctrl-C either.
    signal.signal(signal.SIGINT, signal.default_int_handler)

LOOPBACK = ("127.", "::1", "localhost")


def chromium() -> str | None:
    """Return the browser's path, or None where there is none."""
    path = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    return path if Path(path).exists() else shutil.which("chromium")


def _gpu_works() -> bool:
    import torch

    return torch.cuda.is_available()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for garbage less often: not while modules are loaded, never among what they are made of, then rarely."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()
        gc.set_threshold(20_000, 20, 20)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what the machine cannot do; each reason begins with the marker, so that a script can count it.

    Long tests get their marker here, before pytest looks at what `-m` asks for.
    """
    gpu = None
    names = long.names()
    for item in items:
        if item.get_closest_marker("browser") or item.nodeid.split("[")[0] in names:
            item.add_marker("long")
        if item.get_closest_marker("browser") and chromium() is None:
            item.add_marker(
                pytest.mark.skip(reason="[browser] no Chromium; apt install chromium, or set CHROMIUM")
            )
        if item.get_closest_marker("outside_reference") and not os.environ.get("OUTSIDE_REFERENCE"):
            reason = "[outside_reference] OUTSIDE_REFERENCE does not name the folder of outside numbers"
            item.add_marker(pytest.mark.skip(reason=reason))
        if marker := item.get_closest_marker("servers"):
            missing = [name for name in marker.args or ("postgresql",) if not installed(name)]
            if missing:
                reason = f"[servers] not installed: {', '.join(missing)}"
                item.add_marker(pytest.mark.skip(reason=reason))
        if item.get_closest_marker("gpu"):
            gpu = _gpu_works() if gpu is None else gpu
            if not gpu:
                item.add_marker(pytest.mark.skip(reason="[gpu] no NVIDIA GPU that works with this torch"))


@pytest.fixture(scope="session")
def node() -> str:
    """Return the node that Playwright brings; a plain Debian lacks a library of it."""
    from playwright._impl._driver import compute_driver_executable

    program = compute_driver_executable()[0]
    if subprocess.run([program, "--version"], capture_output=True, check=False).returncode:
        pytest.skip("[browser] Playwright's node does not run here; apt install libatomic1")
    return program


@pytest.fixture(autouse=True)
def _no_outside_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every connection that leaves this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else ""
        if self.family != socket.AF_UNIX and not str(host).startswith(LOOPBACK):
            raise AssertionError(f"a test tried to reach {address!r}")
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded)
