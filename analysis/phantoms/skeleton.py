"""Bones: ribs, clavicles, shoulder blades, humeral heads, spine. Bright cortex around a fainter inside."""

from functools import lru_cache

import numpy as np

from analysis.phantoms.anatomy import Anatomy
from analysis.phantoms.canvas import Field, Grid, Points, band, ellipse, spline
from analysis.phantoms.torso import CAGE_HEIGHT_MM, LATERAL, LATERAL_AT

RIBS = 10
CORTEX_MM = 1.25


class Bones:
    """Two layers, whole bones and their insides, that together make cortex and marrow."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self.whole, self.inside = grid.mask(), grid.mask()

    def add(
        self, centre: Points, half_width: Points | float, value: int = 255, cortex: float = CORTEX_MM
    ) -> None:
        """Add a bone along a centre line."""
        width = np.broadcast_to(np.asarray(half_width, float), len(centre))
        self.grid.polygon(self.whole, band(centre, width), value)
        self.grid.polygon(self.inside, band(centre, np.maximum(width - cortex, 0.2)), value)

    def add_shape(self, whole: Points, inside: Points, value: int = 255) -> None:
        """Add a bone by its outline and the outline of its inside."""
        self.grid.polygon(self.whole, whole, value)
        self.grid.polygon(self.inside, inside, value)

    def thickness(self, cortical: float, marrow: float) -> Field:
        """Return cm of water that the layers add, unblurred: `cortical` at the rim, `marrow` inside."""
        rim = self.whole.astype(np.float32) * np.float32(cortical / 255)
        return rim - self.inside.astype(np.float32) * np.float32((cortical - marrow) / 255)


def rib_line(anatomy: Anatomy, number: int, side: int, spine_x: float, angles: Points) -> Points:
    """Return the course of a rib (n x 2, mm) at angles from 0 (behind, at the spine) to pi (in front)."""
    a = anatomy
    y0 = a.apex - 3 + (number - 1) * a.rib_spacing * (0.80 + 0.027 * number)
    drop = a.rib_drop * (34 + 14.5 * number - 0.55 * number**2)
    y = y0 + drop * (1 - np.cos(angles)) / 2 - (3 + 0.4 * number) * np.sin(angles * 2).clip(0)
    level = np.sqrt(np.clip((y0 + drop * 0.5 - a.apex) / CAGE_HEIGHT_MM, 0, 1.3))
    reach = float(np.interp(level, LATERAL_AT, LATERAL)) * a.chest + 2.6
    reach *= {1: 0.70, 2: 0.90, 3: 0.975}.get(number, 1.0)
    x = 8 + (reach - 8) * np.sin(angles) ** 0.80
    return np.stack([side * x + spine_x * (1 - np.sin(angles)), y], 1)


def ribs(grid: Grid, anatomy: Anatomy) -> tuple[Field, Field]:
    """Return the posterior and anterior parts of the ribs in cm of water."""
    back, front = Bones(grid), Bones(grid)
    behind = np.linspace(0.02, 1.60, 44)
    for number in range(1, RIBS + 1):
        for side in (-1, 1):
            tilt = spine_offset(anatomy, anatomy.apex + number * anatomy.rib_spacing)
            # Where a rib turns forward it is seen edge-on, and narrow.
            course = behind if number < 8 else behind * (1.08 if number < 10 else 0.9)
            taper = 1 if number < 8 else np.clip((course[-1] - course) / 0.35, 0.1, 1) ** 0.5
            back.add(rib_line(anatomy, number, side, tilt, course), _rib_width(course, 4.4, 6.2) * taper)
            if number <= 7:
                before = np.linspace(1.54, 2.60 - 0.045 * number, 36)
                front.add(rib_line(anatomy, number, side, tilt, before), _rib_width(before, 5.2, 7.4), 235)
    bone = anatomy.bone
    return back.thickness(1.25 * bone, 0.80 * bone), front.thickness(0.66 * bone, 0.52 * bone)


def _rib_width(angles: Points, behind: float, ahead: float) -> Points:
    """Return half the apparent height of a rib in mm at each angle."""
    full = np.interp(angles, [0, 0.25, 1.0, 2.6], [behind * 0.75, behind, ahead * 0.95, ahead])
    return full * (0.40 + 0.60 * np.abs(np.cos(angles)) ** 0.5)


def spine_offset(anatomy: Anatomy, y: float) -> float:
    """Return the sideways position of the spine at a level, in mm."""
    return float(anatomy.scoliosis * np.sin((y - 40) / 95.0))


def spine(grid: Grid, anatomy: Anatomy) -> Field:
    """Return the vertebrae from the neck to the first lumbar, in cm of water."""
    bodies, arches = Bones(grid), Bones(grid)
    y, height = -12.0, 17.0
    places: list[tuple[float, float, float, float]] = []
    while y < 352:
        places.append((spine_offset(anatomy, y), y, 14.5 + 0.026 * max(y, 0), height))
        y, height = y + height + 3.6, min(27.0, height + 0.62)
    _vertebrae(bodies, arches, np.array(places))
    bone = anatomy.bone
    return bodies.thickness(1.25 * bone, 0.95 * bone) + arches.thickness(0.95 * bone, 0.45 * bone)


@lru_cache
def _body_shape() -> Points:
    """Return a vertebral body's outline within -1 to 1: a box with a waist."""
    outline = [(-1, -1), (0, -0.9), (1, -1), (0.89, 0), (1, 1), (0, 0.9), (-1, 1), (-0.89, 0)]
    return spline(outline, 32, closed=True)


@lru_cache
def _round_shape() -> Points:
    return ellipse(0, 0, 1, 1, samples=20)


def _vertebrae(bodies: Bones, arches: Bones, places: Points) -> None:
    """Draw vertebrae given x, y, half-width and height (n x 4, mm)."""
    x, y, w, h = places.T
    _place(bodies, _body_shape(), (x, y), (w, h / 2), 1.4)
    for side in (-1, 1):
        _place(arches, _round_shape(), (x + side * (w + 4), y - 2.5), (8.5, 3.4), 1.2, 110)
    for side in (-1, 1):
        _place(arches, _round_shape(), (x + side * w * 0.62, y - h * 0.14), (3.0, 4.4), 1.35)
    _place(arches, _round_shape(), (x, y + h * 0.42), (2.5, 6.0), 1.4, 220)


def _place(
    bones: Bones, shape: Points, centre: tuple[Points, Points], size: tuple[Points | float, Points | float],
    cortex: float, value: int = 255,
) -> None:  # fmt: skip
    """Put a shape of unit size at each centre (n), scaled to half its width and height in mm."""
    middle = np.stack(centre, 1)[:, None, :]
    half = np.stack(np.broadcast_arrays(size[0], size[1], centre[0])[:2], 1)[:, None, :]
    bones.grid.polygons(bones.whole, middle + shape * half, value)
    bones.grid.polygons(bones.inside, middle + shape * (half - cortex), value)


def shoulders(grid: Grid, anatomy: Anatomy) -> Field:
    """Return clavicles, shoulder blades and upper arms in cm of water."""
    collar, blades, arms = Bones(grid), Bones(grid), Bones(grid)
    a = anatomy
    for side in (-1, 1):
        _clavicle(collar, a, side)
        _blade(blades, a, side)
        _arm(arms, a, side)
    bone = a.bone
    return (
        collar.thickness(1.7 * bone, 1.3 * bone)
        + blades.thickness(0.95 * bone, 0.34 * bone)
        + arms.thickness(2.1 * bone, 1.35 * bone)
    )


def _clavicle(collar: Bones, a: Anatomy, side: int) -> None:
    y, rise = a.clavicle_y, a.clavicle_rise
    points = [(15, y), (38, y - rise * 0.16), (72, y - rise * 0.62), (108, y - rise * 0.98),
              (142, y - rise * 0.92), (168, y - rise * 0.80)]  # fmt: skip
    centre = spline([(side * px, py) for px, py in points], 40)
    width = np.interp(
        np.linspace(0, 1, 40), [0, 0.02, 0.1, 0.35, 0.7, 0.95, 1], [4, 7.8, 6.6, 4.9, 5.0, 6.4, 2]
    )
    collar.add(centre, width, cortex=1.5)


def _blade(blades: Bones, a: Anatomy, side: int) -> None:
    x, y = a.scapula_x, a.clavicle_y
    outline = [(x + 2, y - 8), (x - 6, y + 30), (x - 3, y + 75), (x + 8, y + 118), (x + 15, y + 121),
               (x + 24, y + 88), (x + 40, y + 38), (x + 46, y + 8), (x + 34, y - 8)]  # fmt: skip
    whole = spline([(side * px, py) for px, py in outline], 60, closed=True)
    middle = whole.mean(axis=0)
    blades.add_shape(whole, middle + (whole - middle) * 0.955, 190)
    ridge = spline([(side * (x - 2), y + 26), (side * (x + 20), y + 8), (side * (x + 45), y - 14)], 20)
    blades.add(ridge, 3.6, 255)


def _arm(arms: Bones, a: Anatomy, side: int) -> None:
    x, y = a.scapula_x + 58, a.clavicle_y - 4
    arms.add_shape(ellipse(side * x, y, 22, 23), ellipse(side * x, y, 20.4, 21.4), 215)
    reach = (30, 320) if a.arms_down else (88, 96)
    along = np.linspace(0.03, 1, 24)[:, None]
    shaft = np.array([side * (x + 5), y + 6]) + along * np.array([side * reach[0], reach[1]])
    arms.add(shaft, np.linspace(15, 11, 24), 215, cortex=3.6)
