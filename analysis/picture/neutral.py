"""The neutral file: one grey picture as a PNG of its stored values, with what displaying needs in one chunk.

The handover rewrites every image like this. Values are decoded and re-encoded, and the chunk holds numbers and words of
fixed lists, so that no byte of the source file is copied: no text, no tag, nothing behind a scan or a run length. A
PNG, because each part of the program and every viewer has a decoder for it, for any depth and without loss.

What draws nothing is dropped: the transfer syntax, views that are not in use, entries of a table that no value of this
depth reaches.
"""

import io
import json
import math
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from analysis.picture.presentation import WIDEST_SPACING, Linear, Presentation, view_in_use
from analysis.picture.refusals import ImageRefusedError, Reason
from analysis.picture.tone import Table, Voi, Window

CHUNK = b"stOR"
"""Name of the chunk: ancillary, private, not to be copied by a program that changes pixels (PNG, 5.4)."""
FORMAT = 1
LARGEST_CHUNK = 24 * 2**20
"""Bytes; the padding of 100 megapixels that does not compress takes 17 MB."""
LONGEST_TABLE = 2**16
FURTHEST = 2**17
"""The first input of a table lies within this of 0."""
FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")


def neutral(presentation: Presentation) -> Presentation:
    """Return what of a grey picture goes over: any rule renders both alike, in pixels, curve and window."""
    view, (lowest, highest) = view_in_use(presentation)
    modality = presentation.modality
    if isinstance(modality, Table):
        first = presentation.lowest
        modality = _within(modality, first, first + 2**presentation.bits - 1)
    if isinstance(view, Table):
        # A slope near the end of a float's range gives infinities.
        view = _within(view, round(max(lowest, -FURTHEST)), round(min(highest, FURTHEST)))
    return Presentation(
        presentation.stored, presentation.bits, presentation.source, modality,
        () if view is None else (view,), presentation.inverted, presentation.used, presentation.spacing,
        presentation.ready,
    )  # fmt: skip


def write_neutral(presentation: Presentation) -> bytes:
    """Write a picture as a neutral file; the same picture gives the same bytes.

    Raises
    ------
    ImageRefusedError: the picture has colour, which no part of the program shows.
    """
    if presentation.coloured:
        raise ImageRefusedError(Reason.COLOUR)
    picture = neutral(presentation)
    info = PngImagePlugin.PngInfo()
    info.add(CHUNK, json.dumps(_said(picture), sort_keys=True, allow_nan=False).encode("ascii"))
    buffer = io.BytesIO()
    # Run lengths over PNG's filters: 0.3 s for 2500 x 2048 of 16 bit, and the file of level 6, which takes 3.4 s.
    Image.fromarray(picture.from_zero).save(buffer, "PNG", pnginfo=info, compress_type=zlib.Z_RLE)
    return buffer.getvalue()


def read_neutral(image: Image.Image, chunk: bytes) -> Presentation:
    """Read a PNG that holds the chunk. Every field is checked, for the file may have been made to do harm.

    Parameters
    ----------
    image: as opened, grey of 8 or 16 bit.
    chunk: the contents of its chunk.

    Raises
    ------
    ImageRefusedError: another kind of PNG, a field that is missing, of another kind or out of range.
    """
    if len(chunk) > LARGEST_CHUNK or not (image.mode == "L" or image.mode.startswith("I")):
        raise ImageRefusedError(Reason.NEUTRAL)
    values = np.asarray(image)
    values = values if image.mode == "L" else values.astype(np.uint16, copy=False)
    try:
        return _believed(json.loads(chunk), values)
    except (ValueError, TypeError, KeyError, RecursionError, zlib.error) as error:
        raise ImageRefusedError(Reason.NEUTRAL) from error


def _within(table: Table, lowest: int, highest: int) -> Table:
    """Cut a table to the entries that whole inputs from lowest to highest reach, at least one."""
    last = len(table.entries) - 1
    start, stop = (min(max(end - table.first, 0), last) for end in (lowest, highest))
    return Table(table.entries[start : stop + 1], table.first + start, table.bits)


def _said(picture: Presentation) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "source": picture.source,
        "bits": picture.bits,
        "signed": picture.lowest < 0,
        "inverted": picture.inverted,
        "ready": picture.ready,
        "modality": _mapping(picture.modality),
        "voi": _mapping(picture.voi[0]) if picture.voi else None,
        "padding": None if picture.used is None else _packed(np.packbits(~picture.used).tobytes()),
        "spacing": None if picture.spacing is None else [float(each) for each in picture.spacing],
    }


def _mapping(step: Linear | Voi) -> dict[str, Any]:
    if isinstance(step, Linear):
        return {"slope": float(step.slope), "intercept": float(step.intercept)}
    if isinstance(step, Window):
        return {"centre": float(step.centre), "width": float(step.width), "function": step.function}
    return {"first": step.first, "bits": step.bits, "entries": _packed(step.entries.astype("<u2").tobytes())}


def _packed(data: bytes) -> str:
    return b64encode(zlib.compress(data, 6)).decode("ascii")


def _believed(said: Any, values: NDArray[np.unsignedinteger]) -> Presentation:
    """Build the picture of checked fields; a ValueError, TypeError, KeyError or zlib.error says that one is wrong."""
    found = _fields(
        said, format=_whole(FORMAT, FORMAT), source=_word("PNG", "JPEG", "DICOM"),
        bits=_whole(1, 8 * values.dtype.itemsize), signed=_flag, inverted=_flag, ready=_flag,
        modality=lambda step: _linear(step) if "slope" in step else _table(step),
        voi=_optional(lambda view: _window(view) if "centre" in view else _table(view)),
        padding=_optional(lambda text: _used(text, values.shape)), spacing=_optional(_spacing),
    )  # fmt: skip
    bits, ready, view = found["bits"], found["ready"], found["voi"]
    if int(values.max()) >> bits or (ready and bits != 8):
        raise ValueError("expected values within the depth")
    stored: NDArray[np.integer] = values
    if found["signed"]:
        stored = (values - values.dtype.type(2 ** (bits - 1))).view(f"i{values.dtype.itemsize}")
    return Presentation(
        stored, bits, found["source"], found["modality"], () if view is None else (view,), found["inverted"],
        found["padding"], found["spacing"], ready,
    )  # fmt: skip


def _fields(said: Any, **checks: Callable[[Any], Any]) -> dict[str, Any]:
    """Take the fields of a JSON object: these and no others, each as its check returns it."""
    if set(said) != set(checks):
        raise ValueError("expected the fields of this format")
    return {name: check(said[name]) for name, check in checks.items()}


def _optional(check: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else check(value)


def _whole(low: int, high: int) -> Callable[[Any], int]:
    return lambda value: _sound(value, type(value) is int and low <= value <= high)


def _word(*words: str) -> Callable[[Any], str]:
    return lambda value: _sound(value, value in words)


def _flag(value: Any) -> bool:
    return bool(_sound(value, type(value) is bool))


def _number(value: Any) -> float:
    return float(_sound(value, type(value) is float and math.isfinite(value)))


def _sound(value: Any, fits: bool) -> Any:
    if not fits:
        raise ValueError("expected a value of its kind, within its range")
    return value


def _linear(said: Any) -> Linear:
    found = Linear(**_fields(said, slope=_number, intercept=_number))
    return cast(Linear, _sound(found, found.slope != 0))


def _window(said: Any) -> Window:
    found = Window(**_fields(said, centre=_number, width=_number, function=_word(*FUNCTIONS)))
    return cast(Window, _sound(found, found.width > 0))


def _table(said: Any) -> Table:
    found = _fields(
        said, first=_whole(-FURTHEST, FURTHEST), bits=_whole(1, 16),
        entries=lambda text: np.frombuffer(_unpacked(text, 2 * LONGEST_TABLE), "<u2").astype(np.uint16),
    )  # fmt: skip
    entries = found["entries"]
    _sound(entries, len(entries) > 0 and int(entries.max()) >> found["bits"] == 0)
    return Table(entries, found["first"], found["bits"])


def _used(text: Any, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    count = math.prod(shape)
    data = _unpacked(text, -(-count // 8))
    _sound(data, len(data) == -(-count // 8))
    return np.asarray(np.unpackbits(np.frombuffer(data, np.uint8), count=count).reshape(shape) == 0)


def _spacing(said: Any) -> tuple[float, float]:
    row, column = (_number(each) for each in said)
    _sound(said, 0 < min(row, column) <= max(row, column) <= WIDEST_SPACING)
    return row, column


def _unpacked(text: Any, most: int) -> bytes:
    """Unpack at most `most` bytes."""
    unpacker = zlib.decompressobj()
    data = unpacker.decompress(b64decode(text, validate=True), most + 1)
    return bytes(_sound(data, len(data) <= most and unpacker.eof and not unpacker.unused_data))
