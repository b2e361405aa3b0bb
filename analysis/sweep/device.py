"""The machine as a process of the sweep meets it: the GPU's free memory and faults, the host's memory, libraries."""

import ctypes
import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version

import torch

from analysis.sweep.errors import HostError, UnitError


def free_bytes() -> int:
    """Return the free memory of the GPU, after torch has given back what it keeps of tensors that are gone.

    It counts as used otherwise: a worker's second run would find no room for images that the first one had.
    """
    gc.collect()  # a network that was traced holds itself, and so its memory
    torch.cuda.empty_cache()
    free, _ = torch.cuda.mem_get_info()
    return int(free)


def refuse_without_device(device: str, what: str) -> None:
    """Refuse a host that lacks the device that something asks for; `what` for messages.

    Raises
    ------
    HostError: no CUDA device that works here.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise HostError(f"{what}: expected a working CUDA device, got none on this host")


def card_of(device: str) -> str:
    """Return the name of the GPU that computes here; "" for a run on a processor."""
    return str(torch.cuda.get_device_name()) if device == "cuda" else ""


@contextmanager
def named_faults(what: str, batch_size: int) -> Iterator[None]:
    """Turn what torch raises about a device into the named errors of the sweep.

    Parameters
    ----------
    what: the run or training, for messages.
    batch_size: images at a time, for messages.

    Raises
    ------
    UnitError: the device's memory does not suffice.
    HostError: the device has stopped working for this process. CUDA answers every later call with the same error, so
        that a worker which went on would fail every unit that is left, five times each.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise UnitError(
            f"{what}: expected batches of {batch_size} images to fit into the device's memory, they do not "
            f"({_first_line(error)}); use a smaller batch_size, or stop other programs on the device"
        ) from error
    except torch.AcceleratorError as error:
        raise HostError(
            f"{what}: expected a device that works, got '{_first_line(error)}'; check it (nvidia-smi) and "
            f"restart this process"
        ) from error


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200]


def library_versions(*more: str) -> dict[str, str]:
    """Return the versions that a run freezes, those of `more` libraries too; "none" for one not installed."""
    return {name: _version(name) for name in ("torch", "torchvision", "numpy", "pillow", *more)}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
"""Numbers of the options of mallopt(3)."""

_KEPT = 2**31 - 1
_PAD = 64 << 20


def keep_freed_memory() -> bool:
    """Tell glibc to keep what is freed; return whether it took it.

    On virtual machines each fresh page is dear, and a forward pass asks for many. glibc gives large blocks back to
    the system at once and fetches them again for the next batch. Elsewhere than with glibc nothing is done.
    """
    if not hasattr(os, "confstr") or "CS_GNU_LIBC_VERSION" not in os.confstr_names:
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    settings = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, _KEPT), (_TOP_PAD, _PAD))
    return all([mallopt(option, value) == 1 for option, value in settings])
