"""Decode an untrusted image in a child process that can do no harm: used by the rest of the site.

Each file gets its own fresh interpreter with an empty environment, bounded memory, computing time and clock
time, no right to write files and none to open further ones. The reply is checked like any other untrusted
input.
"""

import json
import math
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np

from analysis.picture import Percentiles
from analysis.picture.refusals import MAX_PIXELS, ImageRefusedError, Reason
from readerstudy.cases.decoder import DecodedImage, image_format
from readerstudy.cases.window import WIDEST, WindowRule

_PROJECT = Path(__file__).resolve().parents[2]
_START = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); "
    "from readerstudy.cases.child import main; sys.exit(main(sys.argv[1:]))"
)
_ENVIRONMENT = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_HEADER_BYTES = 2_000
_CHUNK = 2**20
_KEYS = {"rows", "columns", "bits", "window", "spacing", "apart"}


@dataclass(frozen=True)
class Limits:
    """What a child may use: memory in bytes of address space, seconds of computing, seconds on the clock."""

    memory: int = 3 * 2**29
    computing: int = 20
    clock: float = 30.0


DEFAULT_LIMITS = Limits()


def decode_confined(
    file: BinaryIO,
    *,
    window_rule: WindowRule,
    networks: Percentiles | None = None,
    colour: bool = False,
    limits: Limits = DEFAULT_LIMITS,
) -> DecodedImage:
    """Decode one image file in a child process of its own.

    Parameters
    ----------
    file: a plain file opened for reading in binary; the child gets its descriptor, never its name.
    window_rule: the study's rule for the default window.
    networks, colour: see `decoder.decode_image`.
    limits: what the child may use.

    Raises
    ------
    ImageRefusedError: by the decoder, or because the child ran out of memory or time, or crashed.
    """
    image_format(file)  # what needs no decoder is refused without a child
    command = [sys.executable, "-I", "-B", "-c", _START, str(_PROJECT)]
    command += [str(limits.memory), str(limits.computing), window_rule.value, "rgb" if colour else "grey"]
    command += [] if networks is None else [repr(networks.low), repr(networks.high)]
    deadline = time.monotonic() + limits.clock
    # start_new_session: a kill reaches whatever the child may have started.
    child = subprocess.Popen(
        command,
        stdin=file,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=_ENVIRONMENT,
        cwd="/",
        start_new_session=True,
    )
    try:
        return _received(child, deadline, 3 if colour else 1)
    finally:
        _end(child)


def _received(child: "subprocess.Popen[bytes]", deadline: float, channels: int) -> DecodedImage:
    pipe = child.stdout
    if pipe is None:
        raise ImageRefusedError(Reason.CRASHED)
    received = bytearray()
    while b"\n" not in received:
        if len(received) > _HEADER_BYTES:
            raise ImageRefusedError(Reason.BAD_REPLY)
        if not _more(pipe, received, deadline, _HEADER_BYTES):
            raise _ended(child)
    line, _, body = bytes(received).partition(b"\n")
    header = _header(line)
    if channels > 1 and header["bits"] != 8:
        raise ImageRefusedError(Reason.BAD_REPLY)
    samples = header["rows"] * header["columns"] * channels
    wanted = 2 ** header["bits"] + samples * (1 if header["bits"] == 8 else 2)
    pixels = bytearray(body)
    while len(pixels) < wanted:
        if not _more(pipe, pixels, deadline, wanted - len(pixels)):
            raise _ended(child)
    if len(pixels) > wanted or _more(pipe, pixels, deadline, 1):
        raise ImageRefusedError(Reason.BAD_REPLY)
    return _image(header, pixels, channels)


def _more(pipe: IO[bytes], received: bytearray, deadline: float, most: int) -> bool:
    """Append what has come, waiting until the deadline; return False at the end of the pipe."""
    poll = select.poll()  # select() would fail on the high descriptors of a busy server
    poll.register(pipe, select.POLLIN)
    if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
        raise ImageRefusedError(Reason.WALL_CLOCK)
    chunk = os.read(pipe.fileno(), min(_CHUNK, most))
    received += chunk
    return bool(chunk)


def _ended(child: "subprocess.Popen[bytes]") -> ImageRefusedError:
    """Say why a child went without a whole reply. A library that finds no memory may also abort."""
    try:
        code = child.wait(timeout=1)
    except subprocess.TimeoutExpired:
        return ImageRefusedError(Reason.BAD_REPLY)
    return ImageRefusedError(Reason.CPU_TIME if code == -signal.SIGXCPU else Reason.CRASHED)


def _end(child: "subprocess.Popen[bytes]") -> None:
    """Kill what is left of the child and collect it."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    if child.stdout is not None:
        child.stdout.close()


def _header(line: bytes) -> dict[str, Any]:
    """Check the first line of a reply; raise the refusal that it holds."""
    try:
        header = json.loads(line)
        if "refused" in header:
            refusal = ImageRefusedError(Reason[header["refused"]], str(header["tag"]))
        elif set(header) == _KEYS and _sound(header):
            return dict(header)
        else:
            refusal = ImageRefusedError(Reason.BAD_REPLY)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ImageRefusedError(Reason.BAD_REPLY) from error
    raise refusal


def _sound(header: dict[str, Any]) -> bool:
    rows, columns, bits, window, spacing = (
        header[key] for key in ("rows", "columns", "bits", "window", "spacing")
    )
    if not all(type(value) is int for value in (rows, columns, bits)):
        return False
    if header["apart"] not in (True, False, None):
        return False
    if len(window) != 2 or not all(type(limit) is float for limit in window):
        return False
    if rows < 1 or columns < 1 or rows * columns > MAX_PIXELS or not 8 <= bits <= 16:
        return False
    if not -WIDEST <= window[0] < window[1] <= WIDEST:
        return False
    return spacing is None or [type(s) is float and 0 < s < math.inf for s in spacing] == [True, True]


def _image(header: dict[str, Any], body: bytearray, channels: int) -> DecodedImage:
    kind = np.uint8 if header["bits"] == 8 else np.dtype("<u2")
    curve = np.frombuffer(body, np.uint8, 2 ** header["bits"])
    shape = (header["rows"], header["columns"]) + ((channels,) if channels > 1 else ())
    pixels = np.frombuffer(body, kind, offset=len(curve)).reshape(shape)
    pixels = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    if int(pixels.max()) >> header["bits"]:
        raise ImageRefusedError(Reason.BAD_REPLY)
    low, high = header["window"]
    spacing = None if header["spacing"] is None else (header["spacing"][0], header["spacing"][1])
    return DecodedImage(pixels, header["bits"], (low, high), curve, spacing, header["apart"])
