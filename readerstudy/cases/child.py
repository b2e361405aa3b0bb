"""What runs inside the confined child: take limits, decode the file on standard input, send pixels back.

Started by `confined` as a fresh interpreter. The reply on standard output is one line of JSON, then the
curve (a byte for each value) and the pixels in row-major order, little-endian. A refusal is a code, never a text.
"""

import json
import os
import resource
import sys
from importlib import import_module
from typing import Any

_MODULES = {"DICOM": "analysis.picture.dicom"}
"""What a format needs beside the module of pictures itself; it loads its codecs with it."""


def main(arguments: list[str]) -> int:
    """Decode under limits: bytes of memory, seconds of computing, window rule, rgb or grey; return the exit status.

    Two further arguments are the percentiles of the networks' pictures, where they are known.
    """
    memory, seconds, rule = int(arguments[0]), int(arguments[1]), arguments[2]
    colour, networks = arguments[3] == "rgb", [float(each) for each in arguments[4:]]
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not end up in the reply
    take_limits(memory, seconds)
    try:
        header, body = _decoded(rule, colour, networks)
    except MemoryError:
        header, body = {"refused": "OUT_OF_MEMORY", "tag": ""}, b""
    out.write(json.dumps(header).encode() + b"\n")
    out.write(body)
    out.flush()
    return 0


def take_limits(memory: int, seconds: int) -> None:
    """Give up memory beyond `memory` bytes, computing beyond `seconds`, writing to files, and core dumps."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    # At the soft limit comes SIGXCPU, which names the cause; at the hard one SIGKILL.
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def forbid_opening() -> None:
    """Give up opening anything more: no file, no socket, no pipe. All modules must be loaded by now."""
    highest = max(int(name) for name in os.listdir("/proc/self/fd"))
    for descriptor in range(highest + 1):
        if not _is_open(descriptor):
            os.dup2(0, descriptor)  # fill gaps: the limit forbids numbers from its value on, not below it
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, highest + 1))


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def _decoded(rule: str, colour: bool, networks: list[float]) -> tuple[dict[str, Any], Any]:
    from analysis.picture import ImageRefusedError, Percentiles
    from readerstudy.cases.decoder import decode_image, image_format
    from readerstudy.cases.window import WindowRule

    file = os.fdopen(0, "rb", closefd=False)
    try:
        kind = image_format(file)
        if kind in _MODULES:
            import_module(_MODULES[kind])
        forbid_opening()
        percentiles = Percentiles(*networks) if networks else None
        image = decode_image(file, WindowRule(rule), percentiles, colour)
    except ImageRefusedError as error:
        return {"refused": error.refusal.reason.name, "tag": error.refusal.tag}, b""
    rows, columns = image.pixels.shape[:2]
    header = {
        "rows": rows, "columns": columns, "bits": image.bits, "window": image.window,
        "spacing": image.spacing, "apart": image.apart,
    }  # fmt: skip
    pixels = image.pixels.astype(image.pixels.dtype.newbyteorder("<"), copy=False)
    return header, image.curve.tobytes() + pixels.tobytes()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
