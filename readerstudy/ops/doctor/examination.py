"""What this machine has and lacks, in sentences a newcomer can act on."""

import importlib.metadata
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from readerstudy.database import journal_mode
from readerstudy.environment import BASE

Grade = Literal["good", "note", "warning"]

CUDA_DRIVERS = {"12.6": "560.28", "12.8": "570.26", "12.9": "575.51", "13.0": "580.65"}
"""The oldest Linux driver for each CUDA release (NVIDIA's CUDA release notes, table of driver versions)."""

OPTIONAL = {
    "timm": "more architectures by name",
    "onnxruntime": "a faster engine on CPUs",
    "psycopg": "PostgreSQL",
    "redis": "Redis as the broker",
}


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's report."""

    grade: Grade
    subject: str
    text: str


def examine() -> list[Finding]:
    """Look at Python, torch and CUDA, SQLite, the browser, the optional parts, the disk."""
    parts: tuple[Callable[[], Iterator[Finding]], ...] = (_python, _torch, _sqlite, _tools, _optional, _disk)
    return [finding for part in parts for finding in part()]


def _python() -> Iterator[Finding]:
    version = platform.python_version()
    good = (3, 11) <= sys.version_info[:2] <= (3, 13)
    if os.geteuid() == 0:
        yield Finding("note", "user", "root; a site is better served by a user of its own")
    yield Finding(
        "good" if good else "warning", "Python", version + ("" if good else ": use 3.11, 3.12 or 3.13")
    )


def _torch() -> Iterator[Finding]:
    """Ask in another process: this one stays without torch, as the web process does."""
    code = (
        "import json, torch; ok = torch.cuda.is_available(); "
        "name = torch.cuda.get_device_name(0) if ok else ''; "
        "print(json.dumps([torch.__version__, torch.version.cuda, ok, name]))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False
    )
    if done.returncode:
        yield Finding(
            "warning", "torch", "cannot be imported: " + (done.stderr.strip().splitlines() or ["?"])[-1]
        )
        return
    version, cuda, works, name = json.loads(done.stdout.strip().splitlines()[-1])
    yield Finding("good", "torch", f"{version}, built for {'CUDA ' + cuda if cuda else 'the CPU only'}")
    yield _cuda(cuda, works, name, nvidia_device())


def _cuda(cuda: str | None, works: bool, name: str, device: bool) -> Finding:
    if works:
        return Finding("good", "GPU", f"{name} works with CUDA {cuda}")
    if not device:
        return Finding("note", "GPU", "no NVIDIA device; sweeps run on the CPU")
    if cuda is None:
        return Finding(
            "warning", "GPU",
            "AN NVIDIA DEVICE IS HERE BUT THIS TORCH IS BUILT FOR THE CPU ONLY. Install the CUDA build: "
            "pip install --force-reinstall torch==2.13.0 without an index of CPU builds (docs/install.md)",
        )  # fmt: skip
    driver = CUDA_DRIVERS.get(cuda, "a current one")
    return Finding(
        "warning", "GPU",
        f"AN NVIDIA DEVICE IS HERE BUT CUDA {cuda} DOES NOT WORK. It needs the driver {driver} or newer; "
        f"'nvidia-smi' says which is installed: {driver_version() or 'none found'}",
    )  # fmt: skip


def nvidia_device() -> bool:
    """Say whether the machine has an NVIDIA device, with or without a working driver."""
    if Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi"):
        return True
    vendors = Path("/sys/bus/pci/devices").glob("*/vendor")
    classes = (path for path in vendors if path.read_text().strip() == "0x10de")
    return any(path.with_name("class").read_text().startswith("0x03") for path in classes)


def driver_version() -> str | None:
    """Return the installed NVIDIA driver's version, or None."""
    if not shutil.which("nvidia-smi"):
        return None
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    done = subprocess.run(query, capture_output=True, text=True, check=False)
    return done.stdout.strip().splitlines()[0] if done.returncode == 0 and done.stdout.strip() else None


def _sqlite() -> Iterator[Finding]:
    mode = journal_mode()
    yield Finding("good", "SQLite", f"journal {mode.journal}, synchronous {mode.synchronous}: {mode.reason}")


def _tools() -> Iterator[Finding]:
    browser = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if browser:
        yield Finding("good", "browser for tests", browser)
    else:
        yield Finding("note", "browser for tests", "none; browser tests are skipped (apt install chromium)")


def _optional() -> Iterator[Finding]:
    for name, purpose in OPTIONAL.items():
        if importlib.util.find_spec(name) is None:
            yield Finding("note", name, f"not installed: {purpose}")
        else:
            yield Finding("good", name, f"{importlib.metadata.version(name)}: {purpose}")


def _disk() -> Iterator[Finding]:
    free = shutil.disk_usage(BASE).free / 2**30
    yield Finding("good" if free > 10 else "warning", "disk", f"{free:.0f} GiB free where the project lies")
