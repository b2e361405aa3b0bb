"""The outer shape and the lungs: thickness of soft tissue and of air along each ray."""

import numpy as np

from analysis.phantoms.anatomy import Anatomy
from analysis.phantoms.canvas import Field, Grid, Points, curve, ellipse, spline, step

LUNG_DEPTH_CM = 15.0
LATERAL_AT = (0.0, 0.141, 0.283, 0.447, 0.632, 0.775, 0.894, 1.0, 1.15)
LATERAL = (0.35, 0.47, 0.60, 0.745, 0.875, 0.945, 0.985, 1.0, 0.99)
MEDIAL = (0.35, 0.21, 0.14, 0.10, 0.08, 0.07, 0.07, 0.07, 0.07)
CAGE_HEIGHT_MM = 245.0
HILUM_BELOW_APEX_MM = 110.0


class Cage:
    """The borders of the lungs on a grid: lateral and medial by row, the diaphragm by column."""

    def __init__(self, grid: Grid, anatomy: Anatomy) -> None:
        self.anatomy = anatomy
        level = np.sqrt(np.clip((grid.y - anatomy.apex) / CAGE_HEIGHT_MM, 0, 1.3))
        self.depth_below_apex: Field = grid.y - np.float32(anatomy.apex)
        self.lateral: Field = curve(LATERAL, LATERAL_AT, level) * np.float32(anatomy.chest)
        self.medial: Field = curve(MEDIAL, LATERAL_AT, level) * np.float32(anatomy.chest)
        self.dome: Field = self._dome(grid.x)
        self.across: Field = np.abs(grid.x)
        self.outward: Field = np.clip(
            (self.across - self.medial) / np.maximum(self.lateral - self.medial, 1.0), 0, 1.2
        )
        """0 at the medial, 1 at the lateral border of the lung."""
        self.below: Field = grid.y - self.dome
        """Distance in mm below the diaphragm's dome, negative in the lung."""

    def shrunken(self, across: float, down: float) -> Field:
        """Return the lateral border by row of a lung shrunk towards its hilum by two factors (0 to 1)."""
        depth = self._shrunken_depth(down)
        level = np.sqrt(np.clip(depth / CAGE_HEIGHT_MM, 0, 1.3))
        border = curve(LATERAL, LATERAL_AT, level) * np.float32(self.anatomy.chest)
        factor = across + (1 - across) * np.clip((self.depth_below_apex - 60) / 150, 0, 1) * np.float32(0.8)
        return np.asarray(np.where(depth <= 0, -10, 34 + (border - 34) * factor), np.float32)

    def shrunken_medial(self, down: float) -> Field:
        """Return the medial border by row of a lung shrunk towards its hilum by a factor (0 to 1)."""
        level = np.sqrt(np.clip(self._shrunken_depth(down) / CAGE_HEIGHT_MM, 0, 1.3))
        return np.asarray(curve(MEDIAL, LATERAL_AT, level) * np.float32(self.anatomy.chest), np.float32)

    def _shrunken_depth(self, down: float) -> Field:
        """Return, by row, how far below the apex that row of the shrunken lung lay before."""
        below_hilum = self.depth_below_apex - np.float32(HILUM_BELOW_APEX_MM)
        stretched = np.where(below_hilum < 0, below_hilum / np.float32(down), below_hilum)
        return np.asarray(stretched + np.float32(HILUM_BELOW_APEX_MM), np.float32)

    def shrunken_apex(self, down: float) -> float:
        """Return y (mm) of the apex of a shrunken lung."""
        return self.anatomy.apex + HILUM_BELOW_APEX_MM * (1 - down)

    def _dome(self, x: Field) -> Field:
        a = self.anatomy
        right, left = self._half(x, -62.0, a.dome_right), self._half(x, 66.0, a.dome_left)
        mix = step(x - np.float32(2), 4.0)
        return right * (1 - mix) + left * mix

    def _half(self, x: Field, centre: float, top: float) -> Field:
        a = self.anatomy
        outer = (a.chest - abs(centre)) * 1.02
        lateral = np.sign(centre) * (x - np.float32(centre))
        s = np.where(lateral > 0, lateral / np.float32(outer), lateral / np.float32(80.0))
        fall = np.where(lateral > 0, 20 * s**2 + 24 * np.abs(s) ** 7, 19 * s**2)
        return np.asarray(top + a.dome_curve * fall, np.float32)

    def lung_air(self) -> Field:
        """Return the depth of the lungs in cm along each ray, diaphragm and heart not yet taken away."""
        t = np.clip(self.depth_below_apex / CAGE_HEIGHT_MM, 0, 1)
        cap = np.sqrt(np.clip(1 - (1 - np.minimum(t / np.float32(0.055), 1)) ** 2, 0, 1))
        depth = cap * (0.5 + 0.5 * np.minimum(t / np.float32(0.3), 1) ** 0.7)
        square = self.outward * self.outward
        profile = np.sqrt(np.clip(1 - square * square * self.outward, 0, 1))
        inner = step(self.across - self.medial * np.float32(0.8), 7.0)
        return np.asarray(LUNG_DEPTH_CM * depth * profile * inner, np.float32)


def body_outline(anatomy: Anatomy) -> Points:
    """Return the outline of neck, shoulders, arms and torso (n x 2, mm)."""
    a, wide = anatomy, anatomy.fat * 10
    torso = a.torso
    if a.arms_down:
        arm = [(232, 95), (262, 150), (262, 380), (torso + 34, 380), (torso + 22, 250), (torso + 8, 176)]
    else:
        arm = [(240, 74), (270, 100), (270, 262), (torso + 52, 206), (torso + 20, 160), (torso + 6, 146)]
    half = [
        (50 + wide, -30), (50 + wide, 4), (58 + wide, 26), (92 + wide, 46), (150, 56), (198, 66), *arm,
        (torso + 0.5, 160), (torso - 3, 195), (torso - 2, 250), (torso + 4, 310), (torso + 8, 380),
    ]  # fmt: skip
    left = spline([(float(x), float(y)) for x, y in half], 120)
    return np.concatenate([left, (left * [-1, 1])[::-1]])


def body_thickness(grid: Grid, anatomy: Anatomy) -> Field:
    """Return soft tissue along each ray in cm of water, as if the chest held no air."""
    mask = grid.mask()
    grid.polygon(mask, body_outline(anatomy))
    inside = grid.soften(mask, 0.9)
    deep = np.sqrt(np.clip(grid.blur(inside, 9.0) * 2 - 1, 0, 1))
    s = np.clip(np.abs(grid.x) / np.float32(anatomy.torso + 4), 0, 1)
    across = (1 - s**2.3) ** np.float32(0.66)
    level = curve((0.56, 0.60, 0.80, 0.97, 1.0, 1.0), (0, 40, 90, 150, 210, 344), grid.y)
    limb = np.float32(0.42) * (0.25 + 0.75 * deep)
    thickness = np.maximum(across * level, limb) * (0.3 + 0.7 * deep)
    return np.asarray(inside * thickness * np.float32(anatomy.thickness), np.float32)


def breast_thickness(grid: Grid, anatomy: Anatomy) -> Field:
    """Return the breasts' soft tissue in cm of water, their lower border the sharpest."""
    radius = 50 + 9 * anatomy.breast
    y = anatomy.dome_right - 22
    down = (grid.y - np.float32(y)) / np.float32(radius)
    height = down * np.float32(0.87) + np.maximum(down, 0) * np.float32(0.22)
    fade = step(down + np.float32(0.55), 0.24)
    # One breast over the mirrored half is both.
    dx = (np.abs(grid.x) - np.float32(80 + 4 * anatomy.breast)) / np.float32(radius * 0.98)
    rest = np.clip(1 - (dx * dx + height * height), 0, 1)
    # rest ** 0.6, which a hemisphere's 0.5 would make too sharp at the rim
    return np.asarray(np.float32(anatomy.breast) * fade * np.sqrt(rest) * (0.85 + 0.15 * rest), np.float32)


def belly_gas(grid: Grid, anatomy: Anatomy, rng: np.random.Generator) -> Field:
    """Return gas in stomach and bowel below the diaphragm, in cm."""
    mask = grid.mask()
    if anatomy.bubble > 0.25:
        size = anatomy.bubble
        x, y = 58 + rng.normal(0, 5), anatomy.dome_left + 19 + 7 * size
        top = ellipse(x, y, 24 * size + 5, 11 * size + 3, -0.12)
        level = y + 7 * size  # an upright stomach shows a fluid level
        top[:, 1] = np.minimum(top[:, 1], level)
        grid.polygon(mask, top)
    gas = 5.2 * grid.soften(mask, 1.8)
    loops = grid.mask()
    for _ in range(int(rng.integers(2, 7))):
        x, y = rng.uniform(-20, 120), anatomy.dome_left + rng.uniform(58, 110)
        grid.polygon(loops, ellipse(x, y, rng.uniform(8, 17), rng.uniform(6, 11), rng.uniform(0, 3)))
    return np.asarray(gas + 2.6 * grid.soften(loops, 4.0), np.float32)
