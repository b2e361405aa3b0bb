"""What a file asks for, by hand; and that what it need not hold refuses nothing."""

import numpy as np
import pytest
from pydicom import Dataset

from analysis.picture import (
    PERCENTILES,
    ImageRefusedError,
    Presentation,
    Reason,
    levels,
    read_picture,
    render,
)
from analysis.picture.presentation import Linear
from analysis.picture.tone import Table, Window
from tests.cases.images import BIG_ENDIAN, dicom, lut
from tests.picture.drawn import WINDOW, bomb, chest, deflated, dicom_colours, smooth_table

VALUES = chest()


def shown(data: bytes) -> np.ndarray:
    return levels(render(read_picture(data), "file"))


def linear(values: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.rint(np.clip((values - low) / (high - low), 0, 1) * 255)


@pytest.mark.parametrize(
    ("photometric", "shape", "turned"),
    [
        ("MONOCHROME2", None, False), ("MONOCHROME2", "IDENTITY", False), ("MONOCHROME2", "INVERSE", True),
        ("MONOCHROME1", None, True), ("MONOCHROME1", "INVERSE", True), ("MONOCHROME1", "IDENTITY", True),
    ],
)  # fmt: skip
@pytest.mark.parametrize("slope", [1, -1])
def test_polarity(photometric: str, shape: str | None, turned: bool, slope: int) -> None:
    tags = {"PhotometricInterpretation": photometric, "PresentationLUTShape": shape, "RescaleSlope": slope}
    centre = slope * 2000
    picture = read_picture(dicom(VALUES, WindowCenter=centre, WindowWidth=1501, **tags))
    rendering = render(picture, "file")
    brightness = linear(slope * VALUES.astype(float), centre - 750.5, centre + 749.5)
    assert (levels(rendering) == (255 - brightness if turned else brightness)).all()
    assert (np.diff(rendering.curve) >= 0).all()  # larger is brighter
    disagree = (shape, photometric.upper()) in {("INVERSE", "MONOCHROME2"), ("IDENTITY", "MONOCHROME1")}
    assert any("disagree" in each for each in picture.decisions) == disagree


def test_a_sigmoid_and_a_table_by_the_formulas_of_the_standard() -> None:
    sigmoid = 255 / (1 + np.exp(-4 * (VALUES.astype(float) - 2000) / 1500))
    assert np.abs(shown(dicom(VALUES, **WINDOW, VOILUTFunction="SIGMOID")) - sigmoid).max() <= 0.5
    table = smooth_table()
    assert (
        np.abs(
            shown(dicom(VALUES, VOILUTSequence=lut(table, bits=12))) - np.array(table)[VALUES] / 4095 * 255
        ).max()
        <= 0.5
    )


def test_a_table_goes_before_a_window_and_the_first_of_several_is_taken() -> None:
    table, other = lut(smooth_table(), bits=12), lut([0, 255], first=2000, bits=8)
    assert (
        shown(dicom(VALUES, VOILUTSequence=[*table, *other], **WINDOW))
        == shown(dicom(VALUES, VOILUTSequence=table))
    ).all()
    table[0].LUTExplanation = "As made"
    tags = {"WindowCenter": ["2000", "900"], "WindowWidth": ["1500", "20"]}
    explained = ["SOFT", "HARD"]
    picture = read_picture(
        dicom(VALUES, VOILUTSequence=table, WindowCenterWidthExplanation=explained, **tags)
    )
    assert [type(view) for view in picture.voi] == [Table, Window, Window]
    assert not any(each in repr(picture) for each in ("As made", "SOFT", "HARD"))
    assert "The file offers 1 VOI LUTs and 2 windows: the first VOI LUT is used." in picture.decisions


@pytest.mark.parametrize("kind", ["US", "SS"])
def test_the_first_input_of_a_table_is_signed_where_modality_values_are(kind: str) -> None:
    """Some write it as unsigned whatever the values are."""
    table = lut([0, 100, 255], first=0, bits=8)
    table[0].add_new("LUTDescriptor", kind, [3, 65535 if kind == "US" else -1, 8])
    picture = read_picture(
        dicom(np.array([[0, 1, 2, 3]], np.uint16), RescaleIntercept=-1, RescaleSlope=1, VOILUTSequence=table)
    )
    assert picture.voi[0].first == -1
    assert levels(render(picture, "file")).tolist() == [[0, 100, 255, 255]]


def test_a_table_that_falls_turns_the_grey_values_round() -> None:
    rendering = render(read_picture(dicom(VALUES, VOILUTSequence=lut(smooth_table()[::-1], bits=12))), "file")
    assert (rendering.pixels == 4095 - VALUES).all()
    assert (np.diff(rendering.curve) >= 0).all()
    assert rendering.window[0] < rendering.window[1]


@pytest.mark.parametrize(
    ("table", "window"),
    [
        ([0] * 100 + list(range(201)) + [200] * 100, (100, 300)),
        ([0] * 100 + [255] * 300, (99, 100)),
        (np.rint(255 / (1 + np.exp(-4 * (np.arange(400) - 200) / 50))).astype(int).tolist(), (172.5, 227.5)),
    ],
    ids=["line", "step", "sigmoid"],
)
def test_a_drag_departs_from_a_table_on_the_line_nearest_to_it(
    table: list[int], window: tuple[float, float]
) -> None:
    values = np.arange(400, dtype=np.uint16).reshape(20, 20)
    picture = read_picture(dicom(values, VOILUTSequence=lut(table, bits=8)))
    assert render(picture, "file").window == pytest.approx(window, abs=0.6)


def test_a_window_is_not_rounded() -> None:
    tags = {"RescaleSlope": "257", "RescaleIntercept": "0", "WindowCenter": "30000.5", "WindowWidth": "2001"}
    rendering = render(read_picture(dicom(chest(8), bits=8, **tags)), "file")
    assert rendering.window == pytest.approx((29000 / 257, 31000 / 257))
    assert (levels(rendering) == linear(chest(8) * 257.0, 29000, 31000)).all()


@pytest.mark.parametrize(
    "tags",
    [
        {}, {"WindowCenter": None, "WindowWidth": None}, {"WindowCenter": "1", "WindowWidth": "0"},
        {"WindowCenter": "1", "WindowWidth": "-5"}, {"WindowCenter": "1e30", "WindowWidth": "10"},
        {"WindowCenter": "9000", "WindowWidth": "10"}, {"WindowCenter": "-9", "WindowWidth": "10"},
        {"WindowCenter": "90", "WindowWidth": "0.4"}, {"VOILUTSequence": lut([7, 7, 7])},
        {"VOILUTSequence": []}, {"VOILUTSequence": [Dataset()]},
    ],
)  # fmt: skip
def test_without_a_tone_that_can_be_used_percentiles_are_taken(tags: dict) -> None:
    picture = read_picture(dicom(VALUES, **tags))
    rendering, wanted = render(picture, "file"), render(picture, PERCENTILES)
    assert rendering.window == wanted.window
    assert (rendering.curve == wanted.curve).all()
    assert "percentiles" in rendering.decisions[-1]


def test_of_several_windows_the_first_that_can_be_used_is_taken() -> None:
    several = dicom(VALUES, WindowCenter=["9000", "2000"], WindowWidth=["10", "1500"])
    assert (shown(several) == shown(dicom(VALUES, **WINDOW))).all()


def test_an_unreadable_voi_table_is_passed_over_and_a_modality_table_refuses() -> None:
    short = lut([0, 100, 200])
    short[0].LUTDescriptor = [30, 0, 16]
    picture = read_picture(dicom(VALUES, VOILUTSequence=short, **WINDOW))
    assert (levels(render(picture, "file")) == shown(dicom(VALUES, **WINDOW))).all()
    assert any("is ignored" in each for each in picture.decisions)
    with pytest.raises(ImageRefusedError) as caught:
        read_picture(dicom(VALUES, ModalityLUTSequence=short))
    assert caught.value.refusal.tag == "ModalityLUTSequence"


@pytest.mark.parametrize("keyword", ["WindowCenter", "WindowWidth", "PixelSpacing", "ImagerPixelSpacing",
                                     "VOILUTFunction", "PixelPaddingValue", "PresentationLUTShape", "HighBit",
                                     "RescaleSlope", "RescaleIntercept", "NumberOfFrames"])  # fmt: skip
def test_an_empty_attribute_is_as_an_absent_one(keyword: str) -> None:
    whole = {**WINDOW, "PixelSpacing": ["0.1", "0.2"], "RescaleSlope": "1", "RescaleIntercept": "0"}
    whole.pop(keyword, None)
    without, empty = (
        read_picture(dicom(VALUES, **whole)),
        read_picture(dicom(VALUES, **whole, **{keyword: None})),
    )
    assert (levels(render(without, "file")) == levels(render(empty, "file"))).all()
    assert (without.spacing, without.voi, without.decisions) == (empty.spacing, empty.voi, empty.decisions)


def raw(data: bytes, keyword: bytes, text: bytes) -> bytes:
    """Write another text of the same length in place of a value: pydicom would not write it."""
    assert data.count(keyword) == 1
    return data.replace(keyword, text)


def test_a_decimal_comma_is_a_point_and_noted() -> None:
    data = dicom(
        VALUES, WindowCenter=["1111.5", "2"], WindowWidth=["2222.5", "3"], PixelSpacing=["0.144", "0.155"]
    )
    comma = data
    for text in (b"1111.5", b"2222.5", b"0.144", b"0.155"):
        comma = raw(comma, text, text.replace(b".", b","))
    picture, wanted = read_picture(comma), read_picture(data)
    assert (picture.voi, picture.spacing) == (wanted.voi, wanted.spacing)
    assert picture.voi[0] == Window(1111.5, 2222.5)
    for keyword in ("WindowCenter", "WindowWidth", "PixelSpacing"):
        assert f"The decimal comma of {keyword} is read as a point." in picture.decisions


@pytest.mark.parametrize("text", [b"1.111,5", b"1,1,1,5", b"1111,5x", b"CanaryX"])
def test_what_is_no_number_is_passed_over_where_pixels_do_not_need_it(text: bytes) -> None:
    data = raw(dicom(VALUES, WindowCenter="1111.57", WindowWidth="2222.5"), b"1111.57 ", text.ljust(8))
    picture = read_picture(data)
    assert picture.voi == ()
    assert "WindowCenter contains something other than numbers." in picture.decisions
    assert not any("Canary" in each for each in picture.decisions)


def test_a_blank_centre_gives_no_centre_the_width_of_another_window() -> None:
    """As `\\1000` beside `400\\500`: 1000 is not of 400. A blank after the others is none."""
    data = dicom(VALUES, WindowCenter=["1111.57", "2000"], WindowWidth=["222.5", "1500"])
    picture = read_picture(raw(data, b"1111.57", b"       "))
    assert picture.voi == ()
    assert "WindowCenter contains something other than numbers." in picture.decisions
    shorter = raw(raw(data, b"\\2000", b"\\    "), b"\\1500", b"\\    ")
    assert read_picture(shorter).voi == (Window(1111.57, 222.5),)


def test_a_slope_that_is_no_number_refuses_by_name() -> None:
    data = raw(dicom(VALUES, RescaleSlope="1.2345", RescaleIntercept="0"), b"1.2345", b"Canary")
    with pytest.raises(ImageRefusedError, match="RescaleSlope") as caught:
        read_picture(data)
    assert "Canary" not in str(caught.value)


def test_a_modality_table_is_the_modality() -> None:
    picture = read_picture(dicom(VALUES, ModalityLUTSequence=lut(smooth_table(), bits=12), RescaleSlope="3"))
    assert isinstance(picture.modality, Table)
    assert read_picture(dicom(VALUES, RescaleSlope="3", RescaleIntercept="7")).modality == Linear(3, 7)


@pytest.mark.parametrize("keyword", ["LUTDescriptor", "LUTData"])
def test_an_item_without_a_table_is_passed_over(keyword: str) -> None:
    item = lut(smooth_table(), bits=12)
    delattr(item[0], keyword)
    picture = read_picture(
        dicom(VALUES, ModalityLUTSequence=item, VOILUTSequence=item, RescaleSlope="2", **WINDOW)
    )
    assert (picture.modality, len(picture.voi)) == (Linear(2, 0), 1)
    for sequence in ("ModalityLUTSequence", "VOILUTSequence"):
        assert f"An item of {sequence} contains no table and is ignored." in picture.decisions


def test_a_flat_picture_says_so_and_shows_its_depth() -> None:
    flat = Presentation(np.full((3, 3), 7, np.uint16), 10, "DICOM")
    rendering = render(flat, PERCENTILES)
    assert (rendering.flat, rendering.window) == (True, (0, 1023))
    assert not render(read_picture(dicom(VALUES)), PERCENTILES).flat


@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL"])
@pytest.mark.parametrize("planar", [0, 1])
def test_colours_of_dicom(photometric: str, planar: int) -> None:
    grey = chest(8)
    channels = np.repeat(grey[..., None], 3, axis=2)
    if photometric == "YBR_FULL":
        channels[..., 1:] = 128
    picture = read_picture(dicom_colours(channels, photometric, planar))
    assert not picture.coloured
    assert (picture.stored == grey).all()
    channels[3, 4, 1] ^= 40
    coloured = read_picture(dicom_colours(channels, photometric, planar))
    assert coloured.coloured
    assert (coloured.stored[0] == grey[0][:, None]).all()
    with pytest.raises(ValueError, match="colour"):
        render(coloured, "file")


@pytest.mark.parametrize("factor", [257, 1])
@pytest.mark.parametrize("table", [range(256), range(255, -1, -1)])
def test_a_palette_of_greys_is_grey(table: range, factor: int) -> None:
    """Some devices write entries of 8 bits into words of 16."""
    entries = np.array(table, "<u2")
    tags = {}
    for colour in ("Red", "Green", "Blue"):
        tags[f"{colour}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        tags[f"{colour}PaletteColorLookupTableData"] = (entries * factor).astype("<u2").tobytes()
    picture = read_picture(dicom(chest(8), bits=8, PhotometricInterpretation="PALETTE COLOR", **tags))
    assert (picture.stored == entries[chest(8)]).all()
    tags["RedPaletteColorLookupTableData"] = bytes(512)
    assert read_picture(dicom(chest(8), bits=8, PhotometricInterpretation="PALETTE COLOR", **tags)).coloured


def test_big_endian_bytes_in_words() -> None:
    """Eight bits in OW, big endian: each pair of bytes lies the other way round (PS3.5 A.3)."""
    data = dicom(chest(8).reshape(-1, 2)[:, ::-1].reshape(chest(8).shape), bits=8, syntax=BIG_ENDIAN)
    assert data.count(b"\x7f\xe0\x00\x10OB") == 1
    assert (read_picture(data.replace(b"\x7f\xe0\x00\x10OB", b"\x7f\xe0\x00\x10OW")).stored == chest(8)).all()


def test_deflated_is_read_and_never_without_a_bound() -> None:
    assert (read_picture(deflated(dicom(VALUES))).stored == VALUES).all()
    for data in (bomb(2**29), deflated(dicom(VALUES))[:-20]):
        with pytest.raises(ImageRefusedError) as caught:
            read_picture(data)
        assert caught.value.refusal.reason is Reason.DEFLATED
