"""Pixels: the same everywhere, alike at every size, and showing what was planted."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from analysis.frames import NIH_CLASSES, NO_FINDING
from analysis.phantoms import PhantomError, PhantomSpec
from analysis.phantoms.catalogue import PhantomImage, catalogue
from analysis.phantoms.drawing import render
from analysis.phantoms.faults import SUBTLE, Planted
from analysis.phantoms.findings import FINDINGS

SPEC = PhantomSpec(train=40, val=0, test=20)
ENTRIES = catalogue(SPEC)


def healthy(view: str = "PA") -> PhantomImage:
    """Return an image without finding or fault."""
    found = next(image for image in catalogue(SPEC) if image.view == view)
    return replace(found, findings=(), planted=Planted())


def detail(pixels: np.ndarray) -> float:
    """Return the energy inside the chest left after taking out what is broader than a few pixels."""
    rows, columns = pixels.shape
    image = pixels[rows // 4 : rows * 3 // 4, columns // 4 : columns * 3 // 4].astype(np.float32)
    return float(np.std(image - cv2.GaussianBlur(image, (0, 0), 2)))


def test_render_gives_the_same_bytes_again() -> None:
    assert np.array_equal(render(SPEC, ENTRIES[5], 48, 64), render(SPEC, ENTRIES[5], 48, 64))


def test_another_seed_draws_another_chest() -> None:
    other = replace(SPEC, seed=SPEC.seed + 1)
    assert not np.array_equal(render(SPEC, ENTRIES[5], 64, 64), render(other, catalogue(other)[5], 64, 64))


@pytest.mark.parametrize(("rows", "columns"), [(64, 64), (100, 80), (512, 625)])
def test_render_gives_16_bits_of_the_asked_size(rows: int, columns: int) -> None:
    pixels = render(SPEC, ENTRIES[1], rows, columns)
    assert pixels.shape == (rows, columns)
    assert pixels.dtype == np.uint16
    assert len(np.unique(pixels)) > min(1500, rows * columns // 4)


@pytest.mark.parametrize("image", [0, 7, 23])
def test_other_sizes_show_the_same_image(image: int) -> None:
    small = render(SPEC, ENTRIES[image], 64, 64).astype(np.float32)
    large = render(SPEC, ENTRIES[image], 640, 800).astype(np.float32)
    shrunk = cv2.resize(large, (64, 64), interpolation=cv2.INTER_AREA)
    assert np.corrcoef(small.ravel(), shrunk.ravel())[0, 1] > 0.98
    others = [
        render(SPEC, ENTRIES[other], 64, 64).astype(np.float32) for other in range(10, 20) if other != image
    ]
    assert min(np.abs(shrunk - other).mean() for other in others) > 1.5 * np.abs(shrunk - small).mean()


def test_a_chest_has_dark_lungs_and_a_bright_middle_on_black() -> None:
    pixels = render(SPEC, healthy(), 128, 156) / 65535
    lung, heart, belly = (
        pixels[50:58, 42:50].mean(),
        pixels[70:80, 78:90].mean(),
        pixels[112:120, 60:90].mean(),
    )
    assert lung < 0.6 * heart
    assert lung < 0.6 * belly
    assert pixels[95:110, :6].mean() < 0.1 < lung


def test_a_healthy_image_of_another_view_differs() -> None:
    assert detail(render(SPEC, healthy("AP"), 64, 64)) > 0


@pytest.mark.parametrize("name", [name for name in NIH_CLASSES if name != NO_FINDING])
def test_every_finding_shows_and_less_so_when_difficult(name: str) -> None:
    plain = healthy()
    without = render(SPEC, plain, 128, 128).astype(float)
    with_it = render(SPEC, replace(plain, findings=(name,)), 128, 128).astype(float)
    hard = render(SPEC, replace(plain, findings=(name,), planted=Planted(contrast=SUBTLE)), 128, 128).astype(
        float
    )
    clear, faint = np.abs(with_it - without), np.abs(hard - without)
    assert (clear > 0.06 * 65535).sum() >= 20
    assert 0 < faint.sum() < 0.8 * clear.sum()


def test_every_finding_has_a_drawing() -> None:
    assert {*FINDINGS, NO_FINDING} == set(NIH_CLASSES)


def test_blur_takes_detail_away() -> None:
    plain = healthy()
    blurred = replace(plain, planted=Planted(quality="blur"))
    for side in (64, 192):
        assert detail(render(SPEC, blurred, side, side)) < 0.75 * detail(render(SPEC, plain, side, side))


def test_noise_adds_detail_also_in_small_images() -> None:
    plain = healthy()
    noisy = replace(plain, planted=Planted(quality="noise"))
    assert detail(render(SPEC, noisy, 192, 192)) > 1.5 * detail(render(SPEC, plain, 192, 192))
    assert detail(render(SPEC, noisy, 64, 64)) > 1.2 * detail(render(SPEC, plain, 64, 64))


def test_under_exposure_flattens_the_picture() -> None:
    plain = healthy()
    pale = render(SPEC, replace(plain, planted=Planted(quality="under-exposure")), 96, 96)
    normal = render(SPEC, plain, 96, 96)
    assert np.std(pale) < 0.8 * np.std(normal)
    assert np.median(pale) > np.median(normal)


def test_the_side_marker_is_optional_and_stays_in_its_corner() -> None:
    bare = replace(SPEC, side_markers=False)
    changed = np.argwhere(render(SPEC, ENTRIES[2], 128, 156) != render(bare, ENTRIES[2], 128, 156))
    assert len(changed) > 0
    assert changed[:, 0].max() < 40
    assert changed[:, 1].min() > 115


@pytest.mark.parametrize(("rows", "columns"), [(0, 64), (64, 8193), (15, 15), (64.0, 64)])
def test_render_refuses_sizes_it_cannot_draw(rows: int, columns: int) -> None:
    with pytest.raises(PhantomError, match="expected a whole number from 16 to 8192"):
        render(SPEC, ENTRIES[0], rows, columns)
