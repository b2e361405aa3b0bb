"""Near-duplicates are found whatever was done to the file; other radiographs are not."""

import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from analysis.phantoms import PhantomSpec, write_data_set
from analysis.selection import SelectionError
from analysis.selection.duplicates import ALIKE, fingerprint, glance_features, near_duplicates
from analysis.sweep.data.pixels import read_pixels
from analysis.sweep.spec import PreprocessSpec

SEEN = PreprocessSpec(size=256, antialias=True)


@pytest.fixture(scope="module")
def greys(tmp_path_factory: pytest.TempPathFactory) -> list[np.ndarray]:
    folder = tmp_path_factory.mktemp("phantoms")
    write_data_set(
        PhantomSpec(seed=7, train=20, val=0, test=20), folder / "set", folder / "truth.csv", workers=1
    )
    return [read_pixels(path, SEEN).square for path in sorted((folder / "set" / "images").glob("*.png"))]


def jpeg(image: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=60)
    return Image.open(buffer)


CHANGES = {
    "compressed": jpeg,
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.3),
    "flatter": lambda image: ImageEnhance.Contrast(image).enhance(0.6),
    "smaller": lambda image: image.resize((128, 128), Image.Resampling.BILINEAR),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_found_and_nothing_else(greys: list[np.ndarray], change: str) -> None:
    altered = CHANGES[change](Image.fromarray(greys[3])).resize((256, 256), Image.Resampling.BILINEAR)
    names = [*(f"i{n:02d}" for n in range(len(greys))), "copy"]
    prints = np.stack([fingerprint(grey) for grey in (*greys, np.asarray(altered))])
    assert [pair[:2] for pair in near_duplicates(names, prints)] == [("i03", "copy")]


def test_an_image_without_structure_is_like_no_other() -> None:
    blank = fingerprint(np.full((256, 256), 9, dtype=np.uint8))
    assert not blank.any()
    assert near_duplicates(["a", "b"], np.stack([blank, blank])) == []


def test_bad_input_is_named() -> None:
    with pytest.raises(SelectionError, match=r"multiple of 128, got \(100, 100\)"):
        fingerprint(np.zeros((100, 100), dtype=np.uint8))
    with pytest.raises(SelectionError, match="each of 2 images"):
        near_duplicates(["a", "b"], np.zeros((1, 4)))
    assert 0 < ALIKE < 1


def test_glance_features_by_hand() -> None:
    """Columns of 0 and 10: mean 5, SD 5; across rows no step, across columns all steps of 10: mean 5."""
    grey = np.tile(np.array([0, 10], dtype=np.uint8), (4, 2))
    assert glance_features(grey) == {"brightness": 5.0, "contrast": 5.0, "sharpness": 5.0}


def test_the_pixels_are_left_as_they_were(greys: list[np.ndarray]) -> None:
    before = [grey.copy() for grey in greys[:3]]
    for grey in greys[:3]:
        fingerprint(grey)
    assert all((a == b).all() for a, b in zip(before, greys, strict=False))
