"""Images of a case set whose fields are made up to do harm; each must be refused."""

import io
import json
import zlib
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

from analysis.picture.neutral import CHUNK
from tests.picture.drawn import chest

FIELDS = ("format", "source", "bits", "signed", "inverted", "ready", "modality", "voi", "padding", "spacing")
"""What a neutral file says of its picture."""


def files() -> Iterator[tuple[str, bytes]]:
    """Yield a name and the bytes of each file."""
    yield from ((f"image of a case set: {name}", made_up(said)) for name, said in BAD.items())


GOOD = {
    "format": 1, "source": "DICOM", "bits": 12, "signed": False, "inverted": False, "ready": False,
    "modality": {"slope": 1.0, "intercept": 0.0}, "voi": None, "padding": None, "spacing": None,
}  # fmt: skip
WINDOW = {"centre": 5.0, "width": 3.0, "function": "LINEAR"}


def made_up(said: Any, values: np.ndarray | None = None, *, mode: str = "") -> bytes:
    """Write a PNG with any chunk."""
    info = PngImagePlugin.PngInfo()
    info.add(CHUNK, said if isinstance(said, bytes) else json.dumps(said).encode())
    image = Image.fromarray(chest() if values is None else values)
    buffer = io.BytesIO()
    (image.convert(mode) if mode else image).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def packed(data: bytes) -> str:
    """Pack bytes as a field of the chunk holds them."""
    return b64encode(zlib.compress(data)).decode()


BAD: dict[str, Any] = {
    "no JSON": b"\xff\xfe{", "a list": [], "a number": 3, "nothing": {}, "deep": b"[" * 100_000,
    "a field more": GOOD | {"name": "x"}, "another format": GOOD | {"format": 2},
    "format true": GOOD | {"format": True},
    "another source": GOOD | {"source": "TIFF"}, "source a list": GOOD | {"source": []},
    "bits 0": GOOD | {"bits": 0}, "bits 17": GOOD | {"bits": 17}, "bits a float": GOOD | {"bits": 12.0},
    "bits below the values": GOOD | {"bits": 11}, "ready at 12 bit": GOOD | {"ready": True},
    "signed a number": GOOD | {"signed": 1}, "inverted a text": GOOD | {"inverted": "no"},
    "slope 0": GOOD | {"modality": {"slope": 0.0, "intercept": 0.0}},
    "slope not a number": GOOD | {"modality": {"slope": float("nan"), "intercept": 0.0}},
    "slope without end": GOOD | {"modality": {"slope": float("inf"), "intercept": 0.0}},
    "slope a text": GOOD | {"modality": {"slope": "1", "intercept": 0.0}},
    "slope of 5,000 digits": json.dumps(GOOD).encode().replace(b'"slope": 1.0', b'"slope": ' + b"9" * 5000),
    "modality null": GOOD | {"modality": None},
    "modality with words": GOOD | {"modality": {"slope": 1.0, "intercept": 0.0, "type": "x"}},
    "window of width 0": GOOD | {"voi": WINDOW | {"width": 0.0}},
    "window of width -1": GOOD | {"voi": WINDOW | {"width": -1.0}},
    "window of another function": GOOD | {"voi": WINDOW | {"function": "CUBIC"}},
    "window with words": GOOD | {"voi": WINDOW | {"explanation": "x"}},
    "two views": GOOD | {"voi": [WINDOW, WINDOW]},
    "table, empty": GOOD | {"voi": {"first": 0, "bits": 8, "entries": packed(b"")}},
    "table, half an entry": GOOD | {"voi": {"first": 0, "bits": 8, "entries": packed(b"\0\0\0")}},
    "table, too deep": GOOD | {"voi": {"first": 0, "bits": 8, "entries": packed(b"\0\1")}},
    "table, of 17 bit": GOOD | {"voi": {"first": 0, "bits": 17, "entries": packed(b"\0\1")}},
    "table, far off": GOOD | {"voi": {"first": 2**40, "bits": 16, "entries": packed(b"\0\1")}},
    "table, 128 MB": GOOD | {"voi": {"first": 0, "bits": 16, "entries": packed(bytes(2**27))}},
    "table, no base64": GOOD | {"voi": {"first": 0, "bits": 16, "entries": "%%%"}},
    "table, no zlib": GOOD | {"voi": {"first": 0, "bits": 16, "entries": "AAAA"}},
    "table, a tail": GOOD | {"modality": {"first": 0, "bits": 16, "entries": packed(b"\0\1")[:-4]}},
    "padding, short": GOOD | {"padding": packed(bytes(10))},
    "padding, 128 MB": GOOD | {"padding": packed(bytes(2**27))},
    "padding, a number": GOOD | {"padding": 3},
    "spacing 0": GOOD | {"spacing": [0.0, 0.1]}, "spacing of a metre": GOOD | {"spacing": [1000.0, 0.1]},
    "spacing of three": GOOD | {"spacing": [0.1, 0.1, 0.1]}, "spacing true": GOOD | {"spacing": [True, 0.1]},
}  # fmt: skip
