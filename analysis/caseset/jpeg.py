"""JPEG and JPEG-LS streams without comments or application data (ITU-T T.81 annex B, T.87 annex C)."""

import struct

from analysis.caseset.errors import CaseSetError
from analysis.caseset.files import sha256_bytes
from analysis.caseset.pixels import Cleaned, check_size

START = b"\xff\xd8"
_END, _SCAN, _TABLES = 0xD9, 0xDA, 0xDB
_FRAMES = frozenset({*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC})
_KEPT = _FRAMES | {0xC4, 0xCC, 0xDA, 0xDB, 0xDC, 0xDD, 0xF8}
_DROPPED = frozenset({*range(0xE0, 0xF0), 0xFE})
_RESTARTS = range(0xD0, 0xD8)
# Version 1.01, no density, no thumbnail: says that three components are YCbCr.
_JFIF = b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"


def clean_jpeg(data: bytes, where: str) -> Cleaned:
    """Keep the tables, frames and scans of a JPEG; drop APPn, COM and whatever follows the end.

    Colour images keep the one fact that decoding needs from APP0 (JFIF) or APP14 (Adobe), written anew in a
    constant form. An EXIF orientation is dropped: pixels stay as stored.

    Raises
    ------
    CaseSetError: a stream that is cut off, holds an unknown marker, or has no frame.
    """
    body: list[bytes] = []
    tables: list[bytes] = []
    frame, colour, position = b"", b"", len(START)
    while True:
        marker, segment, position = _segment(data, position, where)
        if marker == _END:
            break
        if marker in _DROPPED:
            colour = colour or _colour(marker, segment)
            continue
        if marker in _FRAMES:
            frame = segment
        if marker == _TABLES:
            tables.append(segment)
        body.append(bytes((0xFF, marker)) + struct.pack(">H", len(segment) + 2) + segment)
        if marker == _SCAN:
            end = _scan_end(data, position, where)
            body.append(data[position:end])
            position = end
    if len(frame) < 6:
        raise CaseSetError(f"{where}: expected a JPEG with a frame header, none came")
    bits, rows, columns, components = struct.unpack_from(">BHHB", frame)
    check_size(rows, columns, where)
    prefix = colour if components >= 3 else b""
    return Cleaned(
        data=START + prefix + b"".join(body) + b"\xff\xd9",
        format="JPEG", rows=rows, columns=columns, bits=bits,
        encoding=f"JPEG {components} component(s), tables {sha256_bytes(b''.join(tables))[:8]}",
    )  # fmt: skip


def _segment(data: bytes, position: int, where: str) -> tuple[int, bytes, int]:
    """Read one marker; return it, its segment without length, and the next position."""
    start = position
    while data[position : position + 2] == b"\xff\xff":
        position += 1
    if position + 2 > len(data) or data[position] != 0xFF:
        raise CaseSetError(
            f"{where}: expected a JPEG marker at byte {start}, the stream is damaged or cut off"
        )
    marker = data[position + 1]
    position += 2
    if marker == _END:
        return marker, b"", position
    if marker not in _KEPT | _DROPPED:
        raise CaseSetError(
            f"{where}: expected a JPEG marker of the standard, 0x{marker:02X} came at byte {start}"
        )
    (length,) = struct.unpack(">H", data[position : position + 2].rjust(2, b"\0"))
    segment = data[position + 2 : position + length]
    if length < 2 or len(segment) != length - 2:
        raise CaseSetError(f"{where}: the JPEG segment at byte {start} is cut off")
    return marker, segment, position + length


def _scan_end(data: bytes, position: int, where: str) -> int:
    """Find the marker that ends a scan.

    Stuffed bytes (0 in JPEG, below 0x80 in JPEG-LS), restarts and fill bytes belong to the scan.
    """
    while (position := data.find(b"\xff", position)) >= 0 and position + 1 < len(data):
        following = data[position + 1]
        if following >= 0x80 and following not in _RESTARTS and following != 0xFF:
            return position
        position += 1 if following == 0xFF else 2
    raise CaseSetError(f"{where}: expected a JPEG that ends with its end marker, it is cut off")


def _colour(marker: int, segment: bytes) -> bytes:
    if marker == 0xEE and segment.startswith(b"Adobe") and len(segment) >= 12:
        return b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00" + segment[11:12]
    if marker == 0xE0 and segment.startswith(b"JFIF\0"):
        return _JFIF
    return b""
