"""Hostile PNG and JPEG files, and files that are neither; each must be refused."""

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image

from tests.cases.images import greys, png, png_header
from tests.stock import SECRETS

CANARY = SECRETS[1]
"""A patient's name in the files; it must appear in no message."""
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def files() -> Iterator[tuple[str, bytes]]:
    """Yield a name and the bytes of each file."""
    yield from _png()
    yield from _jpeg()
    yield from _neither()


def chunk(name: bytes, body: bytes, crc: int | None = None) -> bytes:
    """Write one PNG chunk, with a wrong checksum on request."""
    crc = zlib.crc32(name + body) if crc is None else crc
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", crc)


def header(rows: int, columns: int, *rest: int) -> bytes:
    """Write an IHDR body."""
    return struct.pack(">IIBBBBB", columns, rows, *rest)


def _png() -> Iterator[tuple[str, bytes]]:
    whole = png(greys((40, 30), 8))
    for share in (0.1, 0.3, 0.5, 0.7, 0.9):
        yield f"PNG cut at {share:.0%}", whole[: int(len(whole) * share)]
    for rows, columns in (
        (0, 5),
        (5, 0),
        (2**31 - 1, 2**31 - 1),
        (20_000, 20_000),
        (1, 2**31 - 1),
        (100_001, 1000),
    ):
        yield f"PNG that states {rows} x {columns}", png_header(rows, columns)
    flat = zlib.compress(b"\0" * 1_000)
    body = chunk(b"IDAT", flat) + chunk(b"IEND", b"")
    for rest in ((8, 6, 0, 0, 0), (8, 4, 0, 0, 0), (3, 0, 0, 0, 0), (8, 0, 0, 7, 0), (8, 9, 0, 0, 0)):
        yield f"PNG with the header {rest}", SIGNATURE + chunk(b"IHDR", header(10, 10, *rest)) + body
    bomb = zlib.compress(b"\0" * 400_000_000, 9)
    ihdr = chunk(b"IHDR", header(10, 10, 8, 0, 0, 0, 0))
    yield "PNG whose text grows to 400 MB", SIGNATURE + ihdr + chunk(b"zTXt", b"a\0\0" + bomb) + body
    yield "PNG whose profile grows to 400 MB", SIGNATURE + ihdr + chunk(b"iCCP", b"a\0\0" + bomb) + body
    yield (
        "PNG of 90,000,000 black pixels cut short",
        SIGNATURE
        + chunk(b"IHDR", header(9_000, 10_000, 8, 0, 0, 0, 0))
        + chunk(b"IDAT", bomb[:2_000])
        + chunk(b"IEND", b""),
    )
    yield "PNG with a wrong checksum", SIGNATURE + chunk(b"IHDR", header(10, 10, 8, 0, 0, 0, 0), crc=1) + body
    yield "PNG without pixels", SIGNATURE + ihdr + chunk(b"IEND", b"")
    yield (
        "PNG with pixels that are no zlib",
        SIGNATURE + ihdr + chunk(b"IDAT", b"no" * 50) + chunk(b"IEND", b""),
    )
    yield "PNG with a chunk of 2 GB", SIGNATURE + ihdr + struct.pack(">I", 2**31 - 1) + b"IDAT"
    yield "PNG with pixels before the header", SIGNATURE + chunk(b"IDAT", flat) + ihdr + chunk(b"IEND", b"")
    yield "PNG of colours", png(np.random.default_rng(1).integers(0, 255, (9, 9, 3)).astype(np.uint8))
    yield "PNG with a transparent pixel", png(np.dstack([greys(bits=8), greys(bits=8, seed=1)]))
    yield "PNG of several frames", _animated()
    yield "signature of a PNG and nothing more", SIGNATURE


def _animated() -> bytes:
    frames = [Image.fromarray(greys(bits=8, seed=seed)) for seed in range(3)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "PNG", save_all=True, append_images=frames[1:])
    return buffer.getvalue()


def jpeg(values: np.ndarray, **options: object) -> bytes:
    """Write a JPEG with a patient's name in a comment."""
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "JPEG", comment=CANARY.encode(), **options)
    return buffer.getvalue()


def _jpeg() -> Iterator[tuple[str, bytes]]:
    whole = jpeg(greys((64, 64), 8))
    for share in (0.05, 0.3, 0.6, 0.9):
        yield f"JPEG cut at {share:.0%}", whole[: int(len(whole) * share)]
    place = whole.index(b"\xff\xc0") + 5
    for rows, columns in ((0, 64), (64, 0), (65_535, 65_535), (65_500, 2_000)):
        stated = struct.pack(">HH", rows, columns)
        yield f"JPEG that states {rows} x {columns}", whole[:place] + stated + whole[place + 4 :]
    yield "JPEG of 12 bit", whole[: place - 1] + b"\x0c" + whole[place:]
    yield "JPEG with 200 components", whole[: place + 4] + b"\xc8" + whole[place + 5 :]
    yield "JPEG of colours", jpeg(np.random.default_rng(1).integers(0, 255, (32, 32, 3)).astype(np.uint8))
    yield "JPEG of four inks", _inks()
    yield "JPEG without tables", whole[:2] + whole[whole.index(b"\xff\xc0") :]
    yield "JPEG that is lossless", whole.replace(b"\xff\xc0", b"\xff\xc3", 1)
    yield "JPEG start and end", b"\xff\xd8\xff\xd9"
    yield "JPEG of nothing but markers", b"\xff\xd8" + b"\xff\xd0" * 5_000 + b"\xff\xd9"
    yield "JPEG of several images", _several()
    yield "JPEG of noise after its start", b"\xff\xd8\xff" + np.random.default_rng(2).bytes(5_000)


def _inks() -> bytes:
    buffer = io.BytesIO()
    Image.new("CMYK", (16, 16)).save(buffer, "JPEG")
    return buffer.getvalue()


def _several() -> bytes:
    buffer = io.BytesIO()
    picture = Image.fromarray(greys((16, 16), 8))
    picture.save(buffer, "MPO", save_all=True, append_images=[picture])
    return buffer.getvalue()


def _neither() -> Iterator[tuple[str, bytes]]:
    picture = Image.fromarray(greys((16, 16), 8))
    for kind in ("GIF", "BMP", "TIFF", "WEBP", "PPM", "ICO", "PCX", "TGA", "PDF", "EPS", "JPEG2000", "ICNS"):
        buffer = io.BytesIO()
        try:
            (picture.convert("RGBA").resize((32, 32)) if kind in {"ICO", "ICNS"} else picture).save(
                buffer, kind
            )
        except OSError as error:  # a Pillow without that codec writes none
            raise AssertionError(f"expected Pillow to write {kind}") from error
        yield f"a {kind} file", buffer.getvalue()
    starts = {
        "an empty file": b"",
        "one zero byte": b"\0",
        "a program": b"\x7fELF" + b"\2" * 200,
        "a Windows program": b"MZ" + b"\0" * 200,
        "a shell script": b"#!/bin/sh\nrm -rf /\n",
        "a web page": b"<!doctype html><script>alert(1)</script>",
        "an SVG with a script": b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        "XML that includes files": b"<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>",
        "a zip": b"PK\3\4" + b"\0" * 100,
        "a gzip": b"\x1f\x8b\x08" + b"\0" * 100,
        "a pickle": b"\x80\x04cos\nsystem\n(S'true'\ntR.",
        "a PostScript program": b"%!PS-Adobe-3.0\n(x) run\n",
        "a NIfTI header": struct.pack("<i", 348) + b"\0" * 344,
        "an HDF5 file": b"\x89HDF\r\n\x1a\n" + b"\0" * 100,
        "noise": np.random.default_rng(3).bytes(4_000),
        "a text": CANARY.encode() * 100,
    }
    yield from starts.items()
