"""Draw one image of a phantom data set at any size."""

import cv2
import numpy as np
from numpy.typing import NDArray

from analysis.phantoms import airleaks, opacities, silhouettes
from analysis.phantoms.anatomy import Anatomy, draw_anatomy
from analysis.phantoms.canvas import Field, Grid
from analysis.phantoms.catalogue import PhantomImage, catalogue
from analysis.phantoms.exposure import collimate, develop, expose, mottle, pose, side_marker
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
