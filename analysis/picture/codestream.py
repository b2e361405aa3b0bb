"""The size that a compressed image states for itself, read before any decoder sees it.

A DICOM header can lie about the image inside. A decoder believes the image and would set aside memory for it,
and a size that differs with the same number of pixels would come out as a scrambled picture.
"""

from typing import NamedTuple

from analysis.picture.refusals import ImageRefusedError, Reason, check_size

_END = b"\xff\xd9"
_END_WITHIN = 16
"""The end marker lies this near to the last byte: padding may follow it."""

_J2K_START = b"\xff\x4f\xff\x51"
_J2K_TILE = b"\xff\x90"
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
    segment = data[start + 4 : start + 42]
    if start < 0 or len(segment) < 38 or len(data) <= start + 42:
        raise ImageRefusedError(Reason.TRUNCATED)
    width, height, left, top = (int.from_bytes(segment[at : at + 4]) for at in (4, 8, 12, 16))
    tile_width, tile_height, tile_left, tile_top = (
        int.from_bytes(segment[at : at + 4]) for at in (20, 24, 28, 32)
    )
    if not (tile_width and tile_height and left < width and top < height):
        raise ImageRefusedError(Reason.CORRUPT)
    tiles = -(-(width - tile_left) // tile_width) * -(-(height - tile_top) // tile_height)
    check_size(height - top, width - left)
    if _tiles_present(data, start + 2) != tiles:
        raise ImageRefusedError(Reason.TRUNCATED)
    return Stated(height - top, width - left, int.from_bytes(segment[36:38]), (data[start + 42] & 0x7F) + 1)


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
            rows, columns = (int.from_bytes(data[at + place : at + place + 2]) for place in (5, 7))
            return Stated(rows, columns, data[at + 9], data[at + 4])
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
    raise ImageRefusedError(Reason.TRUNCATED)
