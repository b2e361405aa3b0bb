import io

import numpy as np
import pytest
from PIL import Image

from analysis.caseset import CaseSetError
from analysis.caseset.jpeg import clean_jpeg
from tests.caseset.pictures import CANARY, jpeg, pixels


def decode(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data), formats=("JPEG",)))


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"quality": 30, "restart_marker_rows": 1}])
def test_grey_pixels_stay_and_everything_else_goes(options: dict[str, object]) -> None:
    data = jpeg(pixels(shape=(40, 33)), **options)
    cleaned = clean_jpeg(data, "x.jpg")
    assert (decode(cleaned.data) == decode(data)).all()
    assert (cleaned.rows, cleaned.columns, cleaned.bits) == (40, 33, 8)
    assert CANARY.encode() not in cleaned.data
    assert b"Exif" not in cleaned.data
    assert b"JFIF" not in cleaned.data


@pytest.mark.parametrize("mode", ["RGB", "CMYK"])
def test_colour_decodes_to_the_same(mode: str) -> None:
    values = np.random.default_rng(0).integers(0, 256, (24, 24, len(mode)), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(values, mode=None).save(buffer, "JPEG") if mode == "RGB" else Image.frombytes(
        "CMYK", (24, 24), values.tobytes()
    ).save(buffer, "JPEG")
    cleaned = clean_jpeg(buffer.getvalue(), "x.jpg")
    assert (decode(cleaned.data) == decode(buffer.getvalue())).all()


def test_different_tables_have_different_names() -> None:
    fine, coarse = (clean_jpeg(jpeg(pixels(), quality=q), "x.jpg").encoding for q in (90, 50))
    assert fine != coarse


@pytest.mark.parametrize("cut", [3, 30, -1])
def test_a_file_cut_off_is_refused(cut: int) -> None:
    data = jpeg(pixels())[: -len(CANARY)]
    with pytest.raises(CaseSetError, match=r"x\.jpg"):
        clean_jpeg(data[:cut], "x.jpg")


def test_a_stream_without_a_frame_is_refused() -> None:
    with pytest.raises(CaseSetError, match="frame header"):
        clean_jpeg(b"\xff\xd8\xff\xd9", "x.jpg")
