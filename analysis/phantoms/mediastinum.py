"""Heart, great vessels, trachea: how much of the chest's depth they fill at each point."""

import numpy as np
from numpy.typing import NDArray

from analysis.phantoms.anatomy import Anatomy
from analysis.phantoms.canvas import Field, Grid, Points, curve, spline, step

HEART_ANGLES = np.deg2rad([0, 28, 60, 90, 135, 180, 215, 245, 270, 300, 325, 345])
HEART_RADII = np.array([64.0, 79.0, 68.0, 56.0, 54.0, 50.0, 52.0, 60.0, 60.0, 46.0, 45.0, 53.0])
"""Radius of the heart's silhouette in mm; 0 points to the patient's left, angles turn downwards."""

HEART_REACH_MM = 118.0
"""Half the side of the window in which the heart is drawn."""

HEART_FLOOR_MM = 36.0
"""Below this depth under its centre the heart lies on the diaphragm and shows no lower border."""


def heart_fill(grid: Grid, anatomy: Anatomy) -> Field:
    """Return the share (0 to 0.76) of the chest's depth that the heart fills."""
    fill = grid.field()
    rows = np.flatnonzero(np.abs(grid.y[:, 0] - anatomy.heart_y) < HEART_REACH_MM)
    columns = np.flatnonzero(np.abs(grid.x[0] - anatomy.heart_x) < HEART_REACH_MM * anatomy.heart)
    if len(rows) == 0 or len(columns) == 0:
        return fill
    window = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    dx = grid.x[:, window[1]] - np.float32(anatomy.heart_x)
    dy = grid.y[window[0]] - np.float32(anatomy.heart_y)
    dy = np.minimum(dy, np.float32(HEART_FLOOR_MM * anatomy.heart))
    table = np.linspace(-np.pi, np.pi, 361)
    outline = np.interp(np.arctan2(dy, dx), table, heart_radius(anatomy, table)).astype(np.float32)
    rest = np.clip(1 - (dx * dx + dy * dy) / (outline * outline), 0, 1)
    fill[window] = np.sqrt(rest) * (np.float32(0.8) + np.float32(0.2) * np.sqrt(np.sqrt(rest)))
    return np.asarray(np.float32(0.76) * grid.blur(fill, 0.7), np.float32)


def heart_radius(anatomy: Anatomy, angle: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the radius of the silhouette in mm at evenly spaced angles from -pi to pi."""
    stretch = 1 + (anatomy.heart - 1) * (0.35 + 0.65 * np.abs(np.cos(angle)))
    radii = np.interp(angle, HEART_ANGLES, HEART_RADII, period=2 * np.pi)
    window = np.hanning(31) / 15.0
    around = np.concatenate([radii[-31:-1], radii, radii[1:31]])
    return np.asarray(np.convolve(around, window, "same")[30:-30] * stretch)


def borders(anatomy: Anatomy, y: Field) -> tuple[Field, Field]:
    """Return the right and left borders (mm) of the upper mediastinum at each row."""
    m, knob = anatomy.mediastinum, anatomy.knob
    top = anatomy.apex - 49
    right = curve(
        (-27, -22, -20, -25, -28, -30, -27, -25), (0, 60, 85, 110, 140, 165, 190, 260), y - np.float32(top)
    )
    left = curve(
        (27, 22, 20, 22, 23, 29, 36, 30, 24), (0, 60, 85, 96, 140, 152, 165, 200, 260), y - np.float32(top)
    )
    wave = np.float32(1.3) * np.sin(y / np.float32(11 + 0.3 * knob) + np.float32(knob))
    left = left * np.float32(m) - wave
    bulge = _knob(anatomy, y, knob)
    blend = np.logaddexp(left / 3, np.maximum(bulge, left - 40) / 3) * 3  # a rounded join, not a corner
    return right * np.float32(m) + wave, np.asarray(blend, np.float32)


def knob_centre(anatomy: Anatomy) -> tuple[float, float]:
    """Return the centre of the aortic knob in mm."""
    return 17.0 * anatomy.mediastinum, anatomy.apex + 68.0


def _knob(anatomy: Anatomy, y: Field, radius: float) -> Field:
    x, centre = knob_centre(anatomy)
    d = (y - np.float32(centre)) / np.float32(radius * 1.3)
    return np.asarray(x + radius * np.sqrt(np.clip(1 - d * d, 0, 1)) - 1e3 * (np.abs(d) >= 1), np.float32)


def vessels_fill(grid: Grid, anatomy: Anatomy) -> Field:
    """Return the share of the depth filled by the upper mediastinum and the descending aorta."""
    right, left = borders(anatomy, grid.y)
    t = np.clip((grid.x - right) / np.maximum(left - right, 1) * 2 - 1, -1, 1)
    fade = curve((0.92, 0.88, 0.80, 0.74, 0.62, 0.25, 0.05), (0, 50, 90, 120, 160, 210, 260), grid.y)
    square = t * t
    column = grid.blur(np.asarray(fade * np.sqrt(1 - square * square * np.abs(t)), np.float32), 0.8)
    return np.asarray(1 - (1 - column) * (1 - 0.30 * _descending(grid, anatomy)), np.float32)


def descending_edge(anatomy: Anatomy, y: Field) -> Field:
    """Return x (mm) of the left edge of the descending aorta at each row."""
    x, centre = knob_centre(anatomy)
    t = np.clip((y - np.float32(centre)) / np.float32(150), 0, 1)
    bow = np.float32(anatomy.tortuosity) * np.sin(np.pi * np.minimum(t * 1.15, 1)) ** 2
    return np.asarray(x + anatomy.knob * 0.86 - 12 * t + bow, np.float32)


def _descending(grid: Grid, anatomy: Anatomy) -> Field:
    edge = descending_edge(anatomy, grid.y)
    inside = np.clip((edge - grid.x) / np.float32(13 + anatomy.tortuosity * 0.25), 0, 2)
    profile = np.sqrt(np.clip(1 - (1 - inside) ** 2, 0, 1))
    _, centre = knob_centre(anatomy)
    return np.asarray(profile * step(grid.y - np.float32(centre), 4.0), np.float32)


def airway_outlines(anatomy: Anatomy) -> tuple[list[Points], list[float]]:
    """Return centre lines (mm) of trachea and main bronchi, and their widths in mm."""
    carina = anatomy.apex + 88.0
    lean = -3.0 - 0.10 * anatomy.tortuosity
    trachea = spline(
        [(0, -20), (0.5, 20), (lean * 0.5, 60), (lean, carina - 24), (lean - 0.5, carina + 1)], 30
    )
    right = spline([(lean - 2, carina - 4), (-13, carina + 14), (-25, carina + 31), (-34, carina + 46)], 16)
    left = spline([(lean + 3, carina - 3), (14, carina + 13), (30, carina + 25), (43, carina + 35)], 16)
    upper = spline([(-17, carina + 16), (-30, carina + 15), (-42, carina + 8)], 10)
    return [trachea, right, left, upper], [17.0, 11.5, 10.5, 7.0]
