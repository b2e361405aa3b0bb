"""Every transfer syntax that is read, and by which library: one for all that is compressed.

imagecodecs (BSD-3) decodes JPEG in all depths, JPEG-LS, JPEG 2000 and RLE. Of the available wheels it alone reads JPEG
Lossless and 12-bit JPEG without the GPL; and one library in place of four is one to keep up to date. The bytes of
uncompressed pixels need none.

The size that a compressed image states for itself is read before any decoder sees it: a DICOM header can lie about
the image inside. A decoder believes the image and would set aside memory for it, and a size that differs with the
same number of pixels would come out as a scrambled picture.
"""

import csv
import struct
from pathlib import Path
from typing import Any, NamedTuple

import imagecodecs
import numpy as np

from analysis.picture.refusals import ImageRefusedError, Reason, check_size, refused_as


class Syntax(NamedTuple):
    """A transfer syntax: its name, the depths in bits that are read, and the function of imagecodecs ("": none)."""

    name: str
    depths: str
    codec: str = ""


DEFLATED = "1.2.840.10008.1.2.1.99"
RLE = "1.2.840.10008.1.2.5"
BIG_ENDIAN = "1.2.840.10008.1.2.2"

with Path(__file__).with_suffix(".csv").open(encoding="utf-8", newline="") as _file:
    SYNTAXES = {row.pop("uid"): Syntax(**row) for row in csv.DictReader(_file)}
"""Any other transfer syntax is refused: video, JPIP, spectral selection and progression of JPEG, JPEG XL."""

for _syntax in SYNTAXES.values():  # now: a confined child can load nothing more when the first frame comes
    if _syntax.codec:
        getattr(imagecodecs, _syntax.codec)

Shape = tuple[int, ...]


def decode_frame(
    frame: bytes, syntax: str, shape: Shape, allocated: int, *, raw_colours: bool = False
) -> tuple[np.ndarray, int]:
    """Decode one compressed frame.

    Parameters
    ----------
    frame: the joined fragments.
    syntax: a compressed one of `SYNTAXES`.
    shape: (rows, columns) or (rows, columns, 3), as the header says.
    allocated: bits allocated, 8 or 16.
    raw_colours: the components of a JPEG are red, green and blue as they are.

    Returns
    -------
    Words of that shape, and how many low bits of each hold the value.

    Raises
    ------
    ImageRefusedError: truncated, corrupt, or of another size than the header says.
    """
    if syntax == RLE:
        return _run_lengths(frame, shape, allocated), allocated
    facts = codestream_facts(frame)
    check_size(facts.rows, facts.columns)
    if (facts.rows, facts.columns) != shape[:2] or not 1 <= facts.bits <= 16:
        raise ImageRefusedError(Reason.LYING_HEADER)
    if facts.samples != (shape[2] if len(shape) == 3 else 1):
        raise ImageRefusedError(Reason.COLOUR)
    options: dict[str, Any] = {"colorspace": "RGB", "outcolorspace": "RGB"} if raw_colours else {}
    with refused_as(Reason.CORRUPT):
        words = getattr(imagecodecs, SYNTAXES[syntax].codec)(frame, **options)
    if words.shape != shape or words.dtype.itemsize > 2:
        raise ImageRefusedError(Reason.CORRUPT)
    return words, facts.bits


def _run_lengths(frame: bytes, shape: Shape, allocated: int) -> np.ndarray:
    kind = np.dtype(f"<u{allocated // 8}")
    wanted = int(np.prod(shape)) * kind.itemsize
    with refused_as(Reason.CORRUPT):
        data = imagecodecs.dicomrle_decode(frame, kind, out=wanted)
    if len(data) != wanted:
        raise ImageRefusedError(Reason.TRUNCATED)
    words = np.frombuffer(data, kind)
    # Colours lie one after the other.
    return words.reshape(shape) if len(shape) == 2 else np.moveaxis(words.reshape(3, *shape[:2]), 0, 2)


_END = b"\xff\xd9"


_END_WITHIN = 16
"""The end marker lies this near to the last byte: padding may follow it."""


_J2K_START = b"\xff\x4f\xff\x51"


_J2K_TILE = b"\xff\x90"


_SIZ = struct.Struct(">8I HB")
"""Extents, offsets, tiles, number of components, depth of the first: behind marker, length and capabilities."""


_JP2_BOX = b"\x00\x00\x00\x0cjP  "


_NOT_FRAME_HEADERS = (0xC4, 0xC8, 0xCC)
"""Markers between SOF0 and SOF15 that are none: Huffman tables, an extension, arithmetic conditioning."""


class Stated(NamedTuple):
    """What a compressed image states: its size in pixels, its components, and bits per component."""

    rows: int
    columns: int
    samples: int
    bits: int


def codestream_facts(data: bytes) -> Stated:
    """Read what one JPEG, JPEG-LS or JPEG 2000 image states.

    Raises
    ------
    ImageRefusedError: truncated (no end marker, a tile is missing, or it ends within its header), more than
        100 megapixels, or none of these formats.
    """
    if _END not in data[-_END_WITHIN:]:
        raise ImageRefusedError(Reason.TRUNCATED)
    if data.startswith((_J2K_START, _JP2_BOX)):
        return _jpeg2000_facts(data)
    if data.startswith(b"\xff\xd8"):
        return _jpeg_facts(data)
    raise ImageRefusedError(Reason.CORRUPT)


def _jpeg2000_facts(data: bytes) -> Stated:
    """Read the SIZ segment (ISO/IEC 15444-1, A.5.1): extent less offset, number and depth of components."""
    start = data.find(_J2K_START)
    if start < 0 or len(data) < start + 8 + _SIZ.size:
        raise ImageRefusedError(Reason.TRUNCATED)
    width, height, left, top, tile_width, tile_height, tile_left, tile_top, samples, depth = _SIZ.unpack_from(
        data, start + 8
    )
    if not (tile_width and tile_height and left < width and top < height):
        raise ImageRefusedError(Reason.CORRUPT)
    tiles = -(-(width - tile_left) // tile_width) * -(-(height - tile_top) // tile_height)
    check_size(height - top, width - left)
    if _tiles_present(data, start + 2) != tiles:
        raise ImageRefusedError(Reason.TRUNCATED)
    return Stated(height - top, width - left, samples, (depth & 0x7F) + 1)


def _tiles_present(data: bytes, at: int) -> int:
    """Count the tiles that have a tile-part (A.4.2): the decoder would fill a missing one with black."""
    found: set[bytes] = set()
    while at + 4 <= len(data):
        marker = data[at : at + 2]
        if marker == _J2K_TILE:
            found.add(data[at + 4 : at + 6])
            length = int.from_bytes(data[at + 6 : at + 10])
            if length == 0:  # the last tile-part, up to the end marker
                break
            at += max(length, 12)
        else:
            if marker[0] != 0xFF:
                break
            at += 2 + int.from_bytes(data[at + 2 : at + 4])
    return len(found)


def _jpeg_facts(data: bytes) -> Stated:
    """Walk the segments to the frame header (ISO/IEC 10918-1, B.2.2; the same in JPEG-LS, marker F7)."""
    at = 2
    while at + 10 <= len(data):
        if data[at] != 0xFF:
            raise ImageRefusedError(Reason.CORRUPT)
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in _NOT_FRAME_HEADERS):
            bits, rows, columns, samples = struct.unpack_from(">BHHB", data, at + 4)
            return Stated(rows, columns, samples, bits)
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
    raise ImageRefusedError(Reason.TRUNCATED)
