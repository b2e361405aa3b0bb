"""The size that a compressed image states for itself, read before any decoder sees it.

A DICOM header can lie about the image inside. A decoder believes the image and would set aside memory for it,
and a size that differs with the same number of pixels would come out as a scrambled picture.
"""

from readerstudy.cases.greys import check_size
from readerstudy.cases.refusals import ImageRefusedError, Reason

_END = b"\xff\xd9"
_END_WITHIN = 16
"""The end marker lies this near to the last byte: padding may follow it."""

_J2K_START = b"\xff\x4f\xff\x51"
_J2K_TILE = b"\xff\x90"
_JP2_BOX = b"\x00\x00\x00\x0cjP  "
_NOT_FRAME_HEADERS = (0xC4, 0xC8, 0xCC)
"""Markers between SOF0 and SOF15 that are none: Huffman tables, an extension, arithmetic conditioning."""


def codestream_size(data: bytes) -> tuple[int, int]:
    """Return (rows, columns) of one JPEG, JPEG-LS or JPEG 2000 image.

    Raises
    ------
    ImageRefusedError: truncated (no end marker, a tile is missing, or it ends within its header), several
        components, more than 100 megapixels, or none of these formats.
    """
    if _END not in data[-_END_WITHIN:]:
        raise ImageRefusedError(Reason.TRUNCATED)
    if data.startswith((_J2K_START, _JP2_BOX)):
        return _jpeg2000_size(data)
    if data.startswith(b"\xff\xd8"):
        return _jpeg_size(data)
    raise ImageRefusedError(Reason.CORRUPT)


def _jpeg2000_size(data: bytes) -> tuple[int, int]:
    """Read the SIZ segment (ISO/IEC 15444-1, A.5.1): extent less offset, and the number of components."""
    start = data.find(_J2K_START)
    segment = data[start + 4 : start + 42]
    if start < 0 or len(segment) < 38:
        raise ImageRefusedError(Reason.TRUNCATED)
    width, height, left, top = (int.from_bytes(segment[at : at + 4]) for at in (4, 8, 12, 16))
    if int.from_bytes(segment[36:38]) != 1:
        raise ImageRefusedError(Reason.COLOUR)
    tile_width, tile_height, tile_left, tile_top = (
        int.from_bytes(segment[at : at + 4]) for at in (20, 24, 28, 32)
    )
    if not (tile_width and tile_height and left < width and top < height):
        raise ImageRefusedError(Reason.CORRUPT)
    tiles = -(-(width - tile_left) // tile_width) * -(-(height - tile_top) // tile_height)
    check_size(height - top, width - left)
    if _tiles_present(data, start + 2) != tiles:
        raise ImageRefusedError(Reason.TRUNCATED)
    return height - top, width - left


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


def _jpeg_size(data: bytes) -> tuple[int, int]:
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
            if data[at + 9] != 1:
                raise ImageRefusedError(Reason.COLOUR)
            return int.from_bytes(data[at + 5 : at + 7]), int.from_bytes(data[at + 7 : at + 9])
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
    raise ImageRefusedError(Reason.TRUNCATED)
