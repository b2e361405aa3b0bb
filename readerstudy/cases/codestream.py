"""The size that a compressed image states for itself, read before any decoder sees it.

A DICOM header can lie about the image inside. A decoder believes the image and would set aside memory for it,
and a size that differs with the same number of pixels would come out as a scrambled picture.
"""

from readerstudy.cases.refusals import ImageRefusedError, Reason

_END = b"\xff\xd9"
_END_WITHIN = 16
"""The end marker lies this near to the last byte: padding may follow it."""

_J2K_START = b"\xff\x4f\xff\x51"
_JP2_BOX = b"\x00\x00\x00\x0cjP  "
_NOT_FRAME_HEADERS = (0xC4, 0xC8, 0xCC)
"""Markers between SOF0 and SOF15 that are none: Huffman tables, an extension, arithmetic conditioning."""


def codestream_size(data: bytes) -> tuple[int, int]:
    """Return (rows, columns) of one JPEG, JPEG-LS or JPEG 2000 image.

    Raises
    ------
    ImageRefusedError: truncated (no end marker, or it ends within its header), several components, or none of
    these.
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
    return height - top, width - left


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
