"""The neutral file: one grey picture as a PNG of its stored values, and in one chunk of it what displaying needs.

The handover writes every image again like this. Values are decoded and encoded again, and the chunk holds numbers and
words of fixed lists, so that no byte of the source file goes over: no text, no tag, nothing behind a scan or a run
length. A PNG, because each part of the program and every viewer has a decoder for it, for any depth and without loss.

What draws nothing stays behind: the transfer syntax, explanations of windows and tables, views that are not in use,
entries of a table that no value of this depth reaches.
"""

import io
import json
import math
import zlib
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Any

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
FIELDS = {"format", "source", "bits", "signed", "inverted", "ready", "modality", "voi", "padding", "spacing"}


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
    elif view is not None:
        view = Window(view.centre, view.width, view.function)
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
    Image.fromarray(_unsigned(picture)).save(buffer, "PNG", pnginfo=info, compress_type=zlib.Z_RLE)
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


def _unsigned(picture: Presentation) -> NDArray[np.unsignedinteger]:
    """Begin at 0: unsigned arithmetic wraps round to the right value."""
    values = picture.stored.view(f"u{picture.stored.dtype.itemsize}")
    return values + values.dtype.type(-picture.lowest) if picture.lowest else values


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
    fields = _Fields(said)
    if set(said) != FIELDS or fields.whole("format", FORMAT, FORMAT) != FORMAT:
        raise ValueError("expected the fields of this format")
    bits, ready = fields.whole("bits", 1, 8 * values.dtype.itemsize), fields.flag("ready")
    if int(values.max()) >> bits or (ready and bits != 8):
        raise ValueError("expected values within the depth")
    if fields.flag("signed"):
        half = values.dtype.type(2 ** (bits - 1))
        stored: NDArray[np.integer] = (values - half).view(f"i{values.dtype.itemsize}")
    else:
        stored = values
    modality, view, spacing = said["modality"], said["voi"], said["spacing"]
    if spacing is not None:
        spacing = _spacing(spacing)
    return Presentation(
        stored,
        bits,
        fields.word("source", ("PNG", "JPEG", "DICOM")),  # type: ignore[arg-type]
        _linear(modality) if "slope" in modality else _table(modality),
        () if view is None else (_window(view) if "centre" in view else _table(view),),
        fields.flag("inverted"),
        None if said["padding"] is None else _used(said["padding"], values.shape),
        spacing,
        ready,
    )


@dataclass(frozen=True)
class _Fields:
    """A JSON object whose fields are checked as they are taken."""

    said: Any

    def whole(self, name: str, low: int, high: int) -> int:
        value = self.said[name]
        if type(value) is not int or not low <= value <= high:
            raise ValueError("expected a whole number within its range")
        return value

    def flag(self, name: str) -> bool:
        value = self.said[name]
        if type(value) is not bool:
            raise ValueError("expected true or false")
        return value

    def word(self, name: str, words: tuple[str, ...]) -> str:
        value = self.said[name]
        if value not in words:
            raise ValueError("expected a word of the list")
        return str(value)

    def only(self, *names: str) -> None:
        if set(self.said) != set(names):
            raise ValueError("expected other fields")


def _number(value: Any) -> float:
    if type(value) is not float or not math.isfinite(value):
        raise ValueError("expected a finite number with a point")
    return value


def _linear(said: Any) -> Linear:
    _Fields(said).only("slope", "intercept")
    found = Linear(_number(said["slope"]), _number(said["intercept"]))
    if found.slope == 0:
        raise ValueError("expected a slope other than 0")
    return found


def _window(said: Any) -> Window:
    fields = _Fields(said)
    fields.only("centre", "width", "function")
    found = Window(_number(said["centre"]), _number(said["width"]), fields.word("function", FUNCTIONS))
    if found.width <= 0:
        raise ValueError("expected a width above 0")
    return found


def _table(said: Any) -> Table:
    fields = _Fields(said)
    fields.only("first", "bits", "entries")
    bits = fields.whole("bits", 1, 16)
    data = _unpacked(said["entries"], 2 * LONGEST_TABLE)
    entries = np.frombuffer(data, "<u2").astype(np.uint16)
    if not len(entries) or int(entries.max()) >> bits:
        raise ValueError("expected entries within the depth of the table")
    return Table(entries, fields.whole("first", -FURTHEST, FURTHEST), bits)


def _used(text: Any, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    count = math.prod(shape)
    data = _unpacked(text, -(-count // 8))
    if len(data) != -(-count // 8):
        raise ValueError("expected one bit for each pixel")
    used: NDArray[np.bool_] = np.unpackbits(np.frombuffer(data, np.uint8), count=count).reshape(shape) == 0
    return used


def _spacing(said: Any) -> tuple[float, float]:
    row, column = (_number(each) for each in said)
    if not (0 < row <= WIDEST_SPACING and 0 < column <= WIDEST_SPACING):
        raise ValueError("expected a spacing in mm")
    return row, column


def _unpacked(text: Any, most: int) -> bytes:
    """Unpack at most so many bytes."""
    unpacker = zlib.decompressobj()
    data = unpacker.decompress(b64decode(text, validate=True), most + 1)
    if len(data) > most or not unpacker.eof or unpacker.unused_data:
        raise ValueError("expected a whole packing of bounded size")
    return data
