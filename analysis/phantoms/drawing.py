"""Draw one image of a phantom data set at any size: a chest, its findings, and from attenuation to pixels."""

import cv2
import numpy as np
from numpy.typing import NDArray

from analysis.phantoms.catalogue import PhantomImage
from analysis.phantoms.chest import Anatomy, Chest, draw_anatomy
from analysis.phantoms.faults import BLUR_MM, GRAIN, GRAIN_MM, PALE, Quality
from analysis.phantoms.findings import change_anatomy, paint
from analysis.phantoms.shapes import Field, Grid, arc
from analysis.phantoms.spec import PhantomSpec, check_size, stream

DRAWN_COLUMNS = 128
"""Smaller images are drawn this wide and averaged down."""

LARGEST = 65535
EQUALISE, EQUALISE_MM = 0.42, 34.0
"""Share of the broad brightness differences that processing takes out, as radiographic systems do."""

MIDDLE_CM, SLOPE_CM = 13.2, 2.9
"""Attenuation at the middle of the display curve, and the change of it that multiplies the odds of white by e."""

HIGHLIGHT = 0.62
"""Contrast of what is denser than the middle, against what is lighter."""

QUANTUM = 0.011
"""Standard deviation of quantum noise, as a share of black to white."""


def render(spec: PhantomSpec, image: PhantomImage, rows: int, columns: int) -> NDArray[np.uint16]:
    """Draw an image at rows x columns: uint16, 0 to 65535, larger = denser = brighter.

    `image` is an entry of the catalogue. The same image at another size shows the same chest; only the finest detail
    and the noise differ. Raises PhantomError on a size outside 16 to 8192.
    """
    check_size(rows, columns)
    factor = max(1.0, DRAWN_COLUMNS / columns)
    grid = Grid(round(rows * factor), round(columns * factor))
    anatomy = draw_anatomy(spec.seed, image)
    for name in image.findings:
        anatomy = change_anatomy(anatomy, name, image.planted.contrast)
    chest = Chest(grid, anatomy, int(stream(spec.seed, "patient", image.patient).integers(2**62)))
    for name in image.findings:  # a finding stays on its side through a patient's follow-ups
        paint(chest, name, image.planted.contrast, stream(spec.seed, "finding", image.patient, name))
    own = stream(spec.seed, "image", image.patient, image.follow_up)
    value = develop(pose(chest.attenuation(), grid, anatomy), grid, anatomy, image.planted.quality, own)
    if spec.side_markers:
        value = np.maximum(value, side_marker(grid, stream(spec.seed, "marker", image.patient)))
    if factor > 1:
        value = cv2.resize(value, (columns, rows), interpolation=cv2.INTER_AREA)
    sigma = QUANTUM * (1.35 if image.view == "AP" else 1.0)
    value = value + np.float32(sigma) * own.standard_normal(value.shape, dtype=np.float32) * (
        0.55 + 1.1 * value
    )
    return np.asarray(np.clip(value, 0, 1) * np.float32(LARGEST) + np.float32(0.5), np.uint16)


def pose(attenuation: Field, grid: Grid, anatomy: Anatomy) -> Field:
    """Rotate, enlarge and shift the drawing to how this image was taken."""
    turn = np.deg2rad(anatomy["roll"])
    c, s = np.cos(turn) * anatomy["zoom"], np.sin(turn) * anatomy["zoom"]
    aspect = grid.scale[1] / grid.scale[0]  # millimetres turn, pixels may not be square
    matrix = np.array([[c, -s / aspect, 0], [s * aspect, c, 0]])
    centre = np.array([grid.columns / 2, grid.rows / 2])
    matrix[:, 2] = (
        centre - matrix[:, :2] @ centre + np.array([anatomy["shift_x"], anatomy["shift_y"]]) * grid.scale
    )
    size = (grid.columns, grid.rows)
    moved = cv2.warpAffine(attenuation, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.float32)


def develop(
    attenuation: Field, grid: Grid, anatomy: Anatomy, quality: Quality, rng: np.random.Generator
) -> Field:
    """Return display values 0..1 (bright = dense), with the planted fault of technique."""
    if quality == "blur":
        attenuation = grid.blur(attenuation, BLUR_MM)
    body = np.clip(attenuation * np.float32(1 / 3.0), 0, 1)
    coarse = Grid(64, 78)  # what is broad needs no fine grid
    small = np.asarray(cv2.resize(attenuation, (78, 64), interpolation=cv2.INTER_AREA), np.float32)
    broad = grid.enlarged(coarse.blur(small, EQUALISE_MM))
    level = attenuation - np.float32(EQUALISE) * (broad - np.float32(MIDDLE_CM)) * body
    z = (level - np.float32(MIDDLE_CM)) * np.float32(anatomy["contrast"] / SLOPE_CM) + np.float32(
        anatomy["exposure"]
    )
    value = np.sqrt(body) / (1 + np.exp(-np.where(z > 0, z * np.float32(HIGHLIGHT), z)))
    grain = grid.cloud(rng, GRAIN_MM) * np.float32(GRAIN.get(quality, 0.0))
    value = value + grain * (0.55 + 1.1 * value)
    if quality == "under-exposure":
        value = np.float32(PALE[0]) + np.float32(PALE[1]) * value
    return np.asarray(value, np.float32)


def side_marker(grid: Grid, rng: np.random.Generator) -> Field:
    """Draw the lead letter L in its ring on the patient's left, as a radiographer lays it on the cassette."""
    x, y = 168 + rng.normal(0, 5), 24 + abs(rng.normal(0, 6))
    letter = np.array([(x - 3, y - 6), (x - 3, y + 6), (x + 4, y + 6)])
    return grid.lines([(letter, 3.0, 0.93), (arc(x, y, 11, 11, 0, 6.3), 1.2, 0.93)], 0.25)
