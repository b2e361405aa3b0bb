"""The neutral file: the same picture by every rule, nothing of the source beside it, and no harm from a made-up one."""

import io
import json
import tracemalloc
import zlib
from base64 import b64decode
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from analysis.picture import (
    PERCENTILES,
    ImageRefusedError,
    Percentiles,
    Presentation,
    Reason,
    levels,
    network_rendering,
    read_picture,
    render,
    write_neutral,
)
from analysis.picture.neutral import CHUNK, neutral
from analysis.picture.presentation import Linear
from analysis.picture.tone import Table, Window
from tests.hostile.neutral import BAD, FIELDS, GOOD, made_up
from tests.hostile.raster import chunk
from tests.picture import hidden
from tests.picture.drawn import chest, dicom_colours, files

FILES = list(files())
HIDDEN = list(hidden.files())
RULES = ("file", "full", PERCENTILES, Percentiles(0, 100))


def assert_same(one: Presentation, other: Presentation) -> None:
    """Compare all that an arbitrary rule can make of two pictures, to the last bit."""
    assert one.spacing == other.spacing
    assert one.stored.dtype == other.stored.dtype
    for rule in RULES:
        first, second = render(one, rule), render(other, rule)
        assert (first.pixels == second.pixels).all()
        assert first.pixels.dtype == second.pixels.dtype
        assert (first.curve == second.curve).all()
        assert (first.bits, first.window, first.flat) == (second.bits, second.window, second.flat)
    given = levels(network_rendering(one, PERCENTILES)), levels(network_rendering(other, PERCENTILES))
    assert (given[0] == given[1]).all()


def parts(data: bytes) -> dict[bytes, bytes]:
    """Return the chunks of a PNG by name, each of which comes once."""
    found, at = {}, 8
    while at < len(data):
        length, name = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        assert name not in found
        found[name] = data[at + 8 : at + 8 + length]
        at += 12 + length
    return found


@pytest.mark.parametrize(("name", "data"), FILES, ids=[name for name, _ in FILES])
def test_every_rule_renders_the_neutral_file_as_the_source(name: str, data: bytes) -> None:
    source = read_picture(data)
    written = write_neutral(source)
    assert_same(source, read_picture(written))
    assert write_neutral(source) == write_neutral(read_picture(written)) == written


def drawn_pictures() -> list[Presentation]:
    """Draw pictures of depths, signs, tables and padding that no file above has together."""
    found = []
    for number in range(150):
        random = np.random.default_rng(number)
        bits, wide = int(random.integers(1, 17)), bool(random.integers(0, 2))
        signed = bool(random.integers(0, 2))
        kind = f"{'i' if signed else 'u'}{2 if wide or bits > 8 else 1}"
        lowest = -(2 ** (bits - 1)) if signed else 0
        stored = random.integers(lowest, lowest + 2**bits, (9, 7)).astype(kind)
        used = random.random((9, 7)) > 0.2 if random.integers(0, 2) else None
        slope = float(random.choice([1, -1, 0.37, -2.5, 300]))
        modality = Linear(slope, float(random.normal(0, 500))) if random.integers(0, 3) else table(random)
        views = [table(random), Window(float(random.normal(0, 900)), float(random.uniform(0.1, 4000)),
                                       str(random.choice(["LINEAR", "LINEAR_EXACT", "SIGMOID"])))]  # fmt: skip
        random.shuffle(views)
        spacing = (float(random.uniform(0.01, 2)), 0.168) if random.integers(0, 2) else None
        choices = modality, tuple(views[: random.integers(0, 3)]), bool(random.integers(0, 2)), used, spacing
        found.append(Presentation(stored, bits, "DICOM", *choices))
    return found


def table(random: np.random.Generator) -> Table:
    bits, size = int(random.integers(1, 17)), int(random.integers(1, 5000))
    entries = np.sort(random.integers(0, 2**bits, size)).astype(np.uint16)
    return Table(entries, int(random.integers(-3000, 3000)), bits)


@pytest.mark.parametrize("picture", drawn_pictures())
def test_any_picture_comes_back(picture: Presentation) -> None:
    written = write_neutral(picture)
    back, wanted = read_picture(written), neutral(picture)
    assert_same(picture, back)
    assert (back.stored == picture.stored).all()
    assert (back.used is None) == (picture.used is None)
    assert back.used is None or (back.used == picture.used).all()
    for name in ("bits", "source", "inverted", "spacing", "ready"):
        assert getattr(back, name) == getattr(picture, name)
    for one, other in zip((back.modality, *back.voi), (wanted.modality, *wanted.voi), strict=True):
        assert type(one) is type(other)
        for name, value in vars(other).items():
            assert np.array_equal(getattr(one, name), value), name
        assert getattr(one, "explanation", "") == ""


@pytest.mark.parametrize(("name", "data"), HIDDEN, ids=[name for name, _ in HIDDEN])
def test_nothing_that_is_no_pixel_goes_over(name: str, data: bytes) -> None:
    wide = hidden.CANARY.encode("utf-16-be")
    spellings = [hidden.BYTES, hidden.WIDE, wide]
    packed = zlib.compress(hidden.BYTES)
    assert any(each in data for each in [*spellings, packed]), (
        "the word must be there, or the test could not fail"
    )
    if name in hidden.REFUSED:
        with pytest.raises(ImageRefusedError):
            read_picture(data)
        return
    source = read_picture(data)
    written = write_neutral(source)
    found = parts(written)
    assert list(found) == [b"IHDR", CHUNK, b"IDAT", b"IEND"]
    said = json.loads(found[CHUNK])
    assert set(said) == set(FIELDS)
    pixels = zlib.decompressobj()
    laid = pixels.decompress(found[b"IDAT"])
    assert not pixels.unused_data
    unpacked = [zlib.decompress(b64decode(text)) for text in texts(said) if len(text) > 20]
    for place in (written, found[CHUNK], laid, *unpacked):
        for spelling in [*spellings, *(each[::-1] for each in spellings), hidden.CANARY.lower().encode()]:
            assert spelling not in place
    assert_same(source, read_picture(written))


def texts(said: Any) -> list[str]:
    """Return every text of a JSON value."""
    if isinstance(said, dict):
        return [text for each in said.values() for text in texts(each)]
    return [said] if isinstance(said, str) else []


def test_bits_of_an_overlay_do_not_go_over() -> None:
    from tests.cases.images import dicom

    values = chest()
    letters = np.zeros_like(values)
    letters[10:20, 5:30] = 1
    picture = read_picture(
        write_neutral(read_picture(dicom(values | letters << 15, WindowCenter="1", WindowWidth="9")))
    )
    assert (picture.stored == values).all()


def test_a_table_is_cut_to_what_the_depth_reaches_and_views_out_of_use_stay_behind() -> None:
    values = chest(8)
    table = Table(np.arange(65536, dtype=np.uint16), 0, 16)
    picture = Presentation(values, 8, "DICOM", Linear(2.0, 10.0), (Window(900, 0.5), table, Window(3, 9)))
    view = read_picture(write_neutral(picture)).voi
    assert [type(each) for each in view] == [Table]
    assert (view[0].first, view[0].entries.tolist()) == (10, list(range(10, 521)))


def test_colours_are_refused() -> None:
    colours = np.random.default_rng(1).integers(0, 255, (9, 9, 3)).astype(np.uint8)
    with pytest.raises(ImageRefusedError) as caught:
        write_neutral(read_picture(dicom_colours(colours)))
    assert caught.value.refusal.reason is Reason.COLOUR


@pytest.mark.parametrize("said", BAD.values(), ids=BAD.keys())
def test_a_field_out_of_range_is_refused(said: Any) -> None:
    with pytest.raises(ImageRefusedError) as caught:
        read_picture(made_up(said))
    assert caught.value.refusal.reason is Reason.NEUTRAL


@pytest.mark.parametrize("name", ["table, 128 MB", "padding, 128 MB"])
def test_what_unpacks_to_much_is_not_unpacked(name: str) -> None:
    data = made_up(BAD[name])
    tracemalloc.start()
    try:
        with pytest.raises(ImageRefusedError):
            read_picture(data)
        assert tracemalloc.get_traced_memory()[1] < 2**24
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("field", FIELDS)
def test_a_field_that_is_missing_is_refused(field: str) -> None:
    assert (read_picture(made_up(GOOD)).stored == chest()).all()
    with pytest.raises(ImageRefusedError) as caught:
        read_picture(made_up({name: value for name, value in GOOD.items() if name != field}))
    assert caught.value.refusal.reason is Reason.NEUTRAL


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "1"])
def test_another_kind_of_png_is_refused(mode: str) -> None:
    with pytest.raises(ImageRefusedError) as caught:
        read_picture(made_up(GOOD | {"bits": 8}, chest(8), mode=mode))
    assert caught.value.refusal.reason is Reason.NEUTRAL


def test_two_chunks_and_a_chunk_behind_the_pixels_are_refused_or_not_believed() -> None:
    whole = made_up(GOOD | {"inverted": True})
    said = json.dumps(GOOD).encode()
    with pytest.raises(ImageRefusedError):
        read_picture(whole[:33] + chunk(CHUNK, said) + whole[33:])
    late = whole[:-12] + chunk(CHUNK, said) + whole[-12:]
    assert read_picture(late).inverted


def test_an_orientation_beside_the_chunk_turns_nothing() -> None:
    info = PngImagePlugin.PngInfo()
    info.add(CHUNK, json.dumps(GOOD).encode())
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    Image.fromarray(chest()).save(buffer, "PNG", pnginfo=info, exif=exif)
    assert (read_picture(buffer.getvalue()).stored == chest()).all()
