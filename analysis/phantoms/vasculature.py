"""The vessels of the lungs: two trees that grow from the hila and thin out."""

import math
from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from analysis.phantoms.anatomy import Anatomy
from analysis.phantoms.canvas import SUBPIXEL_BITS, Field, Grid, Mask

BRANCHES = 12
SMALLEST_RADIUS_MM = 0.42
DEEPEST = 6
STEPS = 3
"""Straight pieces of one stretch of vessel."""

GREY_PER_MM = 30.0
"""Grey levels of the vessel layer per mm of vessel thickness."""

COARSE_RADIUS_MM = 1.0

Vessel = tuple[float, float, float, float, int]
"""x, y (mm), direction (radians, 0 outwards, pi/2 down), radius (mm), generation."""


def hilum(anatomy: Anatomy, side: int) -> tuple[float, float]:
    """Return the centre of a hilum in mm; the left one stands higher."""
    x = -41.0 if side < 0 else 44.0
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
            [(x - side * 10, y - 12), (x, y - 3), (x + side * 4, y + 12), (x + side * 5, y + 32)]
        )
        grid.line(coarse, trunk[:3], 14.0, 200)
        grid.line(coarse, trunk[2:], 10.0, 200)
    return (grid.soften(coarse, 0.8) + grid.soften(fine, 0.35)) * np.float32(255 / GREY_PER_MM)


def _grow(
    anatomy: Anatomy, side: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the stretches of a tree (n x 4 x 2, mm) and their radii, thinnest first."""
    draws = iter(rng.random(12_000).tolist())
    stack = _roots(hilum(anatomy, side), side, draws)
    paths: list[list[tuple[float, float]]] = []
    radii: list[float] = []
    while stack:
        vessel = stack.pop()
        path, angle = _stretch(vessel, side, draws)
        x, y = path[-1]
        if not (12 < side * x < 150 and anatomy.apex < y < 330):
            continue
        paths.append(path)
        radii.append(vessel[3])
        stack.extend(_children(x, y, angle, vessel[3], vessel[4], draws))
    order = np.argsort(radii, kind="stable")
    return np.array(paths)[order], np.array(radii)[order]


def _roots(centre: tuple[float, float], side: int, draws: Iterator[float]) -> list[Vessel]:
    roots: list[Vessel] = []
    for k in range(BRANCHES):
        angle = math.radians(-80 + 172 * (k + 0.8 * next(draws)) / BRANCHES)
        radius = (2.0 + 1.5 * next(draws)) * (1.25 if angle > 0.3 else 0.92)
        start = 4 * math.cos(angle), 12 * math.sin(angle)
        roots.append((centre[0] + side * start[0], centre[1] + start[1], angle, radius, 0))
    return roots


def _stretch(vessel: Vessel, side: int, draws: Iterator[float]) -> tuple[list[tuple[float, float]], float]:
    x, y, angle, radius, _ = vessel
    length = (7 + 7.0 * radius) * (0.6 + 0.8 * next(draws)) / STEPS
    bend = (next(draws) - 0.5) * 0.55 / STEPS
    path = [(x, y)]
    for _ in range(STEPS):
        x += side * math.cos(angle) * length
        y += math.sin(angle) * length
        angle += bend
        path.append((x, y))
    return path, angle


def _children(
    x: float, y: float, angle: float, radius: float, generation: int, draws: Iterator[float]
) -> Iterator[Vessel]:
    if generation >= DEEPEST:
        return
    sign = 1 if next(draws) < 0.5 else -1
    for share, turn in ((0.76 + 0.12 * next(draws), -0.28), (0.52 + 0.26 * next(draws), 0.62)):
        child = radius * share
        if child >= SMALLEST_RADIUS_MM:
            yield x, y, angle + sign * turn * (0.5 + next(draws)), child, generation + 1


def _draw(grid: Grid, layer: Mask, paths: NDArray[np.float64], radii: NDArray[np.float64]) -> None:
    """Draw many vessels at once, in groups of one width and one grey level."""
    points = grid.at(paths.reshape(-1, 2)).reshape(paths.shape)
    width = 2 * radii * grid.px
    pixels = np.maximum(1, np.rint(width)).astype(int)
    grey = np.rint(GREY_PER_MM * 1.7 * radii * np.minimum(1, width)).clip(1, 255).astype(int)
    group = pixels * 256 + grey // 6 * 6 + 1
    for key in np.unique(group).tolist():
        chosen = list(points[group == key])
        cv2.polylines(layer, chosen, False, (key % 256,), key // 256, cv2.LINE_AA, SUBPIXEL_BITS)
