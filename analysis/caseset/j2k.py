"""JPEG 2000 code streams without comments (ITU-T T.800 annex A)."""

import struct

from analysis.caseset.errors import CaseSetError

START = b"\xff\x4f"
_TILE, _DATA, _END = 0xFF90, 0xFF93, 0xFFD9
# COM; TLM repeats the lengths of tile parts, which change, and is optional.
_DROPPED = frozenset({0xFF64, 0xFF55})


def clean_j2k(data: bytes, where: str) -> bytes:
    """Drop the comments of the main header and of each tile part, and whatever follows the end.

    Raises
    ------
    CaseSetError: a stream that does not start as JPEG 2000 or is cut off.
    """
    if not data.startswith(START):
        raise CaseSetError(f"{where}: expected a JPEG 2000 code stream, {data[:2].hex()} came")
    header, position = _header(data, 2, _TILE, where)
    parts = [START, header]
    while True:
        (marker,) = _unpack(">H", data, position, where)
        if marker == _END:
            return b"".join((*parts, b"\xff\xd9"))
        if marker != _TILE:
            raise CaseSetError(
                f"{where}: expected a JPEG 2000 tile part at byte {position}, 0x{marker:04X} came"
            )
        part, position = _tile_part(data, position, where)
        parts.append(part)


def _tile_part(data: bytes, position: int, where: str) -> tuple[bytes, int]:
    _, length, index, stated, part, parts = _unpack(">HHHIBB", data, position, where)
    end = position + stated if stated else len(data) - (2 if data.endswith(b"\xff\xd9") else 0)
    header, body = _header(data, position + 12, _DATA, where)
    if length != 10 or not body + 2 <= end <= len(data):
        raise CaseSetError(f"{where}: the JPEG 2000 tile part at byte {position} is cut off")
    rest = header + data[body:end]
    return struct.pack(">HHHIBB", _TILE, 10, index, 12 + len(rest), part, parts) + rest, end


def _header(data: bytes, position: int, until: int, where: str) -> tuple[bytes, int]:
    """Copy marker segments up to a marker, which is not read; return them and its position."""
    kept: list[bytes] = []
    while True:
        (marker,) = _unpack(">H", data, position, where)
        if marker == until:
            return b"".join(kept), position
        (length,) = _unpack(">H", data, position + 2, where)
        if marker < 0xFF00 or length < 2:
            raise CaseSetError(
                f"{where}: expected a JPEG 2000 marker at byte {position}, 0x{marker:04X} came"
            )
        if marker not in _DROPPED:
            kept.append(data[position : position + 2 + length])
        position += 2 + length


def _unpack(layout: str, data: bytes, position: int, where: str) -> tuple[int, ...]:
    if position + struct.calcsize(layout) > len(data):
        raise CaseSetError(f"{where}: the JPEG 2000 code stream is cut off at byte {position}")
    return struct.unpack_from(layout, data, position)
