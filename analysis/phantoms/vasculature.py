"""The vessels of the lungs: two trees that grow from the hila and thin out."""

import cv2
import numpy as np
from numpy.typing import NDArray

from analysis.phantoms.anatomy import Anatomy
from analysis.phantoms.canvas import SUBPIXEL_BITS, Field, Grid, Mask

BRANCHES = 12
SMALLEST_RADIUS_MM = 0.36
GENERATIONS = 7
STEPS = 3
"""Straight pieces of one stretch of vessel."""

GREY_PER_MM = 30.0
"""Grey levels of the vessel layer per mm of vessel thickness."""

COARSE_RADIUS_MM = 1.0

Numbers = NDArray[np.float64]


def hilum(anatomy: Anatomy, side: int) -> tuple[float, float]:
    """Return the centre of a hilum in mm; the left one stands higher."""
    x = -38.0 if side < 0 else 42.0
    return x * anatomy.mediastinum, anatomy.apex + (116 if side < 0 else 107)


def vessels(grid: Grid, anatomy: Anatomy, rng: np.random.Generator) -> Field:
    """Return vessel thickness in mm at each point."""
    coarse, fine = grid.mask(), grid.mask()
    for side in (-1, 1):
        paths, radii = _grow(anatomy, side, rng)
        thick = radii >= COARSE_RADIUS_MM
        _draw(grid, fine, paths[~thick], radii[~thick])
        _draw(grid, coarse, paths[thick], radii[thick])
        x, y = hilum(anatomy, side)
        trunk = np.array(
            [(x - side * 11, y - 13), (x - side, y - 5), (x + side * 2, y + 10), (x + side * 2, y + 38)]
        )
        grid.line(coarse, trunk[:3], 13.0, 215)
        grid.line(coarse, trunk[2:], 9.5, 165)
    return (grid.soften(coarse, 0.8) + grid.soften(fine, 0.35)) * np.float32(255 / GREY_PER_MM)


def _grow(anatomy: Anatomy, side: int, rng: np.random.Generator) -> tuple[Numbers, Numbers]:
    """Return the stretches of a tree (n x 4 x 2, mm) and their radii (n), thinnest first.

    All vessels of a generation grow at once: a stretch, then a fork into a larger and a smaller branch.
    """
    at, angle, radius = _roots(hilum(anatomy, side), side, rng)
    paths, radii = [], []
    for _ in range(GENERATIONS):
        path, angle = _stretch(at, angle, radius, side, rng)
        end = path[:, -1]
        out = side * end[:, 0]
        kept = (out > 12) & (out < 150) & (end[:, 1] > anatomy.apex) & (end[:, 1] < 330)
        path, angle, radius = path[kept], angle[kept], radius[kept]
        paths.append(path)
        radii.append(radius)
        at, angle, radius = _fork(path[:, -1], angle, radius, rng)
        if len(at) == 0:
            break
    every = np.concatenate(radii)
    order = np.argsort(every, kind="stable")
    return np.concatenate(paths)[order], every[order]


def _roots(
    centre: tuple[float, float], side: int, rng: np.random.Generator
) -> tuple[Numbers, Numbers, Numbers]:
    angle = np.deg2rad(-82 + 176 * (np.arange(BRANCHES) + 0.8 * rng.random(BRANCHES)) / BRANCHES)
    radius = (1.2 + 1.3 * rng.random(BRANCHES)) * np.where(angle > 0.3, 1.22, 0.92)
    at = np.array(centre) + np.stack([side * 4 * np.cos(angle), 13 * np.sin(angle)], 1)
    return at, angle, radius


def _stretch(
    at: Numbers, angle: Numbers, radius: Numbers, side: int, rng: np.random.Generator
) -> tuple[Numbers, Numbers]:
    length = (8 + 8.5 * radius) * rng.uniform(0.6, 1.4, len(at)) / STEPS
    bend = rng.uniform(-0.3, 0.3, len(at)) / STEPS
    path = [at]
    for _ in range(STEPS):
        at = at + np.stack([side * np.cos(angle), np.sin(angle)], 1) * length[:, None]
        angle = angle + bend
        path.append(at)
    return np.stack(path, 1), angle


def _fork(
    at: Numbers, angle: Numbers, radius: Numbers, rng: np.random.Generator
) -> tuple[Numbers, Numbers, Numbers]:
    n = len(at)
    sign = rng.choice([-1.0, 1.0], n)
    larger = radius * rng.uniform(0.76, 0.88, n), angle - sign * 0.28 * rng.uniform(0.5, 1.5, n)
    smaller = radius * rng.uniform(0.50, 0.78, n), angle + sign * 0.62 * rng.uniform(0.5, 1.5, n)
    radius = np.concatenate([larger[0], smaller[0]])
    kept = radius >= SMALLEST_RADIUS_MM
    return np.concatenate([at, at])[kept], np.concatenate([larger[1], smaller[1]])[kept], radius[kept]


def _draw(grid: Grid, layer: Mask, paths: Numbers, radii: Numbers) -> None:
    """Draw many vessels at once, in groups of one width and one grey level."""
    points = grid.at(paths.reshape(-1, 2)).reshape(paths.shape)
    width = 2 * radii * grid.px
    pixels = np.maximum(1, np.rint(width)).astype(int)
    grey = np.rint(GREY_PER_MM * 2.1 * radii**0.65 * np.minimum(1, width)).clip(1, 255).astype(int)
    group = pixels * 256 + grey // 6 * 6 + 1
    for key in np.unique(group).tolist():
        chosen = list(points[group == key])
        cv2.polylines(layer, chosen, False, (key % 256,), key // 256, cv2.LINE_AA, SUBPIXEL_BITS)
