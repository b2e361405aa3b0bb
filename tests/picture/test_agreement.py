"""One picture: for the same rule, what a network is given and what a reader first sees agree to rounding."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from analysis.picture import PERCENTILES, levels, network_rendering, read_picture, render
from analysis.sweep.data.pixels import read_pixels
from analysis.sweep.spec import PreprocessSpec
from readerstudy.cases.confined import decode_confined
from readerstudy.cases.decoder import DecodedImage, decode_image
from readerstudy.cases.window import WindowRule
from tests.picture.drawn import SHAPE, files

FILES = list(files())
Decode = Callable[..., DecodedImage]
RULES = {WindowRule.DICOM: "file", WindowRule.FULL: "full", WindowRule.PERCENTILE: PERCENTILES}


def first_picture(
    data: bytes, folder: Path, rule: WindowRule, decode: Decode
) -> tuple[np.ndarray, DecodedImage]:
    """Return the grey levels of the reader's first picture, as the viewer draws them."""
    path = folder / "image"
    path.write_bytes(data)
    with path.open("rb") as file:
        image = decode(file, window_rule=rule, networks=PERCENTILES)
    return image.curve[image.pixels], image


@pytest.mark.parametrize(("name", "data"), FILES, ids=[name for name, _ in FILES])
def test_network_and_reader_agree(name: str, data: bytes, tmp_path: Path) -> None:
    """The network's default: percentiles for DICOM, 8 bit as it is, the whole depth of a deeper PNG."""
    picture = read_picture(data)
    rule = WindowRule.PERCENTILE if picture.source == "DICOM" and not picture.ready else WindowRule.FULL
    shown, image = first_picture(data, tmp_path, rule, decode_confined)
    given = levels(network_rendering(picture, PERCENTILES))
    assert np.abs(shown.astype(int) - given).max() <= 1
    assert image.apart is False
    assert np.ptp(given.astype(int)) > 100  # a picture, not a blank
    if shown.shape == SHAPE:  # read_pixels is that very picture at its own size
        spec = PreprocessSpec(size=48)
        square = np.asarray(read_pixels(tmp_path / "image", spec).square)
        assert np.abs(square[:, 0].astype(int) - given[:, 0]).max() <= 1


@pytest.mark.parametrize("rule", list(WindowRule))
@pytest.mark.parametrize(("name", "data"), FILES, ids=[name for name, _ in FILES])
def test_every_rule_is_one_on_both_sides(name: str, data: bytes, rule: WindowRule, tmp_path: Path) -> None:
    picture = read_picture(data)
    shown, image = first_picture(data, tmp_path, rule, decode_image)
    wanted = levels(render(picture, RULES[rule]))
    assert np.abs(shown.astype(int) - wanted).max() <= 1
    given = levels(network_rendering(picture, PERCENTILES))
    assert image.apart is bool((np.abs(wanted.astype(int) - given) > 1).any())
