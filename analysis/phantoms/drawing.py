"""Draw one image of a phantom data set at any size: anatomy, findings, and from attenuation to pixels.

The last are the display curve, detector blur, noise, planted technique faults and collimation.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from analysis.phantoms import airleaks, opacities, silhouettes
from analysis.phantoms.anatomy import Anatomy, draw_anatomy
from analysis.phantoms.canvas import HEIGHT_MM, WIDTH_MM, Field, Grid, ellipse, texture
from analysis.phantoms.catalogue import PhantomImage, catalogue
from analysis.phantoms.planting import Quality
from analysis.phantoms.scene import Scene
from analysis.phantoms.spec import PhantomSpec, check_size, stream

SHAPES = {**opacities.SHAPES, **airleaks.SHAPES, **silhouettes.SHAPES}
PAINTS = {**opacities.PAINTS, **airleaks.PAINTS, **silhouettes.PAINTS}

DRAWN_COLUMNS = 384
"""Smaller images are drawn this wide and averaged down."""

DIFFICULT_STRENGTH = 0.38
LARGEST = 65535


def render(spec: PhantomSpec, image: int | str | PhantomImage, rows: int, columns: int) -> NDArray[np.uint16]:
    """Draw an image at rows x columns: uint16, 0 to 65535, larger = denser = brighter.

    `image` is a name, an index (0-based, images sorted by name) or an entry of the catalogue. The same image
    at another size shows the same chest; only the finest detail and the noise differ. Raises PhantomError on
    an unknown image or a size outside 16 to 8192.
    """
    check_size(rows, columns)
    entry = image if isinstance(image, PhantomImage) else catalogue(spec).find(image)
    output = Grid(rows, columns)
    seed = _image_seed(spec, entry)
    value, anatomy = _drawn(spec, entry, output)
    value = expose(value, output, anatomy, entry.planted.quality, seed, entry.view)
    if spec.side_markers:
        value = side_marker(value, output, seed)
    value = collimate(value, output, seed)
    return np.asarray(np.clip(value, 0, 1) * np.float32(LARGEST) + np.float32(0.5), np.uint16)


def _image_seed(spec: PhantomSpec, image: PhantomImage) -> int:
    return int(stream(spec.seed, "image", image.patient, image.follow_up).integers(2**62))


def _drawn(spec: PhantomSpec, image: PhantomImage, output: Grid) -> tuple[Field, Anatomy]:
    factor = max(1.0, DRAWN_COLUMNS / output.columns)
    fine = Grid(round(output.rows * factor), round(output.columns * factor))
    anatomy = draw_anatomy(spec.seed, image)
    strengths = _strengths(spec, image)
    for name, strength in strengths.items():
        if name in SHAPES:
            anatomy = SHAPES[name](anatomy, strength, _finding_stream(spec, image, name))
    own = int(stream(spec.seed, "patient", image.patient).integers(2**62))
    scene = Scene(fine, anatomy, own)
    for name, strength in strengths.items():
        if name in PAINTS:
            PAINTS[name](scene, strength, _finding_stream(spec, image, name))
    value = develop(pose(scene.attenuation(), fine, anatomy), fine, anatomy, image.planted.quality)
    value = mottle(value, fine, image.planted.quality, _image_seed(spec, image))
    if factor > 1:
        value = cv2.resize(value, (output.columns, output.rows), interpolation=cv2.INTER_AREA)
    return np.asarray(value, np.float32), anatomy


def _strengths(spec: PhantomSpec, image: PhantomImage) -> dict[str, float]:
    rng = stream(spec.seed, "strength", image.patient, image.follow_up)
    drawn = np.clip(rng.normal(1.0, 0.13, len(image.findings)), 0.72, 1.25)
    scale = DIFFICULT_STRENGTH if image.planted.difficult else 1.0
    return {name: float(s) * scale for name, s in zip(image.findings, drawn, strict=True)}


def _finding_stream(spec: PhantomSpec, image: PhantomImage, name: str) -> np.random.Generator:
    """A finding stays on its side through a patient's follow-ups."""
    return stream(spec.seed, "finding", image.patient, name)


DETECTOR_PITCH_MM = 0.168


DETECTOR_MTF_MM = 0.13
"""Gaussian that stands for focal spot, motion and scintillator."""


EQUALISE = 0.42
"""Share of the broad brightness differences that processing takes out, as radiographic systems do."""


EQUALISE_MM = 34.0


MIDDLE_CM = 13.2


SLOPE_CM = 2.9


HIGHLIGHT = 0.62
"""Contrast of what is denser than the middle, against what is lighter."""


NOISE_AT_MIDDLE = 0.011
"""Standard deviation of quantum noise at full size, in display units, at the middle of the curve."""


BLUR_FAULT_MM = 3.0


NOISE_FAULT = {"noise": 0.065, "under-exposure": 0.03}


MOTTLE_MM = (4.8, 0.5)


def pose(attenuation: Field, grid: Grid, anatomy: Anatomy) -> Field:
    """Rotate, enlarge and shift the drawing to how this image was taken."""
    centre = (grid.columns / 2, grid.rows / 2)
    turn, zoom = np.deg2rad(anatomy.roll), anatomy.zoom
    aspect = grid.px_y / grid.px_x  # millimetres turn, pixels may not be square
    c, s = np.cos(turn) * zoom, np.sin(turn) * zoom
    matrix = np.array([[c, -s / aspect, 0], [s * aspect, c, 0]])
    shift = np.array([anatomy.shift_x * grid.px_x, anatomy.shift_y * grid.px_y])
    matrix[:, 2] = np.array(centre) - matrix[:, :2] @ np.array(centre) + shift
    size = (grid.columns, grid.rows)
    moved = cv2.warpAffine(attenuation, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.float32)


def develop(attenuation: Field, grid: Grid, anatomy: Anatomy, quality: Quality) -> Field:
    """Return display values 0..1 (bright = dense), without noise."""
    if quality == "blur":
        attenuation = grid.blur(attenuation, BLUR_FAULT_MM)
    body = np.clip(attenuation * np.float32(1 / 3.0), 0, 1)
    broad = grid.blur(attenuation, EQUALISE_MM)
    level = attenuation - np.float32(EQUALISE) * (broad - np.float32(MIDDLE_CM)) * body
    fine = grid.blur(attenuation, 2.2)
    level += np.float32(0.30) * (attenuation - fine) * body  # edge enhancement
    z = (level - np.float32(MIDDLE_CM)) * np.float32(anatomy.contrast / SLOPE_CM) + np.float32(
        anatomy.exposure
    )
    z = np.where(z > 0, z * np.float32(HIGHLIGHT), z)
    value = 1 / (1 + np.exp(-z))
    return np.asarray(value * np.sqrt(body), np.float32)


def mottle(value: Field, grid: Grid, quality: Quality, seed: int) -> Field:
    """Add the grain of a planted lack of quanta, on the grid of the drawing so that every size shows it."""
    share = NOISE_FAULT.get(quality)
    if share is None:
        return value
    grain = texture(grid, int(stream(seed, "mottle").integers(2**31)), *MOTTLE_MM, slope=-0.15)
    return np.asarray(value + np.float32(share) * grain * (0.55 + 1.1 * value), np.float32)


def expose(value: Field, grid: Grid, anatomy: Anatomy, quality: Quality, seed: int, view: str) -> Field:
    """Add quantum noise and the planted technique fault to display values 0..1 on the output grid."""
    rng = stream(seed, "noise", grid.rows, grid.columns)
    pitch = float(np.sqrt(WIDTH_MM / grid.columns * HEIGHT_MM / grid.rows))
    sigma = NOISE_AT_MIDDLE * min(1.6, DETECTOR_PITCH_MM / pitch) * (1.35 if view == "AP" else 1.0)
    rise = 0.55 + 1.1 * value  # fewer quanta behind denser parts
    if quality == "under-exposure":
        value = 0.34 + 0.56 * np.maximum(value, 0) ** np.float32(0.85)
        sigma *= 3.0
    grain = rng.standard_normal(value.shape, dtype=np.float32)
    if pitch < 0.3:
        grain = grid.blur(grain, DETECTOR_MTF_MM) * np.float32(1.6)
    noisy = value + np.float32(sigma) * grain * rise
    return np.asarray(noisy, np.float32)


def collimate(value: Field, grid: Grid, seed: int) -> Field:
    """Darken what lies outside the collimator's opening; some images show no edge."""
    rng = stream(seed, "collimator")
    margins = np.where(rng.random(4) < 0.55, rng.uniform(1.5, 9, 4), -20)
    soft = 0.8
    x, y = grid.x + np.float32(WIDTH_MM / 2), grid.y
    tilt = np.float32(rng.normal(0, 0.004))
    inside_x = _ramp(x - margins[0] + tilt * y, soft) * _ramp(WIDTH_MM - margins[1] - x - tilt * y, soft)
    inside_y = _ramp(y - margins[2] - tilt * x, soft) * _ramp(HEIGHT_MM - margins[3] - y + tilt * x, soft)
    return np.asarray(value * (np.float32(0.02) + np.float32(0.98) * inside_x * inside_y), np.float32)


def _ramp(distance: Field, soft: float) -> Field:
    return np.asarray(np.clip(distance / np.float32(soft) * 0.5 + 0.5, 0, 1), np.float32)


def side_marker(value: Field, grid: Grid, seed: int) -> Field:
    """Draw the lead letter L on the patient's left, as a radiographer lays it on the cassette."""
    rng = stream(seed, "marker")
    x, y, size = 168 + rng.normal(0, 5), 24 + abs(rng.normal(0, 8)), 13.0
    turn = rng.normal(0, 0.12)
    letter = np.array([(0, 0), (0.24, 0), (0.24, 0.76), (0.66, 0.76), (0.66, 1), (0, 1)]) * size
    ring = ellipse(0.33 * size, 0.5 * size, 0.8 * size, 0.8 * size, samples=48)
    inner = ellipse(0.33 * size, 0.5 * size, 0.73 * size, 0.73 * size, samples=48)
    c, s = np.cos(turn), np.sin(turn)
    mask = grid.mask()
    for points, shade in ((ring, 255), (inner, 0), (letter, 255)):
        moved = np.stack(
            [x + points[:, 0] * c - points[:, 1] * s, y + points[:, 0] * s + points[:, 1] * c], 1
        )
        grid.polygon(mask, moved, shade)
    lead = grid.soften(mask, 0.25)
    return np.asarray(value * (1 - lead) + np.float32(0.93) * lead, np.float32)
