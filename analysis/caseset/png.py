"""PNG files without anything but pixels (W3C Portable Network Graphics, third edition)."""

import struct
import zlib

from analysis.caseset.errors import CaseSetError
from analysis.caseset.pixels import Cleaned, check_size

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_COLOURS = {0: "grey", 2: "RGB", 3: "palette", 4: "grey+alpha", 6: "RGB+alpha"}
_KEPT = (b"PLTE", b"tRNS")
# Start and step of columns and rows in the seven passes of Adam7.
_PASSES = ((0, 8, 0, 8), (4, 8, 0, 8), (0, 4, 4, 8), (2, 4, 0, 4), (0, 2, 2, 4), (1, 2, 0, 2), (0, 1, 1, 2))


def clean_png(data: bytes, where: str) -> Cleaned:
    """Keep header, palette, transparency and pixels of a PNG; drop text, time, EXIF, profiles and tails.

    The pixels stay as compressed, in one IDAT chunk; bytes behind the compressed stream go too.

    Raises
    ------
    CaseSetError: a chunk cut off, a wrong check sum, an unknown critical chunk, pixels that do not unpack.
    """
    kept: dict[bytes, bytes] = {}
    packed: list[bytes] = []
    for kind, body in _chunks(data, where):
        if kind == b"IDAT":
            packed.append(body)
        elif kind in (b"IHDR", *_KEPT):
            kept.setdefault(kind, body)
        elif kind != b"IEND" and not kind[0] & 0x20:
            raise CaseSetError(
                f"{where}: expected a PNG with the critical chunks of the standard, {kind!r} came"
            )
    header = kept.get(b"IHDR", b"")
    if len(header) != 13:
        raise CaseSetError(f"{where}: expected a PNG header of 13 bytes, {len(header)} came")
    columns, rows, bits, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    check_size(rows, columns, where)
    if colour not in _CHANNELS:
        raise CaseSetError(f"{where}: expected a PNG colour type of {sorted(_CHANNELS)}, {colour} came")
    pixels = _stream(b"".join(packed), _length(rows, columns, bits * _CHANNELS[colour], interlaced), where)
    chunks = [
        (b"IHDR", header),
        *((k, kept[k]) for k in _KEPT if k in kept),
        (b"IDAT", pixels),
        (b"IEND", b""),
    ]
    return Cleaned(
        data=SIGNATURE + b"".join(_chunk(kind, body) for kind, body in chunks),
        format="PNG", rows=rows, columns=columns, bits=bits,
        encoding=f"PNG {_COLOURS[colour]} {bits} bit{' interlaced' if interlaced else ''}",
    )  # fmt: skip


def _chunks(data: bytes, where: str) -> list[tuple[bytes, bytes]]:
    chunks, position, kind = [], len(SIGNATURE), b""
    while kind != b"IEND":
        if position + 12 > len(data):
            raise CaseSetError(
                f"{where}: expected a PNG that ends with IEND, it is cut off at byte {position}"
            )
        (length,) = struct.unpack_from(">I", data, position)
        kind, body = data[position + 4 : position + 8], data[position + 8 : position + 8 + length]
        check = data[position + 8 + length : position + 12 + length]
        if len(check) != 4 or struct.unpack(">I", check)[0] != zlib.crc32(kind + body):
            raise CaseSetError(f"{where}: the check sum of PNG chunk {kind!r} at byte {position} is wrong")
        chunks.append((kind, body))
        position += 12 + length
    return chunks


def _length(rows: int, columns: int, depth: int, interlaced: int) -> int:
    """Count the bytes of the unpacked pixels: each row of each pass has one byte for its filter."""
    if not interlaced:
        return rows * (1 + (columns * depth + 7) // 8)
    total = 0
    for left, step_x, top, step_y in _PASSES:
        wide, high = -(-(columns - left) // step_x), -(-(rows - top) // step_y)
        if wide > 0 and high > 0:
            total += high * (1 + (wide * depth + 7) // 8)
    return total


def _stream(packed: bytes, expected: int, where: str) -> bytes:
    unpack = zlib.decompressobj()
    try:
        came = len(unpack.decompress(packed, expected + 1))
    except zlib.error as error:
        raise CaseSetError(f"{where}: the pixels of the PNG do not unpack ({error})") from error
    if came != expected or not unpack.eof:
        raise CaseSetError(f"{where}: expected {expected} bytes of PNG pixels, {came} or more came")
    return packed[: len(packed) - len(unpack.unused_data)]


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
