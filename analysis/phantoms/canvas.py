"""A grid in millimetres, and the few strokes everything is drawn with."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

Field = NDArray[np.float32]
Mask = NDArray[np.uint8]
Points = NDArray[np.float64]

WIDTH_MM = 420.0
"""Width of the imaged field; x runs from -210 to 210 mm, the patient's right on the left."""

HEIGHT_MM = 344.064
"""Height of the imaged field; y runs downwards from 0 at the upper edge."""

SUBPIXEL_BITS = 4
WIDE_BLUR_PX = 6.0
"""A blur wider than this is done on a smaller copy; the result differs by less than its own noise."""


class Grid:
    """Rows x columns of pixels over the imaged field; `x` (1 x columns) and `y` (rows x 1) are in mm."""

    def __init__(self, rows: int, columns: int) -> None:
        self.rows, self.columns = rows, columns
        self.px_x, self.px_y = columns / WIDTH_MM, rows / HEIGHT_MM
        self.x: Field = ((np.arange(columns, dtype=np.float32) + 0.5) / self.px_x - WIDTH_MM / 2)[None, :]
        self.y: Field = ((np.arange(rows, dtype=np.float32) + 0.5) / self.px_y)[:, None]
        self.px = float(np.sqrt(self.px_x * self.px_y))

    def mask(self) -> Mask:
        """Return an empty 8-bit layer."""
        return np.zeros((self.rows, self.columns), np.uint8)

    def field(self, value: float = 0.0) -> Field:
        """Return a layer of one value."""
        return np.full((self.rows, self.columns), value, np.float32)

    def at(self, points: Points) -> NDArray[np.int32]:
        """Return points (n x 2, mm) in fixed-point pixels for OpenCV."""
        scale = np.array([self.px_x, self.px_y]) * (1 << SUBPIXEL_BITS)
        shifted = (np.asarray(points, float) + np.array([WIDTH_MM / 2, 0.0])) * scale - (
            1 << (SUBPIXEL_BITS - 1)
        )
        return np.asarray(np.rint(shifted), np.int32)

    def polygon(self, mask: Mask, points: Points, value: int = 255) -> None:
        """Fill a polygon (n x 2, mm)."""
        cv2.fillPoly(mask, [self.at(points)], (value,), cv2.LINE_AA, SUBPIXEL_BITS)

    def polygons(self, mask: Mask, points: Points, value: int = 255) -> None:
        """Fill polygons (k x n x 2, mm) that do not overlap."""
        cv2.fillPoly(mask, list(self.at(points)), (value,), cv2.LINE_AA, SUBPIXEL_BITS)

    def line(self, mask: Mask, points: Points, width: float, value: int = 255) -> None:
        """Draw a polyline (n x 2, mm) of the given width in mm; below a pixel it gets fainter instead."""
        width_px = width * self.px
        shade = max(1, round(value * min(1.0, width_px)))
        cv2.polylines(
            mask, [self.at(points)], False, (shade,), max(1, round(width_px)), cv2.LINE_AA, SUBPIXEL_BITS
        )

    def blur(self, image: Field, sigma: float) -> Field:
        """Blur by a Gaussian of `sigma` mm."""
        sx, sy = sigma * self.px_x, sigma * self.px_y
        if min(sx, sy) < 0.2:
            return image
        factor = int(min(sx, sy) // (WIDE_BLUR_PX / 2))
        if min(sx, sy) <= WIDE_BLUR_PX or factor < 2:
            return np.asarray(cv2.GaussianBlur(image, (0, 0), sigmaX=sx, sigmaY=sy), np.float32)
        size = (max(8, self.columns // factor), max(8, self.rows // factor))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        small = cv2.GaussianBlur(
            small,
            (0, 0),
            sigmaX=sigma * size[0] / WIDTH_MM,
            sigmaY=sigma * size[1] / HEIGHT_MM,
            borderType=cv2.BORDER_REPLICATE,
        )
        return np.asarray(
            cv2.resize(small, (self.columns, self.rows), interpolation=cv2.INTER_CUBIC), np.float32
        )

    def soften(self, mask: Mask, sigma: float) -> Field:
        """Return an 8-bit layer as 0..1 with its edges blurred by `sigma` mm."""
        return self.blur(mask.astype(np.float32) * np.float32(1 / 255), sigma)

    def fit(self, image: Field) -> Field:
        """Resample a layer of another grid over the same field onto this one."""
        if image.shape == (self.rows, self.columns):
            return image
        return np.asarray(
            cv2.resize(image, (self.columns, self.rows), interpolation=cv2.INTER_CUBIC), np.float32
        )


def curve(values: Sequence[float], at: Sequence[float], where: Field) -> Field:
    """Interpolate smoothly (monotone cubic) through `values` given `at`; constant outside."""
    clipped = np.clip(where, at[0], at[-1])
    return np.asarray(PchipInterpolator(at, values)(clipped), np.float32)


def band(centre: Points, half_width: NDArray[np.float64] | float) -> Points:
    """Return the outline (2n x 2) of a band along a centre line (n x 2), of half-width(s) in mm."""
    step = np.empty_like(centre)
    step[1:-1] = centre[2:] - centre[:-2]
    step[0], step[-1] = centre[1] - centre[0], centre[-1] - centre[-2]
    normal = (
        np.stack([-step[:, 1], step[:, 0]], 1) / np.maximum(np.hypot(step[:, 0], step[:, 1]), 1e-9)[:, None]
    )
    offset = normal * np.broadcast_to(np.asarray(half_width, float), len(centre))[:, None]
    return np.concatenate([centre + offset, (centre - offset)[::-1]])


def spline(points: Sequence[tuple[float, float]], samples: int = 40, closed: bool = False) -> Points:
    """Return a smooth curve (samples x 2) through points in mm (Catmull-Rom)."""
    p = np.asarray(points, float)
    p = (
        np.concatenate([p[-1:], p, p[:2]])
        if closed
        else np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
    )
    pieces = len(p) - 3
    t = np.linspace(0, pieces, samples, endpoint=not closed)
    i = np.minimum(t.astype(int), pieces - 1)
    u = (t - i)[:, None]
    a, b, c, d = p[i], p[i + 1], p[i + 2], p[i + 3]
    return np.asarray(
        0.5 * (2 * b + (c - a) * u + (2 * a - 5 * b + 4 * c - d) * u**2 + (3 * b - a - 3 * c + d) * u**3)
    )


def ellipse(x: float, y: float, rx: float, ry: float, angle: float = 0.0, samples: int = 28) -> Points:
    """Return an ellipse's outline; radii in mm, angle in radians."""
    t = np.linspace(0, 2 * np.pi, samples, endpoint=False)
    u, v = rx * np.cos(t), ry * np.sin(t)
    return np.stack([x + u * np.cos(angle) - v * np.sin(angle), y + u * np.sin(angle) + v * np.cos(angle)], 1)


def step(distance: Field, softness: float) -> Field:
    """Rise smoothly from 0 to 1 as a distance (mm) passes 0, over about 4 x softness mm."""
    t = np.clip(distance * np.float32(0.25 / softness) + np.float32(0.5), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def texture(grid: Grid, rng_seed: int, coarsest: float, finest: float, slope: float = 1.0) -> Field:
    """Return cloudy noise of unit-like variance with detail from `coarsest` to `finest` mm.

    Each octave has its own stream, so that a larger grid adds detail without changing what is there.
    """
    total = grid.field()
    size, weight, power = coarsest, 1.0, 0.0
    octave = 0
    while size >= finest and size * grid.px >= 1.0:
        rng = np.random.Generator(np.random.PCG64([rng_seed, octave]))
        shape = (int(HEIGHT_MM / size) + 3, int(WIDTH_MM / size) + 3)
        total += np.float32(weight) * _enlarged(rng.standard_normal(shape, dtype=np.float32), grid)
        power += weight**2
        size, weight, octave = size / 2, weight * 0.5**slope, octave + 1
    return total / np.float32(max(power, 1e-6) ** 0.5)


def _enlarged(noise: Field, grid: Grid) -> Field:
    return np.asarray(cv2.resize(noise, (grid.columns, grid.rows), interpolation=cv2.INTER_CUBIC), np.float32)
