"""The machine as a sweep sees it: the GPU's work, free memory and faults, the host's memory, libraries."""

import ctypes
import gc
import os
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import torch
from numpy.typing import NDArray

from analysis.sweep.errors import HostError, UnitError

AHEAD = 4
"""Batches that the processor may run ahead of a GPU, so that progress and a cancel are in time."""


class Pace:
    """Holds the processor back to AHEAD batches before the GPU, whose queue never runs empty for it."""

    def __init__(self, device: torch.device) -> None:
        self._on_gpu = device.type == "cuda"
        self._asked: deque[torch.cuda.Event] = deque()

    def keep(self) -> None:
        """Note that a batch was asked for, and wait for the one that lies AHEAD batches back."""
        if self._on_gpu:
            self._asked.append(torch.cuda.current_stream().record_event())
            if len(self._asked) > AHEAD:
                self._asked.popleft().synchronize()


@contextmanager
def own_stream(device: torch.device) -> Iterator[None]:
    """Work in a stream of its own, in order with the work before and after; recording needs one. On a CPU: as ever."""
    if device.type != "cuda":
        yield
        return
    outer, own = torch.cuda.current_stream(), _side_stream()
    own.wait_stream(outer)
    with torch.cuda.stream(own):
        yield
    outer.wait_stream(own)


@cache
def _side_stream() -> torch.cuda.Stream:
    """One for the process: torch keeps freed memory by stream, so a new one at each epoch would reserve it again."""
    return torch.cuda.Stream()  # type: ignore[no-untyped-call]


def recorded(
    work: Callable[[], None], device: torch.device, *, beside_others: bool = False
) -> Callable[[], None] | None:
    """Record work whose tensors stay where they are as one CUDA graph, in the stream at hand, which has done it before.

    Nothing is computed; what is returned replays it. None on a CPU, which records nothing, and with `beside_others`
    where the free memory does not hold the most that was in use twice: for the recording, and for what is not recorded.
    """
    if device.type != "cuda" or (beside_others and free_bytes() < 2 * torch.cuda.max_memory_allocated()):
        return None
    gc.collect()  # no network that is gone may be freed while the device records; newer torch leaves it to us
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=torch.cuda.current_stream()):
        work()
    return graph.replay


def waits(work: Callable[[], None], device: torch.device) -> bool:
    """Do work and say whether it waited for a value of a GPU, which no recording can.

    Found out before recording: after a recording that fails, torch 2.11 can neither free memory nor record again.
    """
    if device.type != "cuda":
        work()
        return False
    before = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            work()
        finally:
            torch.cuda.set_sync_debug_mode(before)
    return any("called a synchronizing" in str(each.message) for each in told)


def fix_kernels(*, tf32: bool) -> None:
    """Let cuDNN take the same kernels each time, whatever this process did before: a resumed training or run repeats
    an undisturbed one. A search for the fastest could choose otherwise in the next process.
    """
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = tf32


def free_bytes() -> int:
    """Return the free memory of the GPU, after torch has given back what it keeps of tensors that are gone.

    It counts as used otherwise: a worker's second run would find no room for images that the first one had.
    """
    gc.collect()  # a network that was traced holds itself, and so its memory
    torch.cuda.empty_cache()
    free, _ = torch.cuda.mem_get_info()
    return int(free)


SPARE_BYTES = 4 << 30
"""Memory of a GPU that is left to the network and its intermediate results."""

UPLOAD = 4096
"""Images copied to the GPU at once."""


def on_device(pixels: NDArray[np.uint8], device: str, share: float = 1.0) -> NDArray[np.uint8] | torch.Tensor:
    """Copy images to the GPU once, through pinned memory, or leave them where they are: on a CPU, and where they take
    more than this share of the GPU's free memory or do not leave SPARE_BYTES of it.
    """
    if device == "cpu" or pixels.nbytes > min(share * (free := free_bytes()), free - SPARE_BYTES):
        return pixels
    resident = torch.empty(pixels.shape, dtype=torch.uint8, device=device)
    for start in range(0, len(pixels), UPLOAD):
        part = torch.from_numpy(np.array(pixels[start : start + UPLOAD])).pin_memory()
        resident[start : start + UPLOAD].copy_(part, non_blocking=True)
    return resident


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
