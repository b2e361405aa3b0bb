"""From any file, through the handover, to the picture that a reader first sees."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.caseset import CaseSetError, read_blind_half
from analysis.caseset.read import read_report
from analysis.picture import PERCENTILES
from readerstudy.cases.confined import decode_confined
from readerstudy.cases.decoder import DecodedImage, decode_image
from readerstudy.cases.window import WindowRule
from tests.cases.images import dicom, png
from tests.caseset.sets import selection, write
from tests.picture.drawn import chest, dicom_colours, files

FILES = list(files())
CAPTURES = ["1.2.840.10008.5.1.4.1.1.7", *(f"1.2.840.10008.5.1.4.1.1.7.{kind}" for kind in range(1, 5))]
Decode = Callable[..., DecodedImage]


def handed_over(files: list[bytes], folder: Path, **options: Any) -> tuple[list[Path], Any]:
    """Write a case set of these files; return where each lies in it, and what was written."""
    rows = selection((len(files) + 1) // 2)[: len(files)].assign(pair=range(len(files)))
    images = {}
    for name, data in zip(rows["image"], files, strict=True):
        images[name] = folder / "in" / name
        images[name].parent.mkdir(parents=True, exist_ok=True)
        images[name].write_bytes(data)
    made = write(rows, images, folder / "out", **options)
    key = pd.read_csv(made.key).set_index("source")["case"]
    files = read_blind_half(made.folder).cases.set_index("case")["image"]
    return [made.folder / files[key[name]] for name in rows["image"]], made


def shown(path: Path, rule: WindowRule, decode: Decode) -> DecodedImage:
    with path.open("rb") as file:
        return decode(file, window_rule=rule, networks=PERCENTILES)


@pytest.mark.parametrize("source", ["DICOM", "PNG", "JPEG"])
def test_the_reader_sees_what_the_source_file_asks_for(source: str, tmp_path: Path) -> None:
    """As drawn, by every window rule, decoded directly and, for one rule, in the confined child."""
    mine = [(name, data) for name, data in FILES if name.removeprefix("8-bit ").removeprefix("16-bit ")
            .removeprefix("12 bit in a 16-bit ").startswith(source)]  # fmt: skip
    made, _ = handed_over([data for _, data in mine], tmp_path)
    assert len(made) == len(mine) >= 2
    for (name, data), path in zip(mine, made, strict=True):
        original = tmp_path / "original"
        original.write_bytes(data)
        for rule, decode in [(rule, decode_image) for rule in WindowRule] + [
            (WindowRule.DICOM, decode_confined)
        ]:
            one, other = shown(original, rule, decode_image), shown(path, rule, decode)
            assert (one.pixels == other.pixels).all(), (name, rule)
            assert (one.curve == other.curve).all(), (name, rule)
            assert (one.bits, one.window, one.spacing, one.apart) == (
                other.bits, other.window, other.spacing, other.apart,
            ), (name, rule)  # fmt: skip


def test_the_mark_stays_on_its_side(tmp_path: Path) -> None:
    """A JPEG whose EXIF says that it is mirrored: the mark at its right edge belongs on the left."""
    import io

    from PIL import Image

    values = np.full((40, 60), 30, np.uint8)
    values[5:15, 48:58] = 220
    exif = Image.Exif()
    exif[0x0112] = 2
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "JPEG", quality=95, exif=exif)
    (path,), _ = handed_over([buffer.getvalue()], tmp_path)
    image = shown(path, WindowRule.DICOM, decode_confined).pixels
    assert image[10, 7] > 200 > 60 > image[10, 53]


def test_a_picture_with_colour_is_refused_by_name(tmp_path: Path) -> None:
    colours = np.random.default_rng(1).integers(0, 255, (9, 9, 3)).astype(np.uint8)
    with pytest.raises(CaseSetError, match=r"_001\.png: expected a grey image, found colour"):
        handed_over([png(chest(8)), png(colours)], tmp_path)


@pytest.mark.parametrize(
    "flagged",
    [dicom(chest(), BurnedInAnnotation="YES")]
    + [dicom(chest(), SOPClassUID=kind) for kind in CAPTURES]
    + [dicom(chest(), SOPClassUID=CAPTURES[0], BurnedInAnnotation="NO"),
       dicom_colours(np.repeat(chest(8)[..., None], 3, axis=2), SOPClassUID=CAPTURES[4])],
)  # fmt: skip
def test_what_may_show_a_name_is_held_back_until_somebody_looked(flagged: bytes, tmp_path: Path) -> None:
    plain = [dicom(chest()), dicom(chest(), BurnedInAnnotation="NO")]
    both = [flagged, plain[0], flagged, plain[1]]
    with pytest.raises(CaseSetError) as caught:
        handed_over(both, tmp_path)
    told = str(caught.value).splitlines()
    assert told[0].startswith("2 of 4 images may show text")
    assert "--burned-in-checked REASON" in told[0]
    assert [line[-7:-4] for line in told[1:]] == ["000", "002"]
    assert not list((tmp_path / "out").iterdir())
    _, made = handed_over(both, tmp_path, burned_in_checked=" A. Vogel looked at each ")
    report, blind = read_report(made.key), read_blind_half(made.folder)
    assert [name[-7:-4] for name in report["burned_in"]] == ["000", "002"]
    record = {"images": 2, "checked": "A. Vogel looked at each"}
    assert blind.custody == {"burned_in": record}
    assert report["custody"] == {"burned_in": record}


def test_where_nothing_is_expected_nothing_is_asked(tmp_path: Path) -> None:
    _, made = handed_over([dicom(chest()), dicom(chest())], tmp_path)
    assert read_blind_half(made.folder).custody == {}
    assert "burned_in" not in read_report(made.key)


def test_a_look_that_no_header_asks_for_is_recorded_too(tmp_path: Path) -> None:
    _, made = handed_over([png(chest(8)), png(chest(8))], tmp_path, burned_in_checked="looked")
    assert read_blind_half(made.folder).custody == {"burned_in": {"images": 0, "checked": "looked"}}


@pytest.mark.parametrize(
    "record",
    [{"burned_in": {"images": 2}}, {"burned_in": {"images": -1, "checked": "x"}}, {"burned_in": None},
     {"burned_in": {"images": True, "checked": "x"}}, {"burned_in": {"images": 1, "checked": " "}},
     {"burned_in": {"images": 1, "checked": "x" * 501}}, {"definition": 1, "burned_in": {"images": 1, "checked": "x"}},
     {"burned_in": {"images": 1, "checked": "x", "names": ["a"]}}, {"other": 1}, []],
)  # fmt: skip
def test_a_false_record_is_refused(record: Any, tmp_path: Path) -> None:
    import json

    _, made = handed_over([dicom(chest()), dicom(chest())], tmp_path)
    path = made.folder / "provenance.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"custody": record}))
    with pytest.raises(CaseSetError, match="expected custody with"):
        read_blind_half(made.folder)
