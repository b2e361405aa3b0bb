import io

import numpy as np
import pytest
from PIL import Image

from analysis.caseset import CaseSetError
from analysis.caseset.png import clean_png
from tests.caseset.pictures import CANARY, pixels, png


def decode(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data), formats=("PNG",)))


@pytest.mark.parametrize("bits", [8, 16])
def test_grey_pixels_stay_and_everything_else_goes(bits: int) -> None:
    values = pixels(bits=bits)
    cleaned = clean_png(png(values), "x.png")
    assert (decode(cleaned.data) == values).all()
    assert (cleaned.rows, cleaned.columns, cleaned.bits) == (13, 18, bits)
    kinds = [cleaned.data[i + 4 : i + 8] for i in offsets(cleaned.data)]
    assert kinds == [b"IHDR", b"IDAT", b"IEND"]
    assert CANARY.encode() not in cleaned.data


def offsets(data: bytes) -> list[int]:
    places, position = [], 8
    while position < len(data):
        places.append(position)
        position += 12 + int.from_bytes(data[position : position + 4])
    return places


@pytest.mark.parametrize("mode", ["1", "P", "RGB", "RGBA", "LA"])
def test_other_colour_types_decode_to_the_same(mode: str) -> None:
    image = Image.fromarray(pixels()).convert(mode)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    cleaned = clean_png(buffer.getvalue(), "x.png")
    after = Image.open(io.BytesIO(cleaned.data))
    assert after.mode == mode
    assert after.convert("RGBA").tobytes() == image.convert("RGBA").tobytes()


def test_bytes_behind_the_compressed_stream_go() -> None:
    from analysis.caseset.png import SIGNATURE, _chunk

    clean = clean_png(png(pixels()), "x.png").data
    header, packed = clean[16:29], clean[41:-16]
    hidden = SIGNATURE + b"".join(
        (_chunk(b"IHDR", header), _chunk(b"IDAT", packed + CANARY.encode()), _chunk(b"IEND", b""))
    )
    assert (decode(hidden) == pixels()).all()
    assert clean_png(hidden, "x.png").data == clean


def test_interlaced_rows_are_counted_as_the_standard_draws_them() -> None:
    """Eight by eight: the passes have 1, 1, 1, 2, 2, 4, 4 rows and hold all 64 pixels."""
    from analysis.caseset.png import _length

    assert _length(8, 8, 8, 1) == 64 + (1 + 1 + 1 + 2 + 2 + 4 + 4)
    assert _length(1, 1, 8, 1) == 2


@pytest.mark.parametrize("cut", [20, 60, -15, -13])
def test_a_file_cut_off_is_refused(cut: int) -> None:
    data = png(pixels())[: -len(CANARY)]
    with pytest.raises(CaseSetError, match=r"x\.png"):
        clean_png(data[:cut], "x.png")


def test_a_flipped_byte_is_refused() -> None:
    data = bytearray(clean_png(png(pixels()), "x.png").data)
    data[50] ^= 1
    with pytest.raises(CaseSetError, match="check sum of PNG chunk b'IDAT'"):
        clean_png(bytes(data), "x.png")


def test_pixels_of_another_length_are_refused() -> None:
    from analysis.caseset.png import SIGNATURE, _chunk

    clean = clean_png(png(pixels()), "x.png").data
    header = bytearray(clean[16:29])
    header[7] += 1
    rest = _chunk(b"IDAT", clean[41:-16]) + _chunk(b"IEND", b"")
    with pytest.raises(CaseSetError, match=r"expected 26\d bytes of PNG pixels"):
        clean_png(SIGNATURE + _chunk(b"IHDR", bytes(header)) + rest, "x.png")
