"""A grid in millimetres over the imaged field, and the few shapes that everything is drawn with."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.floating[Any]]
Points = NDArray[np.float64]

WIDTH_MM = 420.0
"""Width of the imaged field; x runs from -210 to 210 mm, the patient's right on the left."""

HEIGHT_MM = 344.064
"""Height of the imaged field; y runs downwards from 0 at the upper edge."""

SUBPIXEL_BITS = 4


class Grid:
    """Rows x columns of pixels over the imaged field; `x` (1 x columns) and `y` (rows x 1) are in mm."""

    def __init__(self, rows: int, columns: int) -> None:
        self.rows, self.columns = rows, columns
        self.scale = np.array([columns / WIDTH_MM, rows / HEIGHT_MM])
        self.x: Field = ((np.arange(columns, dtype=np.float32) + 0.5) / self.scale[0] - WIDTH_MM / 2)[None, :]
        self.y: Field = ((np.arange(rows, dtype=np.float32) + 0.5) / self.scale[1])[:, None]
        self.px = float(np.sqrt(self.scale.prod()))

    def field(self, value: float = 0.0) -> Field:
        """Return a layer of one value."""
        return np.full((self.rows, self.columns), value, np.float32)

    def blur(self, image: Field, sigma: float) -> Field:
        """Blur by a Gaussian of `sigma` mm."""
        sx, sy = (sigma * self.scale).tolist()
        if min(sx, sy) < 0.2:
            return image
        return np.asarray(cv2.GaussianBlur(image, (0, 0), sigmaX=sx, sigmaY=sy), np.float32)

    def enlarged(self, small: Field) -> Field:
        """Resample a coarse layer over the same field onto this grid."""
        return np.asarray(
            cv2.resize(small, (self.columns, self.rows), interpolation=cv2.INTER_CUBIC), np.float32
        )

    def lines(self, lines: Sequence[tuple[Points, float, float]], soft: float) -> Field:
        """Draw polylines (points n x 2 in mm, width in mm, value), edges blurred by `soft` mm.

        Where lines cross, the larger value shows. A line thinner than a pixel gets fainter instead.
        """
        largest = max((abs(value) for _, _, value in lines), default=1.0) or 1.0
        mask = np.zeros((self.rows, self.columns), np.uint8)
        for points, width, value in sorted(lines, key=lambda line: abs(line[2])):
            at = (np.asarray(points) + np.array([WIDTH_MM / 2, 0.0])) * self.scale * (1 << SUBPIXEL_BITS)
            wide = width * self.px
            shade = max(1, round(255 * abs(value) / largest * min(1.0, wide)))
            cv2.polylines(
                mask, [np.rint(at).astype(np.int32)], False, (shade,), max(1, round(wide)), cv2.LINE_AA,
                SUBPIXEL_BITS,
            )  # fmt: skip
        return self.blur(mask.astype(np.float32) * np.float32(largest / 255), soft)

    def blob(
        self, x: float, y: float, rx: float, ry: float, edge: float = 2.0, outline: Field | None = None
    ) -> Field:
        """Return a bump of height 1 and radii in mm; `edge` 2 is a soft hill, 8 a disc with a clear rim.

        `outline`: factor of the radius by angle (16 values from 0 to 2 pi), for lobes.
        """
        dx, dy = (self.x - np.float32(x)) / np.float32(rx), (self.y - np.float32(y)) / np.float32(ry)
        square = dx * dx + dy * dy
        if outline is not None:
            turn = (np.arctan2(dy, dx) + np.float32(np.pi)) * np.float32(len(outline) / (2 * np.pi))
            factor = np.interp(turn, np.arange(len(outline) + 1), [*outline, outline[0]]).astype(np.float32)
            square = square / (factor * factor)
        return np.asarray(np.exp(np.float32(-0.7) * square ** np.float32(edge / 2)), np.float32)

    def cloud(self, rng: np.random.Generator, size: float, octaves: int = 3) -> Field:
        """Return cloudy noise of unit variance or so, the coarsest detail of `size` mm.

        Each octave halves the size; one that is finer than a pixel is left out, the others do not change by it.
        """
        total, power, seed = self.field(), 0.0, int(rng.integers(2**62))
        for octave in range(octaves):
            fine = 2.0**octave / size
            if self.px < fine:
                break
            noise = np.random.default_rng([seed, octave]).standard_normal(
                (int(HEIGHT_MM * fine) + 3, int(WIDTH_MM * fine) + 3), dtype=np.float32
            )
            total += np.float32(0.7**octave) * self.enlarged(noise)
            power += 0.49**octave
        return total / np.float32(max(power, 1e-6) ** 0.5)


def step(distance: Field, softness: float) -> Field:
    """Rise smoothly from 0 to 1 as a distance (mm) passes 0, over about 4 x softness mm."""
    t = np.clip(distance * np.float32(0.25 / softness) + np.float32(0.5), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def along(values: Sequence[float] | Field, at: Sequence[float] | Field, where: Field) -> Field:
    """Interpolate `values` given `at`; constant outside."""
    return np.interp(where, at, values).astype(np.float32)


def arc(x: float, y: float, rx: float, ry: float, start: float, end: float, count: int = 24) -> Points:
    """Return points (count x 2) of an ellipse's outline between two angles (radians, 0 to the right, downwards)."""
    t = np.linspace(start, end, count)
    return np.stack([x + rx * np.cos(t), y + ry * np.sin(t)], 1)
